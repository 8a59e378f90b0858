//! EfficientNet-Lite0 (Tan and Le 2019; the Lite variants of 2020 have no squeeze-and-excitation
//! and ReLU6) up to its last block, in burn: a network trained on ImageNet, whose features match human
//! perception better than those of an untrained one.
//!
//! Its weights are fixed, batch normalisation is folded into them, and gradients run through it to
//! the images where the device tracks them. `vaelet data fetch features` downloads the weights.

pub mod pretrained;

use crate::network::ops::{depthwise, relu6};
use crate::network::{on_cpu, product, to_images, to_rows};
use anyhow::{Context, Result, bail, ensure};
use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, PadMode};
use burn::tensor::{Device, Tensor, TensorData};
use std::fs;
use std::path::Path;
use vaelet_model::{Patches, Tensors, Window, read_tensors, sha256_hex};

/// A file, and the SHA-256 of its contents.
pub struct Pinned {
    /// Its name in its folder.
    pub name: &'static str,
    /// In hexadecimal.
    pub sha256: &'static str,
}

/// What `vaelet data fetch features` writes.
pub const FILE: Pinned = Pinned {
    name: "features.safetensors",
    sha256: "d0c4223c425df4312351b1293907863dfb50f7aaf9d1714bc227003a1e100e24",
};

/// Side of the images that it looks at.
pub const SIDE: usize = 64;

/// Stride of each block's depthwise convolution. The first block alone does not expand.
pub const STRIDES: [usize; 16] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1];

/// The network.
#[derive(Debug, Clone)]
pub struct EfficientNet {
    stem: Convolution,
    blocks: Vec<Block>,
}

/// Feature maps, or images.
#[derive(Debug, Clone)]
pub struct Maps {
    /// `[N, H · W · C]`
    pub values: Tensor<2>,
    /// Height, width and channels.
    pub shape: [usize; 3],
}

impl Maps {
    /// The same from `[N, C, H, W]`.
    pub fn of(images: Tensor<4>) -> Self {
        let [_, channels, height, width] = images.dims();
        Self {
            values: to_rows(images),
            shape: [height, width, channels],
        }
    }
}

/// An inverted residual (Sandler et al. 2018): 1×1 to six times the channels, a filter for
/// each of them, 1×1 back to few.
#[derive(Debug, Clone)]
struct Block {
    expand: Option<Convolution>,
    depthwise: Convolution,
    project: Convolution,
}

#[derive(Debug, Clone)]
struct Convolution {
    /// `[kernel² · in / groups, out]`
    weight: Tensor<2>,
    /// `[out]`
    bias: Tensor<1>,
    kernel: usize,
    stride: usize,
    /// Whether each channel has a filter of its own.
    depthwise: bool,
}

impl EfficientNet {
    /// Reads the weights that `vaelet data fetch features` has written into `folder`; none
    /// where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or has a wrong checksum.
    pub fn read(folder: &Path, device: &Device) -> Result<Option<Self>> {
        let path = folder.join(FILE.name);
        if !path.exists() {
            return Ok(None);
        }
        let contents =
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            sha256_hex(&contents) == FILE.sha256,
            "{} has a wrong checksum; delete it and run `vaelet data fetch features --out {}`",
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
            let [out, inputs, kernel, _] = weight.shape[..] else {
                bail!("{name} in {} is not a convolution", FILE.name);
            };
            let values = Tensor::<4>::from_data(data(weight), device);
            let values = values.permute([2, 3, 1, 0]);
            anyhow::Ok(Convolution {
                weight: values.reshape([kernel * kernel * inputs, out]),
                bias: Tensor::from_data(data(bias), device),
                kernel,
                stride,
                // Only such a filter has one input channel.
                depthwise: inputs == 1,
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

    /// The outputs of the first `count` of 16 blocks for images as [`prepare`] gives them. The last
    /// ones of each scale have 16, 24, 40, 112 and 320 channels (blocks 0, 2, 4, 10 and 15, strides
    /// 2, 4, 8, 16 and 32).
    pub fn blocks(&self, images: Maps, count: usize) -> Vec<Maps> {
        let mut x = self.stem.run(images, true);
        let run = |block: &Block| {
            x = block.run(x.clone());
            x.clone()
        };
        self.blocks[..count].iter().map(run).collect()
    }

    /// The means over the last block's 320 channels, `[N, 320]`, of images in `[0, 1]`, grey or RGB.
    pub fn pooled(&self, images: Maps) -> Tensor<2> {
        let mut outputs = self.blocks(prepare(images), STRIDES.len());
        let Maps { values, shape } = outputs.swap_remove(STRIDES.len() - 1);
        let [height, width, channels] = shape;
        let pixels = values.reshape([-1, (height * width) as i32, channels as i32]);
        pixels.mean_dim(1).squeeze_dim(1)
    }

    /// Channels that block `i` gives.
    pub fn channels(&self, i: usize) -> usize {
        self.blocks[i].project.bias.dims()[0]
    }
}

/// Images in `[0, 1]` as the network was trained to see them: grey repeated to RGB, resized to
/// 64×64 (bilinear, half-pixel centres), scaled to (255 x − 127) / 128.
pub fn prepare(images: Maps) -> Maps {
    let Maps { mut values, shape } = images;
    let [height, width, channels] = shape;
    if shape != [SIDE, SIDE, 3] {
        let mut images = to_images(values, shape).repeat_dim(1, 3 / channels);
        if [height, width] != [SIDE; 2] {
            let options = InterpolateOptions::new(InterpolateMode::Bilinear)
                .with_align_corners(false)
                .with_output_size([SIDE; 2]);
            images = interpolate(images, options);
        }
        values = to_rows(images);
    }
    Maps {
        values: (values * 255.0 - 127.0) / 128.0,
        shape: [SIDE, SIDE, 3],
    }
}

impl Block {
    fn run(&self, input: Maps) -> Maps {
        let mut x = input.clone();
        if let Some(expand) = &self.expand {
            x = expand.run(x, true);
        }
        x = self.depthwise.run(x, true);
        x = self.project.run(x, false);
        if x.shape == input.shape {
            x.values = x.values + input.values;
        }
        x
    }
}

impl Convolution {
    /// With TensorFlow's "same" padding: as many outputs as strides begin in the input, and
    /// where padding is odd, the greater half after it. Then ReLU6, where it is `clamped`.
    fn run(&self, x: Maps, clamped: bool) -> Maps {
        let Self { kernel, stride, .. } = *self;
        let [height, width, channels] = x.shape;
        let out = self.bias.dims()[0];
        let padding = |size: usize| {
            let reach = (size.div_ceil(stride) - 1) * stride + kernel;
            reach.saturating_sub(size)
        };
        let patches = Patches {
            image: x.shape,
            positions: [height, width].map(|size| size.div_ceil(stride)),
            kernel,
            stride,
            padding: padding(height) / 2,
        };
        let shape = [patches.positions[0], patches.positions[1], out];
        let batch = x.values.dims()[0];
        let weight = self.weight.clone();
        let values = if !on_cpu(&x.values) {
            let groups = if self.depthwise { channels } else { 1 };
            let weight = weight
                .reshape([kernel, kernel, channels / groups, out])
                .permute([3, 2, 0, 1]);
            let padding =
                [height, width].map(|size| (padding(size) / 2, padding(size).div_ceil(2)));
            let images = to_images(x.values, x.shape).pad(padding, PadMode::Constant(0.0));
            let options = ConvOptions::new([stride; 2], [0; 2], [1; 2], groups);
            to_rows(conv2d(images, weight, None, options))
        } else if self.depthwise {
            depthwise(x.values, weight, patches)
        } else if kernel == 1 {
            let pixels = x.values.reshape([batch * height * width, channels]);
            pixels.matmul(weight)
        } else {
            let window = Window {
                input: x.shape,
                output: shape,
                kernel,
                stride,
                padding: patches.padding,
            };
            product(window, x.values, weight)
        };
        let values = if clamped && on_cpu(&values) {
            relu6(values, self.bias.clone())
        } else {
            let pixels = values.reshape([batch * shape[0] * shape[1], out]);
            let pixels = pixels + self.bias.clone().reshape([1, out]);
            if clamped {
                pixels.clamp(0.0, 6.0)
            } else {
                pixels
            }
        };
        Maps {
            values: values.reshape([batch, shape.iter().product()]),
            shape,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::efficientnet::pretrained;
    use crate::network::to_vec;
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
            fs::write(
                &wheel,
                include_bytes!("../../../tests/efficientnet/tiny.whl"),
            )
            .unwrap();
            Self::of(&pretrained::convert(&wheel, dir.path()).unwrap(), device).unwrap()
        }
    }

    fn pictures(channels: usize, side: usize, device: &Device) -> Maps {
        let mut values = Vec::new();
        for (n, c) in (0..2).flat_map(|n| (0..channels).map(move |c| (n, c))) {
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let value = (5 + n) * x + (3 + 2 * c) * y + x * y / 8 + 50 * c;
                values.push((value % 256) as f32 / 255.0);
            }
        }
        let data = TensorData::new(values, [2, channels, side, side]);
        Maps::of(Tensor::from_data(data, device))
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
    fn assert_blocks(outputs: Vec<Maps>, expected: &[Vec<f32>]) {
        assert_eq!(outputs.len(), expected.len());
        for (output, expected) in outputs.into_iter().zip(expected) {
            let output = to_images(output.values, output.shape);
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
            serde_json::from_str(include_str!("../../../tests/efficientnet/tiny.json")).unwrap();
        let device = Device::flex().autodiff();
        let network = EfficientNet::tiny(&device);
        let mut images = prepare(pictures(3, SIDE, &device));
        images.values = images.values.detach().require_grad();
        let outputs = network.blocks(images.clone(), STRIDES.len());
        let last = outputs[STRIDES.len() - 1].values.clone();
        assert_blocks(outputs, &expected.blocks);

        let gradients = last.square().sum().backward();
        let gradient = images.values.grad(&gradients).unwrap();
        let gradient = to_images(gradient, images.shape);
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
            serde_json::from_str(include_str!("../../../tests/efficientnet/lite0.json")).unwrap();
        let colour = pictures(3, SIDE, &device);
        assert_blocks(
            network.blocks(prepare(colour.clone()), STRIDES.len()),
            &expected.blocks,
        );
        assert_close(network.pooled(colour), &expected.colour);
        assert_close(network.pooled(pictures(1, 28, &device)), &expected.grey);
    }
}
