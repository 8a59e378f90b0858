//! Finds the browsers for tests and measurements: on the PATH, or where their installers put them.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::shell;

/// Chromium or a browser based on it: the file named by `CHROMIUM`, or the first that is found.
///
/// # Errors
/// If `CHROMIUM` does not name a file.
pub fn chromium() -> Result<Option<PathBuf>> {
    let programs = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let paths = [
        "Applications/Chromium.app/Contents/MacOS/Chromium",
        "Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "Chromium/Application/chrome.exe",
        "Google/Chrome/Application/chrome.exe",
        "Microsoft/Edge/Application/msedge.exe",
    ];
    find("CHROMIUM", &programs, &paths)
}

/// Firefox: the file named by `FIREFOX`, or the first that is found.
///
/// # Errors
/// If `FIREFOX` does not name a file.
pub fn firefox() -> Result<Option<PathBuf>> {
    let paths = [
        "Applications/Firefox.app/Contents/MacOS/firefox",
        "Mozilla Firefox/firefox.exe",
    ];
    find("FIREFOX", &["firefox", "firefox-esr"], &paths)
}

fn find(variable: &str, programs: &[&str], paths: &[&str]) -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os(variable).map(PathBuf::from) {
        if !named.is_file() {
            bail!("{variable} is {}, which is not a file", named.display());
        }
        return Ok(Some(named));
    }
    let on_path = programs.iter().find_map(|program| shell::find(program));
    Ok(on_path.or_else(|| installed(&folders(), paths)))
}

/// The first of these relative paths that is a file in one of the folders.
fn installed(folders: &[PathBuf], paths: &[&str]) -> Option<PathBuf> {
    let files = paths
        .iter()
        .flat_map(|path| folders.iter().map(move |folder| folder.join(path)));
    files.into_iter().find(|file| file.is_file())
}

/// The folders of installed programs, for all users and for this one.
fn folders() -> Vec<PathBuf> {
    if cfg!(windows) {
        let variables = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"];
        let named = variables.iter().filter_map(env::var_os);
        named.map(PathBuf::from).collect()
    } else if cfg!(target_os = "macos") {
        let home = env::home_dir();
        home.into_iter().chain(["/".into()]).collect()
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn browsers_are_found_where_installers_put_them() {
        let folder = env::temp_dir().join(format!("vaelet browsers {}", std::process::id()));
        let [machine, user] = ["Program Files (x86)", "Local"].map(|name| folder.join(name));
        let paths = ["Chromium/chrome.exe", "Edge/msedge.exe"];
        let put = |folder: &PathBuf, program: &str| {
            let file = folder.join(program);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            file
        };
        let folders = [machine.clone(), user.clone()];
        assert_eq!(installed(&folders, &paths), None);
        let edge = put(&machine, paths[1]);
        assert_eq!(installed(&folders, &paths), Some(edge));
        // The order of names takes precedence over the order of folders.
        let chromium = put(&user, paths[0]);
        assert_eq!(installed(&folders, &paths), Some(chromium));
        fs::remove_dir_all(&folder).unwrap();
    }
}
