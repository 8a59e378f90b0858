//! Programs that come with the system's package manager: installed by apt where it is there,
//! otherwise named for the one that is.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, bail};

use crate::shell;

/// What one program is called.
pub struct Package {
    /// In Debian, Ubuntu and what descends from them.
    pub apt: &'static [&'static str],
    /// What one types on macOS.
    pub macos: &'static str,
    /// What one types on Windows.
    pub windows: &'static str,
}

/// Installs a package, or says what to do where that takes another hand.
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

/// What to do on a system without apt.
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
    fn every_system_is_told_what_to_type() {
        let package = Package {
            apt: &["nodejs", "npm"],
            macos: "`brew install node`",
            windows: "`winget install OpenJS.NodeJS.LTS`",
        };
        let said = ["macos", "windows", "linux", "freebsd"].map(|system| advice(&package, system));
        assert!(said[0].contains("brew") && said[1].contains("winget"));
        assert!(said[2].contains("nodejs npm") && said[2] == said[3]);
    }
}
