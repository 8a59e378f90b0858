//! MNIST's own format, IDX, which Fashion-MNIST shares.

use super::{Images, Split};
use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use vaelet_model::ImageShape;

/// Reads a split of MNIST, or of a data set in its format, from `folder`.
///
/// # Errors
/// A missing folder or file, or a damaged file; the message names it and says what to do.
pub fn read(folder: &Path, split: Split) -> Result<Images> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    ensure!(
        folder.is_dir(),
        "the folder {} does not exist. `vaelet data fetch mnist --out {}` downloads MNIST, and `fashion-mnist` instead of `mnist` Fashion-MNIST",
        folder.display(),
        folder.display(),
    );
    let images = array(folder, &format!("{prefix}-images-idx3-ubyte"), 3)?;
    let labels = array(folder, &format!("{prefix}-labels-idx1-ubyte"), 1)?;
    ensure!(
        images.shape[0] == labels.shape[0],
        "{}: {} images but {} labels; the files are not from one data set",
        folder.display(),
        images.shape[0],
        labels.shape[0],
    );
    let shape = ImageShape {
        channels: 1,
        height: images.shape[1],
        width: images.shape[2],
    };
    Ok(Images {
        labels: labels.values,
        ..Images::unlabelled(images.values, shape)
    })
}

/// Most bytes of an array: twenty times MNIST's.
const MOST_BYTES: u64 = 1 << 30;

/// An array in the IDX format of MNIST's own page.
struct Idx {
    shape: Vec<usize>,
    values: Vec<u8>,
}

fn array(folder: &Path, name: &str, rank: usize) -> Result<Idx> {
    let path = folder.join(format!("{name}.gz"));
    let compressed = File::open(&path).with_context(|| {
        format!(
            "{} is missing. `vaelet data fetch mnist --out {}` downloads MNIST, and `fashion-mnist` instead of `mnist` Fashion-MNIST",
            path.display(),
            folder.display(),
        )
    })?;
    let mut bytes = Vec::new();
    GzDecoder::new(compressed)
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| damaged(&path, "it cannot be decompressed"))?;
    ensure!(
        bytes.len() as u64 <= MOST_BYTES,
        damaged(&path, "its decompressed size is more than 1 GB")
    );
    parse(&bytes, rank).with_context(|| damaged(&path, "it is not a valid IDX file"))
}

fn damaged(path: &Path, what: &str) -> String {
    format!(
        "{}: {what}; delete it and download it again",
        path.display()
    )
}

/// Parses unsigned bytes of `rank` dimensions: a magic number 0x08 0x0`rank`, each
/// dimension as a big-endian u32, the values.
fn parse(bytes: &[u8], rank: usize) -> Result<Idx> {
    let header = 4 + 4 * rank;
    ensure!(bytes.len() >= header, "only {} bytes", bytes.len());
    if bytes[..4] != [0, 0, 8, rank as u8] {
        bail!(
            "it starts with {:?} instead of {:?}",
            &bytes[..4],
            [0, 0, 8, rank as u8]
        );
    }
    let shape: Vec<usize> = bytes[4..header]
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    ensure!(
        !shape.contains(&0),
        "its header says {shape:?}: it is empty"
    );
    let expected = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    ensure!(
        expected == Some(bytes.len() - header),
        "its header says {shape:?}, but {} values follow: it is truncated or damaged",
        bytes.len() - header,
    );
    Ok(Idx {
        shape,
        values: bytes[header..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn write(folder: &Path, name: &str, bytes: &[u8]) {
        let file = File::create(folder.join(format!("{name}.gz"))).unwrap();
        let mut gz = GzEncoder::new(file, Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap();
    }

    fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    #[test]
    fn reads_images_and_labels() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            "t10k-images-idx3-ubyte",
            &idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]),
        );
        write(dir.path(), "t10k-labels-idx1-ubyte", &idx(&[2], &[7, 8]));
        let images = read(dir.path(), Split::Test).unwrap();
        assert_eq!((images.count(), images.shape.len()), (2, 3));
        assert_eq!((images.image(1), images.labels[1]), (&[4, 5, 6][..], 8));
    }

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let error = |split| format!("{:#}", read(dir.path(), split).unwrap_err());
        assert!(error(Split::Train).contains("vaelet data fetch mnist"));

        let whole = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        write(
            dir.path(),
            "train-images-idx3-ubyte",
            &whole[..whole.len() - 1],
        );
        assert!(error(Split::Train).contains("truncated"));
        for empty in [&[5, 0, 28][..], &[0, 28, 28]] {
            write(dir.path(), "train-images-idx3-ubyte", &idx(empty, &[]));
            assert!(error(Split::Train).contains("empty"));
        }
        let wrapping = idx(&[u32::MAX, u32::MAX, u32::MAX], &[]);
        write(dir.path(), "train-images-idx3-ubyte", &wrapping);
        assert!(error(Split::Train).contains("truncated"));
        write(dir.path(), "train-images-idx3-ubyte", b"<html>");
        assert!(error(Split::Train).contains("IDX"));
        let packed = dir.path().join("train-images-idx3-ubyte.gz");
        write(dir.path(), "train-images-idx3-ubyte", &whole);
        let bytes = std::fs::read(&packed).unwrap();
        std::fs::write(&packed, &bytes[..bytes.len() - 9]).unwrap();
        assert!(error(Split::Train).contains("cannot be decompressed"));
        std::fs::write(packed, b"nonsense").unwrap();
        assert!(error(Split::Train).contains("cannot be decompressed"));
        write(dir.path(), "train-images-idx3-ubyte", &whole);
        write(dir.path(), "train-labels-idx1-ubyte", &idx(&[1], &[7]));
        assert!(error(Split::Train).contains("not from one data set"));

        let missing = read(&dir.path().join("nowhere"), Split::Test).unwrap_err();
        assert!(missing.to_string().contains("does not exist"));
    }
}
