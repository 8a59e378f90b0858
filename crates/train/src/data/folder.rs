//! A folder of the user's own pictures or recordings, and its subfolders.

use super::open::open;
use super::{Images, Split, fit, sounds};
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_model::{ImageShape, LogMel, sha256_hex};

/// One of this many images is for evaluation.
const TEST: u64 = 10;
/// Most files that are named one by one; more are only counted.
const NAMED: usize = 10;
/// Files that operating systems leave in folders, besides those whose names begin with a dot.
const SYSTEM: [&str; 3] = ["Thumbs.db", "desktop.ini", "Icon\r"];

/// Pictures by name.
pub type Pictures = Vec<(PathBuf, Vec<u8>)>;

/// What a folder holds.
#[derive(Default)]
struct Listing {
    files: Vec<PathBuf>,
    /// Files that are left out, and why.
    left_out: Vec<(PathBuf, String)>,
    hidden: usize,
}

/// What the files of a folder are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Pictures, each fitted to the shape.
    Pictures,
    /// Recordings, as pictures of this kind.
    Recordings(LogMel),
}

impl Kind {
    /// What they are called, and what one can give.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Pictures => ["pictures", "PNG, JPEG, WebP, GIF, BMP or TIFF"],
            Self::Recordings(_) => ["recordings", "WAV"],
        }
    }

    fn read(self, path: &Path, shape: ImageShape) -> Result<Vec<u8>> {
        match self {
            Self::Pictures => fit(&open(path)?, shape),
            Self::Recordings(scale) => sounds::open(path, &scale, shape),
        }
    }
}

/// Reads the files of a split, and says on standard error how many there are, and which were left out
/// and why.
pub(super) fn read(folder: &Path, split: Split, shape: ImageShape, kind: Kind) -> Result<Images> {
    let [many, named] = kind.words();
    let Listing {
        files,
        mut left_out,
        hidden,
    } = Listing::of(folder)?;
    ensure!(
        !(files.is_empty() && left_out.is_empty()),
        "{} contains no {many}: give a folder of {named} files",
        folder.display()
    );
    left_out.retain(|(path, _)| split_of(folder, path) == split);
    let (mut pixels, mut seen) = (Vec::new(), HashSet::new());
    let mut count = 0;
    for path in files {
        if split_of(folder, &path) != split {
            continue;
        }
        match kind.read(&path, shape) {
            Ok(picture) => {
                count += 1;
                pixels.extend_from_slice(&picture);
                seen.insert(picture);
            }
            Err(reason) => left_out.push((path, reason.to_string())),
        }
    }
    eprint!("{}", report(folder, split, count, many, &left_out));
    if count > seen.len() {
        eprintln!("    {} of them are copies of others", count - seen.len());
    }
    if hidden > 0 && split == Split::Train {
        eprintln!("    {hidden} hidden files and system files are ignored");
    }
    ensure!(
        count < 2 || seen.len() > 1,
        "all {count} {many} for {split} in {} are the same at {}×{}: a model needs {many} \
         that differ",
        folder.display(),
        shape.width,
        shape.height,
    );
    Ok(Images::unlabelled(pixels, shape))
}

/// Every picture of a folder, each fitted to `shape`, `[H · W · C]`, by its name in the folder; and what
/// could not be read, with the reason.
///
/// # Errors
/// A folder that is missing, cannot be read, or contains no pictures.
pub fn all(folder: &Path, shape: ImageShape) -> Result<(Pictures, Vec<(PathBuf, String)>)> {
    ensure!(
        folder.is_dir(),
        "the folder {} does not exist",
        folder.display()
    );
    let listing = Listing::of(folder)?;
    let (mut pictures, mut left_out) = (Vec::new(), listing.left_out);
    for path in listing.files {
        match open(&path).and_then(|picture| fit(&picture, shape)) {
            Ok(picture) => {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                pictures.push((name.to_path_buf(), picture));
            }
            Err(reason) => left_out.push((path, reason.to_string())),
        }
    }
    ensure!(
        !pictures.is_empty(),
        "{} contains no pictures that could be read: give a folder of PNG, JPEG, WebP, GIF, BMP or TIFF files{}",
        folder.display(),
        left_out
            .first()
            .map_or(String::new(), |(path, reason)| format!(
                "; {}: {reason}",
                path.display()
            )),
    );
    Ok((pictures, left_out))
}

/// A report of what was read.
fn report(
    folder: &Path,
    split: Split,
    count: usize,
    many: &str,
    left_out: &[(PathBuf, String)],
) -> String {
    let mut text = format!("{}: {count} {many} for {split}", folder.display());
    if !left_out.is_empty() {
        let _ = write!(text, ", {} left out:", left_out.len());
    }
    text.push('\n');
    for (path, reason) in left_out.iter().take(NAMED) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {}: {reason}", path.display());
    }
    if left_out.len() > NAMED {
        let _ = writeln!(text, "    and {} more", left_out.len() - NAMED);
    }
    text
}

impl Listing {
    /// Lists a folder and its subfolders, each once however many links lead to it.
    fn of(root: &Path) -> Result<Self> {
        let mut listing = Self::default();
        let (mut known, mut folders) = (HashSet::new(), vec![root.to_path_buf()]);
        known.insert(fs::canonicalize(root).unwrap_or_else(|_| root.into()));
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if folder != root => {
                    let reason = format!("the folder cannot be read ({error})");
                    listing.left_out.push((folder, reason));
                    continue;
                }
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!(
                            "the folder {} cannot be read; change its permissions",
                            root.display()
                        )
                    });
                }
            };
            for entry in entries {
                let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
                let path = entry.path();
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with('.') || SYSTEM.contains(&&*name) {
                    listing.hidden += 1;
                    continue;
                }
                match listing.look(&path, &mut known) {
                    Ok(true) => folders.push(path),
                    Ok(false) => {}
                    Err(reason) => listing.left_out.push((path, reason)),
                }
            }
        }
        listing.files.sort();
        listing.left_out.sort();
        Ok(listing)
    }

    /// Adds a file. Returns whether it is a folder to list.
    fn look(&mut self, path: &Path, known: &mut HashSet<PathBuf>) -> Result<bool, String> {
        let metadata =
            fs::metadata(path).map_err(|error| format!("the link is broken ({error})"))?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err("it is neither a file nor a folder".into());
        }
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if !known.insert(place) {
            return Err("a link to a file that was read already".into());
        }
        if metadata.is_file() {
            self.files.push(path.into());
        }
        Ok(metadata.is_dir())
    }
}

/// By a hash of the name, so that a file stays in its split when others come and go.
fn split_of(folder: &Path, path: &Path) -> Split {
    let name = path.strip_prefix(folder).unwrap_or(path);
    let hash = sha256_hex(name.to_string_lossy().as_bytes());
    let number = u64::from_str_radix(&hash[..8], 16).unwrap_or(1);
    if number.is_multiple_of(TEST) {
        Split::Test
    } else {
        Split::Train
    }
}
