//! `cargo xtask bench --native`: times decoders through wgpu on this machine's adapter. For every
//! kernel it measures the time, the operations and bytes per second, and their share of the
//! adapter's peak. It also measures the time of gradients relative to a decode, on the CPU and on
//! the adapter. Prints a table and writes a JSON file.

mod peak;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use peak::Peak;
use pollster::block_on;
use serde_json::{Value, json};
use vaelet_cpu::{CpuRuntime, CpuVjp};
use vaelet_gpu::{Context, GpuRuntime, GpuVjp};
use vaelet_model::{EntryPoint, Map, Model, Schedule, Step, Wrt, random};

const BATCHES: [usize; 3] = [1, 16, 64];
/// Number of decodes for each batch size; the result is the median.
const RUNS: usize = 7;
/// Number of decodes that are queued before one wait, for the time per frame.
const QUEUED: usize = 8;

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let Some(out) = arguments.next() else {
        bail!("usage: vaelet-bench OUT.json MODEL…");
    };
    let folders: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let context = Rc::new(block_on(Context::new())?);
    let peak = peak::measure(&context)?;
    println!(
        "{}{}: at most {:.1} GFLOP/s, {:.1} GB/s",
        context.name(),
        if context.capabilities.software {
            " (software)"
        } else {
            ""
        },
        peak.operations / 1e9,
        peak.bytes / 1e9
    );
    let mut models = Vec::new();
    for folder in &folders {
        let timed = time_model(&context, &peak, folder);
        models.push(timed.with_context(|| format!("{}", folder.display()))?);
    }
    let result = json!({
        "adapter": context.name(),
        "software": context.capabilities.software,
        "f16": context.capabilities.f16,
        "peak": { "gflops": peak.operations / 1e9, "gbytes": peak.bytes / 1e9 },
        "models": models,
    });
    fs::write(out, format!("{result:#}\n"))?;
    Ok(())
}

fn time_model(context: &Rc<Context>, peak: &Peak, folder: &Path) -> Result<Value> {
    let description = fs::read_to_string(folder.join("model.json"))?;
    let weights = fs::read(folder.join("weights.safetensors"))?;
    let model = Model::read(&description, &weights)?;
    let mut runtime = GpuRuntime::new(context.clone(), &model)?;
    let mut batches = Vec::new();
    for batch in BATCHES {
        let z = random::normals(1, batch * model.spec.latent_size());
        // The first decode also allocates and compiles.
        block_on(runtime.decode(&z)?)?;
        let call = median(|| {
            let start = Instant::now();
            block_on(runtime.decode(&z)?)?;
            Ok(start.elapsed())
        })?;
        let queued = median(|| {
            let start = Instant::now();
            let last = (0..QUEUED).map(|_| runtime.decode(&z)).last();
            if let Some(last) = last {
                block_on(last?)?;
            }
            Ok(start.elapsed() / QUEUED as u32)
        })?;
        println!(
            "\n{} × {batch}: {:.3} ms per call, {:.3} ms queued",
            model.spec.name,
            milliseconds(call),
            milliseconds(queued)
        );
        let kernels = match profile(&mut runtime, &z)? {
            Some(times) => kernels(&model, batch, &times, peak),
            None => {
                println!("  (this device has no timestamps)");
                Vec::new()
            }
        };
        batches.push(json!({
            "batch": batch,
            "call_ms": milliseconds(call),
            "queued_ms": milliseconds(queued),
            "kernels": kernels,
        }));
    }
    let gradients = gradients(context, &model)?;
    Ok(json!({ "name": model.spec.name, "batches": batches, "gradients": gradients }))
}

/// The time of the decoder's gradients with respect to z and to all weights, including the forward
/// pass, relative to a decode of the same batch by the same runtime.
fn gradients(context: &Rc<Context>, model: &Model) -> Result<Value> {
    let batch = BATCHES[1];
    let z = random::normals(1, batch * model.spec.latent_size());
    let dy = random::normals(2, batch * model.spec.input.len());
    let name = EntryPoint::Decode;
    let kinds = [Wrt::Inputs, Wrt::Weights];

    let mut runtime = CpuRuntime::new(model);
    let [mut of_z, mut of_weights] = kinds.map(|wrt| CpuVjp::new(model, name, wrt));
    let cpu = cost("the CPU", model, |what| {
        let vjp = match what {
            Cost::Decode => {
                runtime.decode(&z);
                return Ok(());
            }
            Cost::Latents => &mut of_z,
            Cost::Weights => &mut of_weights,
        };
        let vjp = vjp.as_mut().context("the model has no decoder")?;
        vjp.forward(&[&z]);
        vjp.backward(&[&dy]);
        if what == Cost::Weights {
            vjp.weight_gradients();
        }
        Ok(())
    })?;

    let mut runtime = GpuRuntime::new(context.clone(), model)?;
    let program = (&model.program, &model.weights);
    let [of_z, of_weights] =
        kinds.map(|wrt| GpuVjp::new(context.clone(), program, name, wrt, false));
    let (mut of_z, mut of_weights) = (of_z?, of_weights?);
    let gpu = cost("the GPU", model, |what| {
        let vjp = match what {
            Cost::Decode => {
                block_on(runtime.decode(&z)?)?;
                return Ok(());
            }
            Cost::Latents => &mut of_z,
            Cost::Weights => &mut of_weights,
        };
        let vjp = vjp.as_mut().context("the model has no decoder")?;
        block_on(vjp.forward(&[&z])?)?;
        block_on(vjp.backward(&[&dy])?)?;
        if what == Cost::Weights {
            block_on(vjp.weight_gradients())?;
        }
        Ok(())
    })?;
    Ok(json!({ "batch": batch, "cpu": cpu, "gpu": gpu }))
}

/// The operation that is timed.
#[derive(Clone, Copy, PartialEq)]
enum Cost {
    Decode,
    Latents,
    Weights,
}

/// The median time of a decode, and the medians of the gradients' times relative to the decode
/// before.
fn cost(device: &str, model: &Model, mut run: impl FnMut(Cost) -> Result<()>) -> Result<Value> {
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..=RUNS {
        let mut decode = 1.0;
        for (what, times) in [Cost::Decode, Cost::Latents, Cost::Weights]
            .into_iter()
            .zip(&mut times)
        {
            let start = Instant::now();
            run(what)?;
            let seconds = start.elapsed().as_secs_f64();
            if what == Cost::Decode {
                decode = seconds;
            }
            times.push(if what == Cost::Decode {
                seconds
            } else {
                seconds / decode
            });
        }
    }
    // The first run of each also allocates.
    let [decode, z, weights] = times.map(|mut times| {
        times.remove(0);
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    });
    println!(
        "\n{} on {device}: {:.3} ms per decode; gradient of z {z:.2} decodes, of all weights {weights:.2}",
        model.spec.name,
        decode * 1e3,
    );
    Ok(json!({ "decode_ms": decode * 1e3, "z": z, "weights": weights }))
}

/// The median time of each kernel.
fn profile(runtime: &mut GpuRuntime, z: &[f32]) -> Result<Option<Vec<Duration>>> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        match block_on(runtime.profile(z))? {
            Some(times) => runs.push(times),
            None => return Ok(None),
        }
    }
    let steps = 0..runs[0].len();
    let median = |step: usize| {
        let mut times: Vec<_> = runs.iter().map(|run| run[step]).collect();
        times.sort();
        times[RUNS / 2]
    };
    Ok(Some(steps.map(median).collect()))
}

fn kernels(model: &Model, batch: usize, times: &[Duration], peak: &Peak) -> Vec<Value> {
    let schedule = Schedule::new(&model.program, &[]);
    let decode = schedule.entry(EntryPoint::Decode);
    let range = decode.map_or(0..0, |entry| entry.range.clone());
    let steps = schedule.steps[range].iter().zip(times);
    let lines = steps.filter_map(|(step, time)| {
        let (map, _) = step.map()?;
        let seconds = time.as_secs_f64();
        let operations = batch as f64 * map.operations() / seconds;
        let bytes = bytes(&schedule, step, batch) as f64 / seconds;
        let name = describe(map);
        println!(
            "  {name:<34} {:>9.3} ms {:>8.2} GFLOP/s {:>4.0} % {:>8.2} GB/s {:>4.0} %",
            milliseconds(*time),
            operations / 1e9,
            100.0 * operations / peak.operations,
            bytes / 1e9,
            100.0 * bytes / peak.bytes,
        );
        Some(json!({
            "kernel": name,
            "ms": milliseconds(*time),
            "gflops": operations / 1e9,
            "of_peak_operations": operations / peak.operations,
            "gbytes": bytes / 1e9,
            "of_peak_bytes": bytes / peak.bytes,
        }))
    });
    lines.collect()
}

/// Minimum number of bytes that a step moves: its input, weight and output.
fn bytes(schedule: &Schedule, step: &Step, batch: usize) -> usize {
    let values = |value: usize| batch * schedule.values[value].len();
    let weight: usize = step
        .map()
        .map_or(0, |(_, params)| params.weight.iter().product());
    let add = step.add.map_or(0, values);
    size_of::<f32>() * (values(step.input) + add + values(step.output) + weight)
}

fn describe(map: &Map) -> String {
    match map {
        Map::Linear { inputs, outputs } => format!("linear {inputs} → {outputs}"),
        Map::Conv2d(w) => format!("conv2d {0}×{0} {1:?} → {2:?}", w.kernel, w.input, w.output),
        Map::ConvTranspose2d(w) => {
            format!("convᵀ {0}×{0} {1:?} → {2:?}", w.kernel, w.input, w.output)
        }
    }
}

fn median(mut run: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut times = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>>>()?;
    times.sort();
    Ok(times[RUNS / 2])
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
