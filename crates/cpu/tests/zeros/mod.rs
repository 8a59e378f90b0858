//! Creates weights for any description and runs the model, for tests with damaged files and for
//! `fuzz/`.

use std::collections::BTreeMap;
use vaelet_cpu::CpuRuntime;
use vaelet_model::{Architecture, Error, Model, WeightsFile};

/// Larger models, in operations per item, are read but not run, to keep the tests quick.
const RUN: f64 = 1e7;

/// A weights file of zeros for a description.
pub fn zeros(architecture: &Architecture) -> Vec<u8> {
    let tensors = architecture.params().flat_map(|params| params.stored());
    let tensors = tensors.chain(architecture.spec.prior_tensors());
    // Of two tensors with one name only one is stored; the reader reports the error.
    let tensors: BTreeMap<_, _> = tensors.collect();
    let (mut header, mut end) = (String::new(), 0);
    for (name, shape) in tensors {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        let name = name.escape_default();
        header += &format!(
            r#","{name}":{{"dtype":"F16","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        );
    }
    let header = format!("{{{}}}", header.trim_start_matches(','));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.into_bytes());
    file.resize(file.len() + end, 0);
    file
}

/// A description in which the weights file `new` replaces `old`.
pub fn describe(json: &str, old: &WeightsFile, new: &[u8]) -> String {
    let new = WeightsFile::describe(&old.file, new);
    let bytes = |file: &WeightsFile| format!("\"bytes\":{}", file.bytes);
    json.replace(&bytes(old), &bytes(&new))
        .replace(&old.sha256, &new.sha256)
}

/// Reads a model and runs it if that is quick.
///
/// # Errors
/// The error of reading the model.
pub fn run(json: &str, weights: &[u8]) -> Result<(), Error> {
    let model = Model::read(json, weights)?;
    let mut runtime = CpuRuntime::new(&model);
    if model.program.operations() < RUN {
        let images = runtime.decode(&vec![0.0; model.spec.latent_size()]);
        assert_eq!(images.len(), model.spec.input.len());
        let posterior = runtime.encode(&images);
        assert_eq!(posterior.mean.len(), model.spec.latent_size());
    }
    Ok(())
}
