//! Installs programs by apt. On systems without apt it tells the user what to install.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, bail};

use crate::shell;

/// A program's names in package managers.
pub struct Package {
    /// Its packages in Debian, Ubuntu and distributions based on them.
    pub apt: &'static [&'static str],
    /// What to do on macOS.
    pub macos: &'static str,
    /// What to do on Windows.
    pub windows: &'static str,
}

/// Installs a package.
///
/// # Errors
/// If that fails or is not possible here; then the message says what to do.
pub fn install(package: &Package) -> Result<()> {
    let names = package.apt.join(" ");
    if shell::find("apt-get").is_none() {
        bail!(advice(package, std::env::consts::OS));
    }
    let apt = || -> Result<Command> {
        let mut apt = match (is_root(), shell::find("sudo")) {
            (true, _) => shell::command("apt-get"),
            (false, Some(_)) => {
                let mut sudo = shell::command("sudo");
                sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
                sudo
            }
            (false, None) => bail!("run `apt-get install {names}` as root"),
        };
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        Ok(apt)
    };
    static UPDATED: OnceLock<()> = OnceLock::new();
    if UPDATED.set(()).is_ok() {
        shell::run(apt()?.args(["update", "-q"]))?;
    }
    shell::run(
        apt()?
            .args(["install", "-y", "-q", "--no-install-recommends"])
            .args(package.apt),
    )
}

/// Whether packages can be installed here.
pub fn can_install() -> bool {
    shell::find("apt-get").is_some() && (is_root() || shell::find("sudo").is_some())
}

/// The error message on a system without apt.
fn advice(package: &Package, system: &str) -> String {
    match system {
        "macos" => format!("install it: {}", package.macos),
        "windows" => format!("install it: {}", package.windows),
        _ => format!(
            "install it with this system's package manager (Debian calls it {})",
            package.apt.join(" ")
        ),
    }
}

fn is_root() -> bool {
    shell::output(shell::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_the_system() {
        let package = Package {
            apt: &["nodejs", "npm"],
            macos: "`brew install node`",
            windows: "`winget install OpenJS.NodeJS.LTS`",
        };
        let advice =
            ["macos", "windows", "linux", "freebsd"].map(|system| super::advice(&package, system));
        assert!(advice[0].contains("brew") && advice[1].contains("winget"));
        assert!(advice[2].contains("nodejs npm") && advice[2] == advice[3]);
    }
}
