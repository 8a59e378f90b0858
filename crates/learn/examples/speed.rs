//! Images per second of the two networks on one core: `cargo run --release -p vaelet-learn --example speed`.

use std::time::Instant;
use vaelet_learn::{Augmentation, Design, Judging, Network, Pictures, Run, Settings};
use vaelet_model::{ImageShape, Likelihood, random};

fn main() -> vaelet_learn::Result<()> {
    let shape = ImageShape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let pixels = random::uniforms(1, 1000 * shape.len());
    let pixels: Vec<u8> = pixels.iter().map(|v| (v * 255.0) as u8).collect();
    for network in [Network::Mlp, Network::Convolutional] {
        let design = Design {
            network,
            latents: 10,
            shape,
            likelihood: Likelihood::Bernoulli,
            one: "picture".into(),
            many: "pictures".into(),
        };
        let settings = Settings {
            batch: 128,
            rate: 1e-3,
            beta: 1.0,
            warm_up: 100,
            free: 0.0,
            seed: 1,
            augmentation: Augmentation::None,
            binarize: true,
            judging: Judging::None,
        };
        let mut run = Run::new(design, Pictures::new(pixels.clone(), shape)?, settings)?;
        let mut times: Vec<f64> = Vec::new();
        let cpu = || {
            let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
            let first = text.split(' ').next().and_then(|v| v.parse::<f64>().ok());
            first.unwrap_or_default() / 1e9
        };
        let begin = Instant::now();
        while begin.elapsed().as_secs_f64() < 5.0 {
            let start = cpu();
            run.step()?;
            times.push(cpu() - start);
        }
        times.sort_by(f64::total_cmp);
        let rate = settings.batch as f64 / times[times.len() / 2];
        println!(
            "{network:?}: {rate:.0} images/s (median), {:.0} (best)",
            128.0 / times[0]
        );
    }
    Ok(())
}
