//! Pictures as people have them: whatever they are, the right image or a sentence that names
//! the file.

use super::*;
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const SHAPE: ImageShape = ImageShape {
    channels: 3,
    height: 16,
    width: 16,
};

/// Red on the left, blue on the right, darker towards the bottom.
fn picture(side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let value = (255 - 127 * y / side) as u8;
        match x < side / 2 {
            true => Rgb([value, 0, 0]),
            false => Rgb([0, 0, value]),
        }
    })
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// What `bytes` are read as under any name, `side` × `side`.
fn read_one(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("it.jpg");
    fs::write(&path, bytes).unwrap();
    let picture = open::open(&path).and_then(|picture| fit(&picture, SHAPE));
    picture.map_err(|error| error.to_string())
}

fn assert_alike(found: &[u8], expected: &[u8], most: u8, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    // Edges are blurred where a file stores colours more coarsely.
    let far = found
        .iter()
        .zip(expected)
        .filter(|(a, b)| a.abs_diff(**b) > most);
    assert!(far.count() * 10 < found.len(), "{what}: {found:?}");
}

#[test]
fn every_kind_of_file_gives_the_same_picture() {
    let whole = picture(48);
    let expected = fit(&whole, SHAPE).unwrap();
    let rgb = DynamicImage::from(whole.clone());
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ] {
        let found = read_one(&encode(&rgb, format)).unwrap();
        assert_alike(&found, &expected, 24, &format!("{format:?}"));
    }
    for deep in [ImageFormat::Png, ImageFormat::Tiff] {
        let found = read_one(&encode(&rgb.to_rgb16().into(), deep)).unwrap();
        assert_alike(&found, &expected, 2, "16 bits");
    }
    let grey = rgb.to_luma8();
    let expected_grey = fit(&DynamicImage::from(grey.clone()).into_rgb8(), SHAPE).unwrap();
    for grey in [
        DynamicImage::from(grey),
        rgb.to_luma16().into(),
        rgb.to_luma_alpha8().into(),
    ] {
        let found = read_one(&encode(&grey, ImageFormat::Png)).unwrap();
        assert_alike(&found, &expected_grey, 2, "grey");
    }
    // Inks as Adobe stores them: 255 is none of it.
    let inks: Vec<u8> = whole
        .pixels()
        .flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], 0])
        .collect();
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, 95)
            .encode(&inks, 48, 48, kind)
            .unwrap();
        assert_alike(
            &read_one(&bytes).unwrap(),
            &expected,
            40,
            &format!("{kind:?}"),
        );
    }
    let mut png = png_of_palette(&whole);
    assert_alike(&read_one(&png).unwrap(), &expected, 2, "palette");
    png.truncate(png.len() / 2);
    assert!(read_one(&png).unwrap_err().contains("damaged"));
}

/// A PNG whose pixels are places in a list of the few colours that `picture` has.
fn png_of_palette(picture: &RgbImage) -> Vec<u8> {
    let mut colours: Vec<Rgb<u8>> = picture.pixels().copied().collect();
    colours.sort_by_key(|colour| colour.0);
    colours.dedup();
    let indices: Vec<u8> = picture
        .pixels()
        .map(|pixel| colours.iter().position(|colour| colour == pixel).unwrap() as u8)
        .collect();
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(
        colours
            .iter()
            .flat_map(|colour| colour.0)
            .collect::<Vec<u8>>(),
    );
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&indices).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn pictures_stand_upright_and_lie_on_white() {
    let upright = picture(32);
    let expected = fit(&upright, SHAPE).unwrap();
    for exif in 1..=8 {
        let orientation = Orientation::from_exif(exif).unwrap();
        // What a camera stores that was held so that this turns it upright.
        let inverse = match orientation {
            Orientation::Rotate90 => Orientation::Rotate270,
            Orientation::Rotate270 => Orientation::Rotate90,
            other => other,
        };
        let mut stored = DynamicImage::from(upright.clone());
        stored.apply_orientation(inverse);
        let stored = stored.into_rgb8();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 95);
        let head = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
        let tag = [&head[..], &[exif], &[0; 6]].concat();
        encoder.add_app_segment(1, tag).unwrap();
        encoder.encode(&stored, 32, 32, ColorType::Rgb).unwrap();
        assert_alike(
            &read_one(&bytes).unwrap(),
            &expected,
            24,
            &format!("orientation {exif}"),
        );
    }

    let clear = RgbaImage::from_fn(16, 16, |x, _| match x {
        0..8 => Rgba([9, 9, 9, 0]),
        _ => Rgba([0, 0, 0, 51]),
    });
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let found = read_one(&encode(&DynamicImage::from(clear.clone()), format)).unwrap();
        assert_eq!(found[..3], [255; 3], "{format:?}");
        assert_eq!(found[45..48], [204; 3], "{format:?}");
    }
}

#[test]
fn sizes_from_one_pixel_to_more_than_there_is_memory() {
    for (width, height) in [(1, 1), (1, 300), (300, 1), (17, 3)] {
        let picture = RgbImage::from_pixel(width, height, Rgb([9, 99, 199]));
        let found = read_one(&encode(&picture.into(), ImageFormat::Png)).unwrap();
        assert_eq!(found, [9, 99, 199].repeat(256), "{width}×{height}");
    }
    // A few bytes that say they are 60,000 × 60,000 pixels.
    let mut bomb = encode(&picture(16).into(), ImageFormat::Png);
    for at in [16, 20] {
        bomb[at..at + 4].copy_from_slice(&60_000_u32.to_be_bytes());
    }
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = read_one(&bomb).unwrap_err();
    assert!(
        error.contains("60000×60000") && error.contains("smaller") || error.contains("limit"),
        "{error}"
    );
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn what_cannot_be_read_says_why() {
    let jpeg = encode(&picture(64).into(), ImageFormat::Jpeg);
    let half = &jpeg[..jpeg.len() / 2];
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"no picture at all", "it is not a PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "a film"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (half, "its end is missing"),
        (b"GIF89a", "damaged"),
        (b"BM of another kind", "damaged"),
        (b"II*\0", "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ] {
        let error = read_one(bytes).unwrap_err();
        assert!(error.contains(words), "{words} is not in: {error}");
    }
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
    ] {
        let whole = encode(&picture(64).into(), format);
        let error = read_one(&whole[..whole.len() / 2]).unwrap_err();
        assert!(error.contains("damaged"), "{format:?}: {error}");
    }
}

/// A folder of `count` pictures that differ.
fn folder(count: u8) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..count {
        let bytes = encode(
            &RgbImage::from_pixel(20, 20, Rgb([i, 255 - i, 7])).into(),
            ImageFormat::Png,
        );
        // Endings tell nothing.
        let name = format!("{i}.{}", ["png", "jpg", "txt", ""][usize::from(i) % 4]);
        fs::write(dir.path().join(name.trim_end_matches('.')), bytes).unwrap();
    }
    dir
}

fn read_folder(folder: &Path, split: Split) -> Result<Images> {
    read(Source::Folder, Some(folder), split, SHAPE)
}

/// Images in both splits.
fn count(folder: &Path) -> usize {
    [Split::Train, Split::Test]
        .map(|split| read_folder(folder, split).unwrap().count())
        .iter()
        .sum()
}

fn error(path: &Path) -> String {
    format!("{:#}", read_folder(path, Split::Train).unwrap_err())
}

#[test]
fn a_folder_gives_all_its_pictures_once() {
    let dir = folder(60);
    assert_eq!(count(dir.path()), 60);
    for name in [".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"] {
        fs::write(dir.path().join(name), "of the system").unwrap();
    }
    let below = dir.path().join("below/further");
    fs::create_dir_all(&below).unwrap();
    let bytes = encode(&picture(20).into(), ImageFormat::Png);
    fs::write(below.join("one.png"), &bytes).unwrap();
    fs::create_dir(dir.path().join(".hidden")).unwrap();
    fs::write(dir.path().join(".hidden/two.png"), &bytes).unwrap();
    assert_eq!(count(dir.path()), 61);
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("three.png"), &bytes).unwrap();
        symlink(elsewhere.path(), dir.path().join("elsewhere")).unwrap();
        assert_eq!(count(dir.path()), 62);
        // Back to the folder, to itself, to what is there already, and nowhere.
        symlink(dir.path(), below.join("back")).unwrap();
        symlink(below.join("self"), below.join("self")).unwrap();
        symlink(below.join("one.png"), dir.path().join("again.png")).unwrap();
        symlink(dir.path().join("nothing"), dir.path().join("nowhere.png")).unwrap();
        let pipe = std::process::Command::new("mkfifo")
            .arg(below.join("pipe.png"))
            .status();
        assert!(pipe.unwrap().success());
        assert_eq!(count(dir.path()), 62);
    }
}

#[test]
fn a_folder_that_makes_no_model_says_so() {
    let none = tempfile::tempdir().unwrap();
    assert!(error(none.path()).contains("contains no pictures"));
    let file = none.path().join("one.png");
    fs::write(&file, encode(&picture(16).into(), ImageFormat::Png)).unwrap();
    assert!(error(&file).contains("it is a file; give the folder"));
    assert!(error(&none.path().join("nowhere")).contains("does not exist"));
    fs::write(&file, "broken").unwrap();
    let both = [Split::Train, Split::Test]
        .map(|split| format!("{:#}", read_folder(none.path(), split).unwrap_err()));
    assert!(
        both.iter().all(|error| error.contains("add more of them")),
        "{both:?}"
    );

    let alike = tempfile::tempdir().unwrap();
    for i in 0..40 {
        let bytes = encode(&picture(16).into(), ImageFormat::Png);
        fs::write(alike.path().join(format!("{i}.png")), bytes).unwrap();
    }
    assert!(error(alike.path()).contains("pictures that differ"));
}

/// Where the one who runs the tests may read everything, there is nothing to see.
#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder(60);
    let forbid = |path: &PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let (file, below) = (dir.path().join("0.png"), dir.path().join("below"));
    fs::create_dir(&below).unwrap();
    forbid(&file, 0o000);
    forbid(&below, 0o000);
    if fs::read(&file).is_err() {
        assert_eq!(count(dir.path()), 59);
        let root = dir.path().to_path_buf();
        forbid(&root, 0o000);
        let error = error(&root);
        forbid(&root, 0o755);
        assert!(error.contains("change its permissions"), "{error}");
    }
    forbid(&below, 0o755);
}

#[test]
fn a_column_says_which_tiles_are_read_and_their_classes() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = RgbImage::from_fn(32 * 4, 4, |x, _| Rgb([(x / 4 * 8) as u8; 3]));
    sheet.save(folder.path().join("tiles_000.png")).unwrap();
    let table = "split,class\ntrain,cat\ntrain,dog\ntest,bird\ntrain,bird\n";
    fs::write(folder.path().join("labels.csv"), table).unwrap();
    let read = |classes| {
        let source = Source::Sheets(Table {
            rules: &[],
            classes,
        });
        read(source, Some(folder.path()), Split::Train, SHAPE)
    };
    let all = read(None).unwrap();
    assert_eq!(all.labels, [0, 0, 0]);
    let some = read(Some(("class", &["bird", "cat"]))).unwrap();
    assert_eq!(some.labels, [1, 0]);
    assert_eq!(some.image(0), all.image(0));
    assert_eq!(some.image(1), all.image(2));
    let error = format!("{:#}", read(Some(("kind", &["bird"]))).unwrap_err());
    assert!(error.contains("no column `kind`"), "{error}");
}

#[test]
fn glyphs_have_their_character_and_their_font() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    put("chars.txt", "AB\n");
    put("fonts.csv", "font,split\n0,train\n1,test\n2,train\n");
    // Six tiles, one brighter than the one before.
    let sheet = RgbImage::from_fn(32 * 16, 16, |x, _| Rgb([(x / 16 * 8) as u8; 3]));
    sheet.save(folder.path().join("glyphs_000.png")).unwrap();
    let shape = ImageShape {
        channels: 1,
        ..SHAPE
    };
    let read = |split, characters| {
        read(
            Source::Glyphs(characters),
            Some(folder.path()),
            split,
            shape,
        )
    };
    let train = read(Split::Train, "AB").unwrap();
    assert_eq!(
        (&*train.labels, &*train.groups),
        (&[0, 1, 0, 1][..], &[0, 0, 2, 2][..])
    );
    let first: Vec<u8> = (0..4).map(|i| train.image(i)[0]).collect();
    assert_eq!(first, [0, 8, 32, 40]);
    assert!(!train.binarize);
    assert_eq!(read(Split::Test, "AB").unwrap().groups, [1, 1]);
    let error = format!("{:#}", read(Split::Train, "ABC").unwrap_err());
    assert!(
        error.contains("chars.txt") && error.contains("`ABC`"),
        "{error}"
    );
    put(
        "fonts.csv",
        &format!("font,split\n{}", "0,train\n".repeat(600)),
    );
    let error = format!("{:#}", read(Split::Train, "AB").unwrap_err());
    assert!(error.contains("1200 rows"), "{error}");
}

#[test]
fn only_images_that_are_drawn_need_no_folder() {
    let shape = ImageShape {
        channels: 1,
        height: 64,
        width: 64,
    };
    let folder = tempfile::tempdir().unwrap();
    let failure = |source, folder| {
        let read = read(source, folder, Split::Test, shape);
        read.unwrap_err().to_string()
    };
    assert_eq!(
        failure(Source::Shapes, Some(folder.path())),
        "the images of this model are drawn, not read; leave --data out"
    );
    assert_eq!(
        failure(Source::Folder, None),
        "give the folder of the model's data set with --data"
    );
}

#[test]
fn texts_are_forgotten_by_whole_symbols_and_noise_only_shrinks() {
    let shape = ImageShape {
        channels: 3,
        height: 1,
        width: 50,
    };
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let texts = [0.0, 1.0, 0.0].repeat(50 * 40);
    let read = batch::forgotten(&texts, shape, &mut rng);
    let mut shares = Vec::new();
    for text in read.chunks_exact(shape.len()) {
        for symbol in text.chunks_exact(3) {
            assert!(
                [[0.0; 3], [0.0, 1.0, 0.0]]
                    .iter()
                    .any(|known| known == symbol)
            );
        }
        shares.push(1.0 - text.iter().sum::<f32>() / 50.0);
    }
    let mean = shares.iter().sum::<f32>() / 40.0;
    assert!((0.1..0.3).contains(&mean), "{mean}");
    assert!(shares.iter().any(|&share| share < 0.1) && shares.iter().any(|&share| share > 0.2));

    let noise = batch::tempered([2.0, -1.0].repeat(100), 2, &mut rng);
    let temperatures: Vec<f32> = noise.chunks(2).map(|pair| pair[0] / 2.0).collect();
    for (pair, t) in noise.chunks(2).zip(&temperatures) {
        assert!((pair[1] + t).abs() < 1e-6 && (0.0..=1.0).contains(t));
    }
    let mean = temperatures.iter().sum::<f32>() / 100.0;
    assert!((0.4..0.6).contains(&mean), "{mean}");
}
