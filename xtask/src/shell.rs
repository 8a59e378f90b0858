//! Runs other programs in the project's root folder, with cargo's bin folder on their PATH. If a
//! program fails, the error names the command.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The root folder of the workspace.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The PATH for all programs. It includes cargo's bin folder, which is often, but not always, on
/// the PATH already.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let bin = home.map(|home| home.join("bin"));
    let bin = bin.filter(|bin| !env::split_paths(&path).any(|dir| dir == *bin));
    let extended = env::join_paths(env::split_paths(&path).chain(bin));
    extended.unwrap_or(path)
}

/// The file of a program on the PATH; `None` if there is none.
pub fn find(program: &str) -> Option<PathBuf> {
    find_in(&search_path(), program, &endings())
}

fn find_in(path: &OsStr, program: &str, endings: &[String]) -> Option<PathBuf> {
    let files = env::split_paths(path).flat_map(|dir| {
        let names = endings.iter().map(|ending| format!("{program}{ending}"));
        names.map(|name| dir.join(name)).collect::<Vec<_>>()
    });
    files.into_iter().find(|file| file.is_file())
}

/// The extensions of programs. On Windows `npm` is `npm.cmd`; the file without an extension beside
/// it is a script for another shell.
fn endings() -> Vec<String> {
    if !cfg!(windows) {
        return vec![String::new()];
    }
    let known = env::var("PATHEXT").unwrap_or_else(|_| ".COM;.EXE;.BAT;.CMD".to_owned());
    let endings = known.split(';').filter(|ending| !ending.is_empty());
    endings.map(str::to_lowercase).collect()
}

/// A command that runs a program in the project's root folder.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
    command.current_dir(root()).env("PATH", search_path());
    command
}

/// Runs a command and waits for its end. Its output is shown.
///
/// # Errors
/// If it does not start or fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| not_started(command))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// [`run`] with a time limit, after which the command is killed.
///
/// # Errors
/// If it does not start, fails, or exceeds the limit.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command.spawn().with_context(|| not_started(command))?;
    match wait_within(&mut child, limit)? {
        Some(true) => Ok(()),
        Some(false) => bail!("`{}` failed", shown(command)),
        None => bail!(
            "`{}` took longer than {} s",
            shown(command),
            limit.as_secs()
        ),
    }
}

/// Whether the child succeeded; `None` if it was killed.
fn wait_within(child: &mut Child, limit: Duration) -> Result<Option<bool>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// The standard output of a command. Its standard error is discarded.
///
/// # Errors
/// If it does not start or fails.
pub fn output(command: &mut Command) -> Result<String> {
    read(command.stderr(Stdio::null()))
}

/// The standard output of a command. Its standard error is shown.
///
/// # Errors
/// If it does not start or fails.
pub fn read(command: &mut Command) -> Result<String> {
    command.stdout(Stdio::piped());
    let child = command.spawn().with_context(|| not_started(command))?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("`{}` failed ({})", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn not_started(command: &Command) -> String {
    format!("`{}` did not start", shown(command))
}

/// A command line for messages, without the folder of its program.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn programs_are_found_by_the_extensions_of_the_system() {
        let folder = env::temp_dir().join(format!("vaelet find {}", std::process::id()));
        let [first, second] = ["a folder", "another"].map(|name| folder.join(name));
        for folder in [&first, &second] {
            fs::create_dir_all(folder).unwrap();
        }
        // The files that Node's installer writes.
        fs::write(first.join("npm"), "").unwrap();
        fs::write(first.join("npm.cmd"), "").unwrap();
        fs::write(second.join("cargo.exe"), "").unwrap();
        fs::create_dir(first.join("cargo")).unwrap();
        let path = env::join_paths([&first, &second]).unwrap();
        let windows = [".com", ".exe", ".bat", ".cmd"].map(str::to_owned);

        assert_eq!(find_in(&path, "npm", &windows), Some(first.join("npm.cmd")));
        let cargo = second.join("cargo.exe");
        assert_eq!(find_in(&path, "cargo", &windows), Some(cargo));
        let unix = [String::new()];
        assert_eq!(find_in(&path, "npm", &unix), Some(first.join("npm")));
        // A folder is not a program.
        assert_eq!(find_in(&path, "cargo", &unix), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
