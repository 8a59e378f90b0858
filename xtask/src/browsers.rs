//! Where the browsers of the tests and measurements are: on the path, or where their installers
//! put them.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::shell;

/// Chromium or what is made of it: the one that `CHROMIUM` names, or the first that is found.
///
/// # Errors
/// Where `CHROMIUM` names no file.
pub fn chromium() -> Result<Option<PathBuf>> {
    let programs = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let places = [
        "Applications/Chromium.app/Contents/MacOS/Chromium",
        "Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "Chromium/Application/chrome.exe",
        "Google/Chrome/Application/chrome.exe",
        "Microsoft/Edge/Application/msedge.exe",
    ];
    find("CHROMIUM", &programs, &places)
}

/// Firefox: the one that `FIREFOX` names, or the first that is found.
///
/// # Errors
/// Where `FIREFOX` names no file.
pub fn firefox() -> Result<Option<PathBuf>> {
    let places = [
        "Applications/Firefox.app/Contents/MacOS/firefox",
        "Mozilla Firefox/firefox.exe",
    ];
    find("FIREFOX", &["firefox", "firefox-esr"], &places)
}

fn find(variable: &str, programs: &[&str], places: &[&str]) -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os(variable).map(PathBuf::from) {
        if !named.is_file() {
            bail!("{variable} names {}, which is no file", named.display());
        }
        return Ok(Some(named));
    }
    let on_path = programs.iter().find_map(|program| shell::find(program));
    Ok(on_path.or_else(|| installed(&folders(), places)))
}

/// The first of these paths that is a file below one of the folders.
fn installed(folders: &[PathBuf], places: &[&str]) -> Option<PathBuf> {
    let files = places
        .iter()
        .flat_map(|place| folders.iter().map(move |folder| folder.join(place)));
    files.into_iter().find(|file| file.is_file())
}

/// Where installers put programs, for all users or for one.
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
        let place = env::temp_dir().join(format!("vaelet browsers {}", std::process::id()));
        let [machine, user] = ["Program Files (x86)", "Local"].map(|name| place.join(name));
        let places = ["Chromium/chrome.exe", "Edge/msedge.exe"];
        let put = |folder: &PathBuf, program: &str| {
            let file = folder.join(program);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            file
        };
        let folders = [machine.clone(), user.clone()];
        assert_eq!(installed(&folders, &places), None);
        let edge = put(&machine, places[1]);
        assert_eq!(installed(&folders, &places), Some(edge));
        // The better one counts, wherever it is.
        let chromium = put(&user, places[0]);
        assert_eq!(installed(&folders, &places), Some(chromium));
        fs::remove_dir_all(&place).unwrap();
    }
}
