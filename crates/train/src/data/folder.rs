//! A folder of anyone's images, and its subfolders: PNG and JPEG, of any size.

use super::{Images, Split, fit};
use anyhow::{Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_model::{Input, sha256_hex};

/// Every image of this many is for evaluation.
const TEST: u64 = 10;
/// Files named one by one, before the rest are only counted.
const NAMED: usize = 10;

/// Reads the images of a split, each fitted to `shape`. A file that is no image is named
/// and left out.
pub(super) fn read(folder: &Path, split: Split, shape: Input) -> Result<Images> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    ensure!(
        !files.is_empty(),
        "{} holds no PNG or JPEG files",
        folder.display()
    );
    let (mut pixels, mut bad) = (Vec::new(), 0);
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        if split_of(name) != split {
            continue;
        }
        match image::open(&path) {
            Ok(picture) => pixels.extend(fit(&picture.into_rgb8(), shape)?),
            Err(error) => {
                bad += 1;
                if bad <= NAMED {
                    eprintln!("left out {}: {error}", path.display());
                }
            }
        }
    }
    if bad > NAMED {
        eprintln!("left out {} more", bad - NAMED);
    }
    Ok(Images::unlabelled(pixels, shape))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            list(&path, files)?;
        } else if ["png", "jpg", "jpeg"]
            .iter()
            .any(|known| extension == *known)
        {
            files.push(path);
        }
    }
    Ok(())
}

/// By a hash of the name, so that a file stays in its split when others come and go.
fn split_of(name: &Path) -> Split {
    let hash = sha256_hex(name.to_string_lossy().as_bytes());
    let number = u64::from_str_radix(&hash[..8], 16).unwrap_or(1);
    if number.is_multiple_of(TEST) {
        Split::Test
    } else {
        Split::Train
    }
}
