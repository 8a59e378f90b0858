//! The released models and the results that burn computed for them.

use pollster::block_on;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use vaelet_gpu::Context;
use vaelet_model::{Model, Tensors, read_tensors};

/// The folders of all released models, sorted.
pub fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut models: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    models.sort();
    assert!(!models.is_empty(), "there are no released models");
    models
}

/// Reads a model and the tensors of its golden file.
pub fn read(folder: &Path) -> (Model, Tensors) {
    let json = fs::read_to_string(folder.join("model.json")).unwrap();
    let weights = fs::read(folder.join("weights.safetensors")).unwrap();
    let model = Model::read(&json, &weights).unwrap();
    (model, tensors(folder, "golden.safetensors"))
}

/// The tensors of a file in a model's folder.
pub fn tensors(folder: &Path, name: &str) -> Tensors {
    read_tensors(name, &fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The classes of a golden file's images and samples; empty if the model has no condition.
pub fn classes(golden: &Tensors) -> Vec<usize> {
    let classes = golden.get("classes").into_iter();
    classes
        .flat_map(|classes| &classes.data)
        .map(|&class| class as usize)
        .collect()
}

/// A GPU. Without one it prints a message and returns `None`, or panics if `VAELET_REQUIRE_GPU` is
/// set, as in CI.
pub fn context() -> Option<Rc<Context>> {
    match block_on(Context::new()) {
        Ok(context) => Some(Rc::new(context)),
        Err(e) if std::env::var_os("VAELET_REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(e) => {
            eprintln!("NOT TESTED: {e}. Install mesa-vulkan-drivers for a software GPU.");
            None
        }
    }
}
