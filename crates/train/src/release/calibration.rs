//! `calibration.json`: what a model's own test images score, by which `vaelet detect` says how strange
//! another picture is.

use crate::data::Images;
use crate::files::atomic::put;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use vaelet_model::Model;
use vaelet_uses::{Calibration, Engine, Mixture};

const FILE: &str = "calibration.json";

/// What a release has of this: nothing where a model has no uses, as one with a condition, or so few test images that
/// they say nothing of what is strange.
///
/// # Errors
/// A folder that cannot be written.
pub fn complete(folder: &Path, model: &Model, test: &Images) -> Result<()> {
    if test.count() >= Calibration::LEAST && Engine::new(model).is_ok() {
        write(folder, model, test)?;
    }
    Ok(())
}

/// Scores the test images and keeps that in the model's folder.
///
/// # Errors
/// Fewer than 80 test images, or a folder that cannot be written.
pub fn write(folder: &Path, model: &Model, test: &Images) -> Result<Calibration> {
    let calibration = of(&mut Engine::new(model)?, test)?;
    let short = |values: &[f64]| -> Vec<Value> {
        let rounded = values.iter().map(|v| json!((v * 1e6).round() / 1e6));
        rounded.collect()
    };
    let value = json!({
        "weights": model.spec.weights.sha256,
        "mean": short(&calibration.mean),
        "factor": short(&calibration.factor),
        "scores": short(&calibration.scores),
        "squares": {
            "weights": short(&calibration.squares.weights),
            "means": short(&calibration.squares.means),
            "factors": short(&calibration.squares.factors),
        },
        "places": short(&calibration.places),
    });
    put(folder, FILE, value.to_string().as_bytes())?;
    Ok(calibration)
}

/// From test images: as many as take some seconds.
///
/// # Errors
/// Fewer than 80 of them.
pub fn of(engine: &mut Engine, test: &Images) -> Result<Calibration> {
    let most = (2000 * 784 / test.shape.len()).clamp(400, 2000);
    let mut figures = Vec::new();
    for i in test.spread(most) {
        figures.push(engine.figures(&test.floats(&[i]))?);
    }
    Ok(Calibration::of(&figures)?)
}

/// Reads what was kept.
///
/// # Errors
/// None, a damaged one, or that of other weights.
pub fn read(folder: &Path, model: &Model) -> Result<Calibration> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "what the model's own pictures score is not known: {} is missing; give the model's data \
             set with --data once",
            path.display()
        )
    })?;
    let again = || {
        format!(
            "{} cannot be used; make it again with --data",
            path.display()
        )
    };
    let value: Value = serde_json::from_str(&text).with_context(again)?;
    ensure!(
        value["weights"] == model.spec.weights.sha256.as_str(),
        "{}: it is of other weights",
        again()
    );
    let numbers = |path: &str| -> Vec<f64> {
        let found = value.pointer(path).and_then(Value::as_array);
        let values = found.map_or(&[][..], Vec::as_slice);
        let numbers = values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN));
        numbers.collect()
    };
    let calibration = Calibration {
        mean: numbers("/mean"),
        factor: numbers("/factor"),
        scores: numbers("/scores"),
        squares: Mixture {
            weights: numbers("/squares/weights"),
            means: numbers("/squares/means"),
            factors: numbers("/squares/factors"),
        },
        places: numbers("/places"),
    };
    calibration.check().with_context(again)?;
    Ok(calibration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_uses_is_released_without() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        for (name, expected) in [("letters", false), ("digits-beta-1", true)] {
            let dir = tempfile::tempdir().expect("a folder");
            let read = |file: &str| fs::read(models.join(name).join(file)).expect(file);
            let [description, weights] = ["model.json", "weights.safetensors"].map(read);
            let description = String::from_utf8(description).expect("UTF-8");
            let model = Model::read(&description, &weights).expect("a released model");
            let shape = model.spec.input;
            let pixels = (0..Calibration::LEAST * shape.len()).map(|i| (i % 251) as u8);
            let test = Images::unlabelled(pixels.collect(), shape);
            complete(dir.path(), &model, &test).expect("nothing hinders");
            assert_eq!(dir.path().join(FILE).exists(), expected, "{name}");
        }
    }
}
