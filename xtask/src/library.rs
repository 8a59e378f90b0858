//! Publishes the models: copies every folder in `models/` to the site and lists them for the page.
//! A folder that the page could not load is reported and left out; the others are still published.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use vaelet_model::{Model, sha256_hex};

/// Files in a model's folder for people and tests, which a page does not fetch.
const NOT_FETCHED: [&str; 4] = [
    "README.md",
    "golden.safetensors",
    "training.json",
    "uses.json",
];

/// Names, without their ends, of the files that views fetch besides the weights.
const BESIDE: [&str; 6] = [
    "model",
    "atlas",
    "calibration",
    "figures",
    "samples",
    "reconstructions",
];

/// Copies the models in the folder `models` to the folder `site` and returns their list, sorted by
/// name. Reports on standard error which folders are left out, and why.
///
/// # Errors
/// If `models` itself cannot be read, or `site` cannot be written.
pub fn publish(models: &Path, site: &Path) -> Result<Value> {
    fs::create_dir_all(site).with_context(|| format!("cannot write {}", site.display()))?;
    let mut folders = fs::read_dir(models)
        .with_context(|| format!("cannot read {}", models.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    folders.sort();
    let mut list = Vec::new();
    let is_hidden = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(b".")
    };
    for folder in folders.into_iter().filter(|path| !is_hidden(path)) {
        match entry(&folder) {
            Ok((entry, files)) => {
                let name = folder.file_name().unwrap_or_default();
                write(&files, &site.join(name))?;
                list.push(entry);
            }
            Err(reason) => eprintln!("{} is not published: {reason:#}", folder.display()),
        }
    }
    Ok(list.into())
}

/// A file: its path relative to the model's folder, and its contents.
type File = (String, Vec<u8>);

/// The list entry of one model, with the hash of each file that a page fetches, and its files.
fn entry(folder: &Path) -> Result<(Value, Vec<File>)> {
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
        bail!("its name is not UTF-8; rename it");
    };
    if !folder.is_dir() {
        bail!("it is not a folder");
    }
    let files = files_below(folder, "")?;
    let contents = |path: &str| {
        let found = files.iter().find(|(name, _)| name == path);
        let (_, contents) = found.with_context(|| format!("it has no {path}"))?;
        anyhow::Ok(contents.as_slice())
    };
    let text = contents("model.json")?;
    let text = std::str::from_utf8(text).context("its model.json is not UTF-8")?;
    // Some editors write a byte order mark, which browsers ignore.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let info: Value = serde_json::from_str(text).context("its model.json is not valid JSON")?;
    let Some(weights) = info["weights"]["file"].as_str() else {
        bail!("its model.json names no weights file; it may be for another program");
    };
    Model::read(text, contents(weights)?)?;
    let hashes: Map<String, Value> = files
        .iter()
        .filter(|(path, _)| !NOT_FETCHED.contains(&path.as_str()))
        .map(|(path, contents)| (path.clone(), sha256_hex(contents).into()))
        .collect();
    let is_beside = |path: &str| {
        let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
        path != weights && (BESIDE.contains(&stem) || stem.starts_with("snapshots"))
    };
    let beside = files.iter().filter(|(path, _)| is_beside(path));
    let beside: usize = beside.map(|(_, contents)| contents.len()).sum();
    let groups = info["latents"].as_array().map_or(&[][..], Vec::as_slice);
    let latents: u64 = groups
        .iter()
        .filter_map(|group| group["size"].as_u64())
        .sum();
    // Models of one family share this; they differ only in their training.
    let network = json!([
        info["subject"],
        info["input"],
        info["encoder"],
        info["decoder"]
    ]);
    let entry = json!({
        "name": name,
        "title": info["title"],
        "subject": info["subject"],
        "lacks": info["lacks"],
        "first": info["first"],
        "input": info["input"],
        "data": info["data"],
        "condition": info["condition"],
        "likelihood": info["likelihood"]["kind"],
        "latents": latents,
        "bytes": contents(weights)?.len(),
        "beside": beside,
        "beta": info["training"]["beta"],
        "network": &sha256_hex(network.to_string().as_bytes())[..16],
        "files": hashes,
    });
    Ok((entry, files))
}

/// Every file of a folder, with paths as in URLs. Links to folders are not followed, because they
/// may form a loop. Pipes and devices are skipped, because reading them may block.
fn files_below(folder: &Path, prefix: &str) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            bail!("the name of {} is not UTF-8", entry.path().display());
        };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().with_context(unreadable)?.is_dir() {
            files.extend(files_below(&entry.path(), &format!("{path}/"))?);
        } else if entry.path().is_file() {
            let file = entry.path();
            let contents =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            files.push((path, contents));
        }
    }
    files.sort();
    Ok(files)
}

fn write(files: &[File], folder: &Path) -> Result<()> {
    for (path, contents) in files {
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot write {}", parent.display()))?;
        fs::write(&file, contents).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for file in ["model.json", "weights.safetensors"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }

    #[test]
    fn invalid_folders_do_not_stop_other_models() {
        let temporary = std::env::temp_dir().join(format!("vaelet-library-{}", std::process::id()));
        let (models, site) = (temporary.join("models"), temporary.join("site"));
        let released = crate::shell::root().join("models/digits-beta-1");
        copy(&released, &models.join("good"));
        let description = fs::read_to_string(released.join("model.json")).unwrap();
        let strange = |name: &str, description: &[u8]| {
            copy(&released, &models.join(name));
            fs::write(models.join(name).join("model.json"), description).unwrap();
        };
        // Valid: the same contents as written by other editors.
        strange("bom", format!("\u{feff}{description}").as_bytes());
        strange("crlf", description.replace(",\"", ",\r\n\"").as_bytes());
        // Invalid.
        strange(
            "half-description",
            &description.as_bytes()[..description.len() / 2],
        );
        strange("latin-1", b"{\"title\":\"M\xfcller\"}");
        strange("other-program", b"{\"model_type\":\"bert\",\"weights\":[]}");
        strange("not-an-object", b"[1, 2]");
        strange("empty", b"");
        let weights = fs::read(released.join("weights.safetensors")).unwrap();
        copy(&released, &models.join("half-weights"));
        fs::write(
            models.join("half-weights/weights.safetensors"),
            &weights[..weights.len() / 2],
        )
        .unwrap();
        fs::create_dir_all(models.join("no-files")).unwrap();
        fs::create_dir_all(models.join("a-folder-as-description/model.json")).unwrap();
        fs::write(models.join("a-file"), "text").unwrap();
        fs::write(models.join(".hidden"), "text").unwrap();
        let expected = [
            &["bom"][..],
            &links_and_closed(&models, &released),
            &["crlf", "good"],
        ];
        let expected = expected.concat();

        let list = publish(&models, &site).unwrap();
        let names: Vec<&str> = list
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| entry["name"].as_str())
            .collect();
        assert_eq!(names, expected);
        let mut copied: Vec<_> = fs::read_dir(&site)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        copied.sort();
        assert_eq!(copied, *expected);
        assert_eq!(
            list[expected.len() - 1]["files"]["weights.safetensors"],
            sha256_hex(&weights)
        );
        reopen(&models.join("closed"));
        fs::remove_dir_all(&temporary).unwrap();
    }

    /// Creates dangling links, and folders and files without read permission. Returns the names of
    /// folders that root can read nevertheless.
    #[cfg(unix)]
    fn links_and_closed(models: &Path, released: &Path) -> Vec<&'static str> {
        use std::os::unix::fs::{PermissionsExt, symlink};

        symlink(models.join("nowhere"), models.join("dangling")).unwrap();
        symlink(models.join("loop"), models.join("loop")).unwrap();
        copy(released, &models.join("lost-weights"));
        let weights = models.join("lost-weights/weights.safetensors");
        fs::remove_file(&weights).unwrap();
        symlink(models.join("nowhere"), weights).unwrap();
        let close =
            |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        copy(released, &models.join("closed"));
        close(&models.join("closed"));
        copy(released, &models.join("closed-weights"));
        close(&models.join("closed-weights/weights.safetensors"));
        let is_read = fs::read_dir(models.join("closed")).is_ok();
        if is_read {
            vec!["closed", "closed-weights"]
        } else {
            Vec::new()
        }
    }

    /// Restores the permissions, so that the folder can be removed.
    fn reopen(folder: &Path) {
        #[cfg(unix)]
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        #[cfg(not(unix))]
        let _ = folder;
    }

    #[cfg(not(unix))]
    fn links_and_closed(_: &Path, _: &Path) -> Vec<&'static str> {
        Vec::new()
    }
}
