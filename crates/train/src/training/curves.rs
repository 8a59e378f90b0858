//! A run's loss curves as a picture, written after each epoch.

use super::progress::Epoch;
use anyhow::{Context, Result};
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (720, 400);

/// Draws −ELBO on training and held-out images over the epochs, in nats per image.
///
/// # Errors
/// A file that cannot be written.
pub fn save(epochs: &[Epoch], path: &Path) -> Result<()> {
    draw(epochs, path).with_context(|| format!("cannot write {}", path.display()))
}

fn draw(epochs: &[Epoch], path: &Path) -> Result<()> {
    let points = |value: fn(&Epoch) -> Option<f64>| -> Vec<(f64, f64)> {
        let numbered = (1u32..).map(f64::from).zip(epochs);
        // The first epoch is much higher and would flatten the curves.
        let skipped = usize::from(epochs.len() > 2);
        let known = numbered.skip(skipped);
        known
            .filter_map(|(epoch, e)| Some((epoch, value(e)?)))
            .collect()
    };
    let training = points(|epoch| Some(epoch.reconstruction + epoch.kl));
    let held_out = points(|epoch| epoch.validation);
    let all = training.iter().chain(&held_out);
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| {
        (low.min(*y), high.max(*y))
    });
    let space = 0.05 * (high - low).max(1.0);
    let last = epochs.len().max(2) as f64;

    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(1.0..last, low - space..high + space)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc("−ELBO, nats per image")
        .light_line_style(WHITE)
        .draw()?;
    for (points, colour, name) in [
        (training, RGBColor(40, 90, 160), "training"),
        (held_out, RGBColor(200, 90, 30), "held out"),
    ] {
        if !points.is_empty() {
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .draw()?;
    root.present()?;
    Ok(())
}
