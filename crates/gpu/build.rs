//! Strips comments and indentation from the shaders, because the browser downloads them.

use std::path::Path;
use std::{env, fs, io};

const SHADERS: &str = "../../shaders";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={SHADERS}");
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    for file in fs::read_dir(SHADERS)? {
        let file = file?;
        let source = fs::read_to_string(file.path())?;
        let lines = source
            .lines()
            .map(|line| line.split("//").next().unwrap_or(line).trim());
        let code: String = lines
            .filter(|line| !line.is_empty())
            .flat_map(|line| [line, "\n"])
            .collect();
        fs::write(Path::new(&out).join(file.file_name()), code)?;
    }
    Ok(())
}
