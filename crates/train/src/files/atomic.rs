//! Folders and files that are replaced as a whole. A process that is interrupted leaves the old one or
//! the new one, never parts of both.
//!
//! The new folder is written beside the old as `.NAME.next`; once it is complete, the old one is
//! renamed to `.NAME.last` and the new one takes its name. No system renames over a folder that
//! holds files, so for a moment there is none of that name: [`recover`] ends what was begun.

use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The file that is written last.
const COMPLETE: &str = "complete";

/// A folder that is being written.
pub struct Next {
    target: PathBuf,
    next: PathBuf,
}

impl Next {
    /// An empty folder that will replace `target`.
    ///
    /// # Errors
    /// A folder that cannot be created.
    pub fn empty(target: &Path) -> Result<Self> {
        recover(target)?;
        let next = Self {
            target: target.into(),
            next: beside(target, "next"),
        };
        let create = || {
            remove(&next.next)?;
            fs::create_dir_all(&next.next)
        };
        create().with_context(|| format!("cannot write to {}", target.display()))?;
        Ok(next)
    }

    /// A copy of the files of `target`, or an empty folder where there is none.
    ///
    /// # Errors
    /// A folder that cannot be created, or a file that cannot be copied.
    pub fn copy(target: &Path) -> Result<Self> {
        // The target of a link is replaced, the link is kept.
        let target = &fs::canonicalize(target).unwrap_or_else(|_| target.into());
        let next = Self::empty(target)?;
        if target.exists() {
            copy(target, &next.next)
                .with_context(|| format!("cannot copy {}", target.display()))?;
        }
        Ok(next)
    }

    /// Where it is written.
    pub fn folder(&self) -> &Path {
        &self.next
    }

    /// Puts it in the place of its target, and gives the folder that was there before its new
    /// name, which is returned.
    ///
    /// # Errors
    /// A folder that cannot be renamed; the target is then what it was.
    pub fn replace(self) -> Result<PathBuf> {
        let last = beside(&self.target, "last");
        let replace = || {
            fs::write(self.next.join(COMPLETE), [])?;
            // After a power failure every file name must have its contents.
            for file in fs::read_dir(&self.next)? {
                let file = file?.path();
                if file.is_file() {
                    File::open(file)?.sync_all()?;
                }
            }
            remove(&last)?;
            if self.target.exists() {
                fs::rename(&self.target, &last)?;
            }
            finish(&self.next, &self.target)
        };
        replace().with_context(|| format!("cannot write {}", self.target.display()))?;
        Ok(last)
    }
}

/// Changes the files of `target`, or makes it, all at once: `change` is given a copy to work on.
///
/// # Errors
/// Those of `change`, and a folder that cannot be written; `target` is then what it was.
pub fn change(target: &Path, change: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let next = Next::copy(target)?;
    change(next.folder())?;
    let last = next.replace()?;
    remove(&last).with_context(|| format!("cannot remove {}", last.display()))
}

impl Drop for Next {
    /// Removes a folder that was not completed.
    fn drop(&mut self) {
        // If it cannot be removed, the next call of `Next::empty` reports it.
        let _ = remove(&self.next);
    }
}

/// Restores `target` if its replacement was interrupted between the two renames.
///
/// # Errors
/// A folder that cannot be renamed.
pub fn recover(target: &Path) -> Result<()> {
    let next = beside(target, "next");
    if !target.exists() && next.join(COMPLETE).is_file() {
        finish(&next, target).with_context(|| format!("cannot rename {}", next.display()))?;
    }
    Ok(())
}

fn finish(next: &Path, target: &Path) -> io::Result<()> {
    fs::rename(next, target)?;
    fs::remove_file(target.join(COMPLETE))
}

/// `.NAME.last` of a folder NAME, in the same place.
fn beside(target: &Path, what: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{what}"))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        let (from, to) = (file.path(), to.join(file.file_name()));
        if from.is_dir() {
            fs::create_dir(&to)?;
            copy(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// Writes a whole file or nothing. Something that is not a file, such as `/dev/stdout`, is written
/// directly.
///
/// # Errors
/// A folder or a file that cannot be written.
pub fn put(folder: &Path, name: impl AsRef<OsStr>, contents: &[u8]) -> Result<()> {
    let path = folder.join(name.as_ref());
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let write = || {
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder)?;
        }
        if path.exists() && !path.is_file() {
            return fs::write(&path, contents);
        }
        let written = fs::write(&part, contents).and_then(|()| fs::rename(&part, &path));
        if written.is_err() {
            // The file is incomplete, for example because the disk is full.
            let _ = fs::remove_file(&part);
        }
        written
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, version: &str) {
        fs::create_dir_all(folder).unwrap();
        for name in ["a", "b"] {
            fs::write(folder.join(name), version).unwrap();
        }
    }

    /// The version that both files of a folder have.
    fn version(folder: &Path) -> String {
        let [a, b] = ["a", "b"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
        assert_eq!(a, b);
        a
    }

    #[test]
    fn whatever_it_is_interrupted_at_a_folder_is_the_old_or_the_new() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("model");
        let [next, last] = ["next", "last"].map(|what| beside(&target, what));
        let old = || {
            for folder in [&target, &next, &last] {
                remove(folder).unwrap();
            }
            write(&target, "old");
        };
        // Half written; written, and not yet in place; between the two renames; done, and
        // the one before not yet removed.
        let states: [(&str, &dyn Fn()); 4] = [
            ("old", &|| {
                fs::create_dir(&next).unwrap();
                fs::write(next.join("a"), "new").unwrap();
            }),
            ("old", &|| {
                write(&next, "new");
                fs::write(next.join(COMPLETE), []).unwrap();
                write(&last, "older");
            }),
            ("new", &|| {
                write(&next, "new");
                fs::write(next.join(COMPLETE), []).unwrap();
                fs::rename(&target, &last).unwrap();
            }),
            ("new", &|| {
                fs::rename(&target, &last).unwrap();
                write(&target, "new");
            }),
        ];
        for (expected, interrupted) in states {
            old();
            interrupted();
            recover(&target).unwrap();
            assert_eq!(version(&target), expected);
            // And writing goes on from there.
            let newer = Next::copy(&target).unwrap();
            assert_eq!(version(newer.folder()), expected);
            write(newer.folder(), "newer");
            assert_eq!(version(&newer.replace().unwrap()), expected);
            assert_eq!(version(&target), "newer");
            assert!(!target.join(COMPLETE).exists() && !next.exists());
        }
    }

    #[test]
    fn what_was_deleted_stays_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("checkpoint");
        write(&target, "old");
        for version in ["new", "newest"] {
            let next = Next::empty(&target).unwrap();
            write(next.folder(), version);
            next.replace().unwrap();
        }
        fs::remove_dir_all(&target).unwrap();
        recover(&target).unwrap();
        assert!(!target.exists());
        drop(Next::empty(&target).unwrap());
        assert!(!target.exists() && !beside(&target, "next").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = Next::copy(&dir.path().join("file/model")).err().unwrap();
        assert!(format!("{error:#}").contains("file/model"), "{error:#}");
    }
}
