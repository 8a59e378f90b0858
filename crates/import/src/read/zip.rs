//! The entries of a zip file, each unpacked when it is asked for and never beyond a limit.

use crate::{Error, Result};
use rawzip::{CompressionMethod, ZipArchive, ZipSliceArchive};

/// Most entries; a checkpoint has one for each tensor.
const MAX_ENTRIES: usize = 1 << 16;
/// Most bytes of one entry, unpacked.
const MAX_ENTRY: usize = 1 << 29;

/// A zip file and the names in it.
pub(crate) struct Zip<'a> {
    file: &'a str,
    archive: ZipSliceArchive<&'a [u8]>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    method: CompressionMethod,
    size: u64,
    place: rawzip::ZipArchiveEntryWayfinder,
}

impl<'a> Zip<'a> {
    /// Whether a file begins as a zip file does.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04")
    }

    /// Reads the list of entries.
    pub fn open(file: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let wrong = |e: rawzip::Error| Error::unreadable(file, format!("as a zip file: {e}"));
        let archive = ZipArchive::from_slice(bytes).map_err(|e| {
            let reason = format!("as a zip file, {e}; it may have been cut short");
            Error::unreadable(file, reason)
        })?;
        let mut entries = Vec::new();
        let mut all = archive.entries();
        while let Some(entry) = all.next_entry().map_err(wrong)? {
            if entries.len() >= MAX_ENTRIES {
                return Err(Error::unreadable(file, "it has too many entries"));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_bytes());
            entries.push(Entry {
                name: name.into_owned(),
                method: entry.compression_method(),
                size: entry.uncompressed_size_hint(),
                place: entry.wayfinder(),
            });
        }
        Ok(Self {
            file,
            archive,
            entries,
        })
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The contents of an entry.
    pub fn read(&self, name: &str) -> Result<std::borrow::Cow<'a, [u8]>> {
        let wrong = |reason: String| Error::unreadable(self.file, reason);
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| wrong(format!("{name} is missing in it")))?;
        let found = self.archive.get_entry(entry.place);
        let data = found.map_err(|e| wrong(format!("{name}: {e}")))?.data();
        // rawzip ties the data to the archive's borrow; the same bytes live as long as the file.
        let bytes: &'a [u8] = self.archive.get_ref();
        let start = (data.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
        let data = bytes.get(start..start.saturating_add(data.len()));
        let data = data.ok_or_else(|| wrong(format!("{name} lies outside of it")))?;
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        match entry.method {
            CompressionMethod::STORE => Ok(data.into()),
            CompressionMethod::DEFLATE if size <= MAX_ENTRY => {
                // Deflate makes at most some thousand bytes of one.
                let most = size.min(data.len().saturating_mul(1100));
                let unpacked = miniz_oxide::inflate::decompress_to_vec_with_limit(data, most);
                let unpacked = unpacked.map_err(|e| wrong(format!("{name}: {e}")))?;
                Ok(unpacked.into())
            }
            _ => Err(wrong(format!(
                "{name} is packed in another way than deflate"
            ))),
        }
    }
}
