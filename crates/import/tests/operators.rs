//! Random chains of operators in ONNX files give what plain loops give: same and asymmetric padding, output padding,
//! folded normalisation, pooling, enlarging, residual blocks, activations as operators and spelled out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixtures;

use fixtures::{field, int, ints, model, node, tensor, value};
use vaelet_cpu::CpuRuntime;
use vaelet_import::export::onnx;
use vaelet_import::{Options, Second, Source, import};
use vaelet_model::{Activation, Model, Precision, Tensor, Tensors, random, write_tensors};
use vaelet_reference::activation::forward;

/// Random choices of a seed.
struct Choice {
    numbers: std::vec::IntoIter<f32>,
    seed: u64,
}

impl Choice {
    fn new(seed: u64) -> Self {
        let numbers = random::normals(seed, 4000).into_iter();
        Self { numbers, seed }
    }

    fn of(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        let number = self.numbers.next().unwrap().to_bits() >> 3;
        range.start() + number as usize % (range.end() - range.start() + 1)
    }

    /// Zeros before rows and columns, then after: as many in all of both, because kernels are square in the end.
    fn pads(&mut self, most: usize) -> [usize; 4] {
        let [rows, columns] = [0; 2].map(|_| self.of(0..=most));
        let total = self.of(rows.max(columns)..=2 * most);
        [rows, columns, total - rows, total - columns]
    }

    fn normals(&mut self, count: usize, scale: f32) -> Vec<f32> {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let normals = random::normals(self.seed, count);
        normals.iter().map(|v| v * scale).collect()
    }
}

/// An image `[C, H, W]` on its way through the network.
#[derive(Clone)]
struct Image {
    shape: [usize; 3],
    data: Vec<f64>,
}

impl Image {
    fn at(&self, c: usize, y: isize, x: isize) -> Option<f64> {
        let [_, h, w] = self.shape;
        let inside = (0..h as isize).contains(&y) && (0..w as isize).contains(&x);
        inside.then(|| self.data[(c * h + y as usize) * w + x as usize])
    }

    fn of(shape: [usize; 3], f: impl Fn(usize, usize, usize) -> f64) -> Self {
        let [c, h, w] = shape;
        let mut data = Vec::new();
        for (c, y) in (0..c).flat_map(|c| (0..h).map(move |y| (c, y))) {
            data.extend((0..w).map(|x| f(c, y, x)));
        }
        Self { shape, data }
    }
}

/// A graph as it is written, and what it gives.
struct Writer {
    nodes: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    /// The name of the last value.
    last: String,
    image: Image,
    kinds: Vec<String>,
}

fn float(name: &str, value: f32) -> Vec<u8> {
    [
        field(1, name.as_bytes()),
        vec![0x15],
        value.to_le_bytes().to_vec(),
    ]
    .concat()
}

fn text(name: &str, value: &str) -> Vec<u8> {
    [field(1, name.as_bytes()), field(4, value.as_bytes())].concat()
}

impl Writer {
    fn fresh(&self) -> String {
        format!("v{}", self.nodes.len())
    }

    fn push(&mut self, op: &str, inputs: &[&str], attributes: &[Vec<u8>]) -> String {
        let name = self.fresh();
        self.nodes.push(node(op, inputs, &name, attributes));
        self.kinds.push(op.into());
        name
    }

    fn constant(&mut self, shape: &[usize], values: &[f32]) -> String {
        let name = format!("t{}", self.tensors.len());
        self.tensors.push(tensor(&name, shape, values));
        name
    }

    fn scalar(&mut self, op: &str, from: &str, value: f32) -> String {
        let constant = self.constant(&[], &[value]);
        self.push(op, &[from, &constant], &[])
    }

    fn map(&mut self, f: impl Fn(f64) -> f64) {
        self.image.data.iter_mut().for_each(|v| *v = f(*v));
    }

    fn conv(&mut self, choice: &mut Choice, keep: bool) {
        let [inputs, h, w] = self.image.shape;
        let kernel = if keep { 3 } else { choice.of(1..=4) };
        let stride = if keep { 1 } else { choice.of(1..=2) };
        let outputs = if keep { inputs } else { choice.of(1..=4) };
        let mut pads = if keep { [1; 4] } else { choice.pads(2) };
        let same = !keep && choice.of(0..=2) == 0;
        let upper = choice.of(0..=1) == 1;
        if same {
            // ONNX: the output has ceil(side / stride) rows; the odd zero is behind (UPPER) or before (LOWER).
            for (axis, side) in [h, w].into_iter().enumerate() {
                let total = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
                let (small, large) = (total / 2, total - total / 2);
                (pads[axis], pads[axis + 2]) = if upper {
                    (small, large)
                } else {
                    (large, small)
                };
            }
        }
        if h + pads[0] + pads[2] < kernel || w + pads[1] + pads[3] < kernel {
            return;
        }
        let scale = 1.0 / ((inputs * kernel * kernel) as f32).sqrt();
        let weight = choice.normals(outputs * inputs * kernel * kernel, scale);
        let bias = choice.normals(outputs, 0.3);
        let sides = [
            (h + pads[0] + pads[2] - kernel) / stride + 1,
            (w + pads[1] + pads[3] - kernel) / stride + 1,
        ];
        let image = self.image.clone();
        self.image = Image::of([outputs, sides[0], sides[1]], |o, y, x| {
            let mut sum = f64::from(bias[o]);
            for (i, (ky, kx)) in (0..inputs).flat_map(|i| {
                (0..kernel).flat_map(move |ky| (0..kernel).map(move |kx| (i, (ky, kx))))
            }) {
                let place =
                    |at: usize, k: usize, pad: usize| (at * stride + k) as isize - pad as isize;
                if let Some(value) = image.at(i, place(y, ky, pads[0]), place(x, kx, pads[1])) {
                    let weight = weight[((o * inputs + i) * kernel + ky) * kernel + kx];
                    sum += value * f64::from(weight);
                }
            }
            sum
        });
        let w = self.constant(&[outputs, inputs, kernel, kernel], &weight);
        let b = self.constant(&[outputs], &bias);
        let mut attributes = vec![ints("strides", &[stride as i64; 2])];
        attributes.push(match (same, upper) {
            (true, true) => text("auto_pad", "SAME_UPPER"),
            (true, false) => text("auto_pad", "SAME_LOWER"),
            _ => ints("pads", &pads.map(|pad| pad as i64)),
        });
        let from = self.last.clone();
        self.last = self.push("Conv", &[&from, &w, &b], &attributes);
    }

    fn conv_transpose(&mut self, choice: &mut Choice) {
        let [inputs, h, w] = self.image.shape;
        let (kernel, stride) = (choice.of(1..=4), choice.of(1..=2));
        let outputs = choice.of(1..=4);
        let pads = choice.pads(1);
        let extra = [choice.of(0..=stride - 1); 2];
        let side = |side: usize, axis: usize| {
            ((side - 1) * stride + kernel + extra[axis]).checked_sub(pads[axis] + pads[axis + 2])
        };
        let (Some(height @ 1..), Some(width @ 1..)) = (side(h, 0), side(w, 1)) else {
            return;
        };
        let scale = 1.0 / ((inputs * kernel * kernel) as f32).sqrt();
        let weight = choice.normals(inputs * outputs * kernel * kernel, scale);
        let bias = choice.normals(outputs, 0.3);
        let image = self.image.clone();
        self.image = Image::of([outputs, height, width], |o, y, x| {
            let mut sum = f64::from(bias[o]);
            for (i, iy, ix) in (0..inputs)
                .flat_map(|i| (0..h).flat_map(move |iy| (0..w).map(move |ix| (i, iy, ix))))
            {
                let tap = |at: usize, from: usize, pad: usize| {
                    (at + pad)
                        .checked_sub(from * stride)
                        .filter(|&k| k < kernel)
                };
                if let (Some(ky), Some(kx)) = (tap(y, iy, pads[0]), tap(x, ix, pads[1])) {
                    let weight = weight[((i * outputs + o) * kernel + ky) * kernel + kx];
                    sum += image.data[(i * h + iy) * w + ix] * f64::from(weight);
                }
            }
            sum
        });
        let wname = self.constant(&[inputs, outputs, kernel, kernel], &weight);
        let b = self.constant(&[outputs], &bias);
        let from = self.last.clone();
        let attributes = [
            ints("strides", &[stride as i64; 2]),
            ints("pads", &pads.map(|pad| pad as i64)),
            ints("output_padding", &extra.map(|rows| rows as i64)),
        ];
        self.last = self.push("ConvTranspose", &[&from, &wname, &b], &attributes);
    }

    fn batch_norm(&mut self, choice: &mut Choice) {
        let [channels, h, w] = self.image.shape;
        let parts = [1.0, 0.5, 0.5].map(|scale| choice.normals(channels, scale));
        let variance: Vec<f32> = choice
            .normals(channels, 1.0)
            .iter()
            .map(|v| v * v + 0.1)
            .collect();
        for (i, v) in self.image.data.iter_mut().enumerate() {
            let c = i / (h * w);
            let [gamma, beta, mean] = [0, 1, 2].map(|part: usize| f64::from(parts[part][c]));
            *v = gamma * (*v - mean) / (f64::from(variance[c]) + 1e-5).sqrt() + beta;
        }
        let mut names = vec![self.last.clone()];
        for values in parts.iter().chain([&variance]) {
            names.push(self.constant(&[channels], values));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.last = self.push("BatchNormalization", &names, &[float("epsilon", 1e-5)]);
    }

    fn pool(&mut self, choice: &mut Choice) {
        let [channels, h, w] = self.image.shape;
        let largest = choice.of(0..=1) == 0;
        let size = if largest { 2 } else { choice.of(2..=3) };
        if h < size || w < size || (largest && (h % 2, w % 2) != (0, 0)) {
            return;
        }
        let image = self.image.clone();
        self.image = Image::of([channels, h / size, w / size], |c, y, x| {
            let taps = (0..size * size).map(|i| {
                let (y, x) = (y * size + i / size, x * size + i % size);
                image.data[(c * h + y) * w + x]
            });
            match largest {
                true => taps.fold(f64::MIN, f64::max),
                false => taps.sum::<f64>() / (size * size) as f64,
            }
        });
        let op = if largest { "MaxPool" } else { "AveragePool" };
        let attributes = ["kernel_shape", "strides"].map(|name| ints(name, &[size as i64; 2]));
        let from = self.last.clone();
        self.last = self.push(op, &[&from], &attributes);
    }

    fn upsample(&mut self) {
        let [channels, h, w] = self.image.shape;
        let image = self.image.clone();
        self.image = Image::of([channels, 2 * h, 2 * w], |c, y, x| {
            image.data[(c * h + y / 2) * w + x / 2]
        });
        let scales = self.constant(&[4], &[1.0, 1.0, 2.0, 2.0]);
        let from = self.last.clone();
        let attributes = [
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        self.last = self.push("Resize", &[&from, "", &scales], &attributes);
    }

    fn residual(&mut self, choice: &mut Choice) {
        let (before, image) = (self.last.clone(), self.image.clone());
        self.conv(choice, true);
        let from = self.last.clone();
        self.last = self.push("Add", &[&before, &from], &[]);
        self.image
            .data
            .iter_mut()
            .zip(image.data)
            .for_each(|(v, x)| *v += x);
    }

    fn activate(&mut self, choice: &mut Choice) {
        let x = self.last.clone();
        let plain = |w: &mut Self, op: &str, attributes: &[Vec<u8>]| w.push(op, &[&x], attributes);
        let elu = |x: f64| forward(Activation::Elu, x);
        self.last = match choice.of(0..=12) {
            0 => {
                self.map(|x| x.max(0.0));
                plain(self, "Relu", &[])
            }
            1 => {
                self.map(|x| if x > 0.0 { x } else { 0.2 * x });
                plain(self, "LeakyRelu", &[float("alpha", 0.2)])
            }
            2 => {
                self.map(|x| forward(Activation::Sigmoid, x));
                plain(self, "Sigmoid", &[])
            }
            3 => {
                self.map(f64::tanh);
                plain(self, "Tanh", &[])
            }
            4 => {
                let alpha = [1.0, 0.5, 2.0][choice.of(0..=2)];
                self.map(|x| {
                    if x > 0.0 {
                        x
                    } else {
                        f64::from(alpha) * x.exp_m1()
                    }
                });
                plain(self, "Elu", &[float("alpha", alpha)])
            }
            5 => {
                self.map(|x| forward(Activation::Softplus, x));
                plain(self, "Softplus", &[])
            }
            6 => {
                self.map(|x| {
                    1.050_700_987
                        * if x > 0.0 {
                            x
                        } else {
                            1.673_263_242 * x.exp_m1()
                        }
                });
                plain(self, "Selu", &[])
            }
            7 => {
                self.map(|x| 0.7 * elu(x / 0.7));
                plain(self, "Celu", &[float("alpha", 0.7)])
            }
            8 => {
                self.map(|x| forward(Activation::Silu, x));
                let gate = plain(self, "Sigmoid", &[]);
                self.push("Mul", &[&x, &gate], &[])
            }
            9 => {
                // As PyTorch exports it.
                self.map(|x| forward(Activation::Gelu, x));
                let scaled = self.scalar("Div", &x, std::f32::consts::SQRT_2);
                let erf = self.push("Erf", &[&scaled], &[]);
                let gate = self.scalar("Add", &erf, 1.0);
                let twice = self.push("Mul", &[&x, &gate], &[]);
                self.scalar("Mul", &twice, 0.5)
            }
            10 => {
                // As TensorFlow writes it.
                self.map(|x| forward(Activation::Gelu, x));
                let half = self.scalar("Mul", &x, 0.5);
                let scaled = self.scalar("Mul", &x, std::f32::consts::FRAC_1_SQRT_2);
                let erf = self.push("Erf", &[&scaled], &[]);
                let gate = self.scalar("Add", &erf, 1.0);
                self.push("Mul", &[&half, &gate], &[])
            }
            11 => {
                self.map(|x| forward(Activation::GeluTanh, x));
                let cube = self.scalar("Pow", &x, 3.0);
                let bent = self.scalar("Mul", &cube, 0.044_715);
                let sum = self.push("Add", &[&x, &bent], &[]);
                let scaled = self.scalar("Mul", &sum, 0.797_884_6);
                let tanh = self.push("Tanh", &[&scaled], &[]);
                let gate = self.scalar("Add", &tanh, 1.0);
                let half = self.scalar("Mul", &gate, 0.5);
                self.push("Mul", &[&half, &x], &[])
            }
            _ => {
                // x · (1 + 0.044715 x²) inside of the tanh.
                self.map(|x| forward(Activation::GeluTanh, x));
                let square = self.push("Mul", &[&x, &x], &[]);
                let bent = self.scalar("Mul", &square, 0.044_715);
                let more = self.scalar("Add", &bent, 1.0);
                let inner = self.scalar("Mul", &x, 0.797_884_6);
                let scaled = self.push("Mul", &[&inner, &more], &[]);
                let tanh = self.push("Tanh", &[&scaled], &[]);
                let gate = self.scalar("Add", &tanh, 1.0);
                let half = self.scalar("Mul", &x, 0.5);
                self.push("Mul", &[&half, &gate], &[])
            }
        };
    }
}

/// A network in a file, an image, and what it gives: a vector.
struct Network {
    file: Vec<u8>,
    channels: usize,
    image: Vec<f32>,
    expected: Vec<f64>,
    /// Its operators.
    kinds: Vec<String>,
}

fn network(seed: u64) -> Network {
    let mut choice = Choice::new(seed);
    let shape = [[1, 3][choice.of(0..=1)], choice.of(4..=9), choice.of(4..=9)];
    let image: Vec<f32> = choice.normals(shape.iter().product(), 1.0);
    let mut writer = Writer {
        nodes: Vec::new(),
        tensors: Vec::new(),
        last: "image".into(),
        image: Image {
            shape,
            data: image.iter().map(|&v| f64::from(v)).collect(),
        },
        kinds: Vec::new(),
    };
    for _ in 0..choice.of(1..=4) {
        match choice.of(0..=6) {
            0 | 1 => writer.conv(&mut choice, false),
            2 => writer.conv_transpose(&mut choice),
            3 => writer.pool(&mut choice),
            4 => writer.residual(&mut choice),
            5 => {
                writer.upsample();
                writer.conv(&mut choice, true);
            }
            _ => writer.conv(&mut choice, false),
        }
        if choice.of(0..=2) == 0 {
            writer.batch_norm(&mut choice);
        }
        writer.activate(&mut choice);
    }
    // Flattened in PyTorch's order, and a linear layer.
    let inputs = writer.image.data.len();
    let weight = choice.normals(3 * inputs, 1.0 / (inputs as f32).sqrt());
    let bias = choice.normals(3, 0.3);
    let expected = (0..3).map(|o| {
        let products = writer.image.data.iter().zip(&weight[o * inputs..]);
        f64::from(bias[o]) + products.map(|(x, w)| x * f64::from(*w)).sum::<f64>()
    });
    let expected = expected.collect();
    let from = writer.last.clone();
    let flat = writer.push("Flatten", &[&from], &[int("axis", 1)]);
    let w = writer.constant(&[3, inputs], &weight);
    let b = writer.constant(&[3], &bias);
    let mean = writer.push("Gemm", &[&flat, &w, &b], &[int("transB", 1)]);
    let file = model(
        &writer.nodes,
        &writer.tensors,
        &[value("image", &shape)],
        &[value(&mean, &[3])],
    );
    Network {
        file,
        channels: shape[0],
        image,
        expected,
        kinds: writer.kinds,
    }
}

fn imported(name: &str, bytes: Vec<u8>, options: Options) -> Result<Model, String> {
    let source = Source {
        name: name.into(),
        bytes,
    };
    let imported = import(&[source], &options).map_err(|e| e.to_string())?;
    Ok(Model::read(&imported.description, &imported.weights).unwrap())
}

/// What is exported is imported again with the same numbers.
fn again(model: &Model, image: &[f32], what: &str) {
    let [encoder, _] = onnx(model);
    let copy = imported("encoder.onnx", encoder, named()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let [found, expected] = [&copy, model].map(|model| CpuRuntime::new(model).encode(image));
    let pairs = [
        (found.mean, expected.mean),
        (found.log_var, expected.log_var),
    ];
    for (found, expected) in pairs.iter().flat_map(|(a, b)| a.iter().zip(b)) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-5, "{what}, exported: {found}, not {expected}");
    }
}

fn named() -> Options {
    Options {
        name: "random".into(),
        ..Options::default()
    }
}

#[test]
fn random_networks_give_what_loops_give() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let Network {
            file,
            channels,
            image,
            expected,
            kinds,
        } = network(seed);
        let model = imported("encoder.onnx", file, named())
            .unwrap_or_else(|e| panic!("{seed}, {kinds:?}: {e}"));
        assert_eq!(model.spec.input.channels, channels);
        let found = CpuRuntime::new(&model).encode(&image).mean;
        let largest = expected.iter().fold(1.0, |most: f64, v| most.max(v.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            let error = (f64::from(*found) - expected).abs() / largest;
            assert!(error < 2e-5, "{seed}, {kinds:?}: {found}, not {expected}");
        }
        if seed < 60 {
            again(&model, &image, &format!("{seed}, {kinds:?}"));
        }
        seen.extend(kinds);
    }
    for kind in [
        "Conv",
        "ConvTranspose",
        "BatchNormalization",
        "MaxPool",
        "AveragePool",
        "Resize",
        "Erf",
        "Pow",
        "Celu",
    ] {
        assert!(seen.contains(kind), "{kind} was in no network");
    }
}

/// σ as PyTorch code gives it: softplus with a bound, exp, or the number itself, of which only the size counts.
#[test]
fn sigma_is_imported_as_its_logarithm() {
    type Sigma = fn(f64) -> f64;
    let kinds: [(&str, Sigma); 3] = [
        ("Softplus", |h| forward(Activation::Softplus, h) + 1e-3),
        ("Exp", f64::exp),
        ("Identity", |h| h),
    ];
    for (op, sigma) in kinds {
        let mut choice = Choice::new(5);
        let [trunk, mean, second] =
            [(6, 64), (3, 6), (3, 6)].map(|(outputs, inputs): (usize, usize)| {
                (choice.normals(outputs * inputs, 0.3), outputs)
            });
        let tensors = [("w0", &trunk, 64), ("w1", &mean, 6), ("w2", &second, 6)]
            .map(|(name, (weight, outputs), inputs)| tensor(name, &[*outputs, inputs], weight));
        let mut tensors = tensors.to_vec();
        tensors.push(tensor("small", &[], &[1e-3]));
        let gemm = |from: &str, weight: &str, to: &str| {
            node("Gemm", &[from, weight], to, &[int("transB", 1)])
        };
        let mut nodes = vec![
            node("Flatten", &["image"], "flat", &[int("axis", 1)]),
            gemm("flat", "w0", "t"),
            node("Tanh", &["t"], "h", &[]),
            gemm("h", "w1", "loc"),
            gemm("h", "w2", "s"),
        ];
        nodes.push(node(op, &["s"], "positive", &[]));
        let last = if op == "Softplus" {
            nodes.push(node("Add", &["positive", "small"], "scale", &[]));
            "scale"
        } else {
            "positive"
        };
        let outputs = [value("loc", &[3]), value(last, &[3])];
        let file = model(&nodes, &tensors, &[value("image", &[1, 8, 8])], &outputs);
        let options = Options {
            second: Some(Second::Sigma),
            ..named()
        };
        if op == "Exp" {
            let refused = imported("encoder.onnx", file.clone(), named()).unwrap_err();
            assert!(refused.contains("--second"), "{refused}");
        }
        let model = imported("encoder.onnx", file, options).unwrap_or_else(|e| panic!("{op}: {e}"));
        let image = random::normals(9, 64);
        again(&model, &image, op);
        let found = CpuRuntime::new(&model).encode(&image);
        let apply = |(weight, _): &(Vec<f32>, usize), x: &[f64]| -> Vec<f64> {
            let rows = weight.chunks(x.len());
            rows.map(|row| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum())
                .collect()
        };
        let image: Vec<f64> = image.iter().map(|&v| f64::from(v)).collect();
        let hidden: Vec<f64> = apply(&trunk, &image).into_iter().map(f64::tanh).collect();
        for (found, expected) in found.mean.iter().zip(apply(&mean, &hidden)) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{op}: {found}, not {expected}"
            );
        }
        for (found, h) in found.log_var.iter().zip(apply(&second, &hidden)) {
            let expected = 2.0 * sigma(h).abs().ln();
            assert!(
                (f64::from(*found) - expected).abs() < 1e-4,
                "{op}: {found}, not {expected}"
            );
        }
    }
}

/// Name, shape, weight and bias of a convolution.
type Stored = (String, [usize; 4], Vec<f32>, Option<Vec<f32>>);
/// Adds a convolution to a description: its name, channels read and written, whether it has a bias, its stride.
type Describe<'a> = dyn FnMut(&mut String, &str, usize, usize, bool, usize) + 'a;

/// TAESD's architecture (Ollin Boer Bohan, MIT) with random weights: convolutions of kernel 3, residual blocks that
/// end in ReLU, enlarging by repetition; its decoder begins with 3 tanh(x / 3), which its author calls a clamp.
#[test]
fn taesd_is_imported() {
    use std::fmt::Write;
    let mut choice = Choice::new(11);
    let mut stored: Vec<Stored> = Vec::new();
    // The whole of it, with a quarter of its channels and one of its three blocks at each size.
    let wide = 16;
    let mut conv = |name: &str, inputs: usize, outputs: usize, bias: bool| {
        let scale = 1.0 / ((9 * inputs) as f32).sqrt();
        let weight = choice.normals(9 * inputs * outputs, scale);
        let bias = bias.then(|| choice.normals(outputs, 0.1));
        stored.push((name.into(), [outputs, inputs, 3, 3], weight, bias));
    };
    let mut describe = |steps: &mut String, name: &str, inputs, outputs, bias, stride| {
        conv(name, inputs, outputs, bias);
        write!(
            steps,
            r#"{{"conv": "{name}", "padding": 1, "stride": {stride}}},"#
        )
        .unwrap();
    };
    let block = |steps: &mut String, name: &str, describe: &mut Describe<'_>| {
        steps.push_str(r#"{"residual": ["#);
        for (i, part) in ["0", "2", "4"].into_iter().enumerate() {
            describe(steps, &format!("{name}.conv.{part}"), wide, wide, true, 1);
            if i < 2 {
                steps.push_str(r#""relu","#);
            }
        }
        steps.pop();
        steps.push_str(r#"]}, "relu","#);
    };
    let (mut encoder, mut decoder) = (String::new(), String::new());
    describe(&mut encoder, "enc.0", 3, wide, true, 1);
    block(&mut encoder, "enc.1", &mut describe);
    for i in 0..3 {
        describe(
            &mut encoder,
            &format!("enc.{}", 2 * i + 2),
            wide,
            wide,
            false,
            2,
        );
        block(&mut encoder, &format!("enc.{}", 2 * i + 3), &mut describe);
    }
    describe(&mut encoder, "enc.8", wide, 4, true, 1);
    decoder.push_str(r#"{"scale": 0.33333334}, "tanh", {"scale": 3},"#);
    describe(&mut decoder, "dec.1", 4, wide, true, 1);
    decoder.push_str(r#""relu","#);
    for i in 0..3 {
        block(&mut decoder, &format!("dec.{}", 3 * i + 3), &mut describe);
        decoder.push_str(r#"{"upsample": 2},"#);
        describe(
            &mut decoder,
            &format!("dec.{}", 3 * i + 5),
            wide,
            wide,
            false,
            1,
        );
    }
    block(&mut decoder, "dec.12", &mut describe);
    describe(&mut decoder, "dec.13", wide, 3, true, 1);
    let trim = |steps: &str| steps.trim_end_matches(',').to_string();
    let like = format!(
        r#"{{"image": [3, 16, 16], "latent": [4, 2, 2], "encoder": [{}], "mean": [], "decoder": [{}]}}"#,
        trim(&encoder),
        trim(&decoder)
    );
    let mut tensors = Tensors::new();
    for (name, shape, weight, bias) in &stored {
        let weight = Tensor {
            shape: shape.to_vec(),
            data: weight.clone(),
        };
        tensors.insert(format!("{name}.weight"), weight);
        if let Some(data) = bias.clone() {
            let shape = vec![data.len()];
            tensors.insert(format!("{name}.bias"), Tensor { shape, data });
        }
    }
    let file = write_tensors("taesd", &tensors, Precision::F32).unwrap();
    let options = Options {
        like: Some(("like.json".into(), like)),
        range: Some([0.0, 1.0]),
        ..named()
    };
    let model = imported("taesd.safetensors", file, options).unwrap();
    let mut runtime = CpuRuntime::new(&model);

    // By plain loops.
    let conv = |name: &str, stride: usize, x: &Image| {
        let (_, [outputs, inputs, ..], weight, bias) =
            stored.iter().find(|(known, ..)| known == name).unwrap();
        let [_, h, w] = x.shape;
        Image::of(
            [*outputs, h.div_ceil(stride), w.div_ceil(stride)],
            |o, y, at| {
                let mut sum = bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
                for (i, k) in (0..*inputs).flat_map(|i| (0..9).map(move |k| (i, k))) {
                    let place = |at: usize, k: usize| (at * stride + k) as isize - 1;
                    let value = x.at(i, place(y, k / 3), place(at, k % 3)).unwrap_or(0.0);
                    sum += value * f64::from(weight[(o * inputs + i) * 9 + k]);
                }
                sum
            },
        )
    };
    let relu = |mut x: Image| {
        x.data.iter_mut().for_each(|v| *v = v.max(0.0));
        x
    };
    let block = |name: &str, x: Image| {
        let mut y = x.clone();
        for part in ["0", "2", "4"] {
            y = conv(&format!("{name}.conv.{part}"), 1, &y);
            if part != "4" {
                y = relu(y);
            }
        }
        y.data.iter_mut().zip(x.data).for_each(|(y, x)| *y += x);
        relu(y)
    };
    let image: Vec<f32> = random::normals(3, 3 * 16 * 16)
        .iter()
        .map(|v| (0.5 + 0.2 * v).clamp(0.0, 1.0))
        .collect();
    let wide_image = |shape: [usize; 3], values: &[f32]| Image {
        shape,
        data: values.iter().map(|&v| f64::from(v)).collect(),
    };
    let mut x = conv("enc.0", 1, &wide_image([3, 16, 16], &image));
    x = block("enc.1", x);
    for i in 0..3 {
        x = block(
            &format!("enc.{}", 2 * i + 3),
            conv(&format!("enc.{}", 2 * i + 2), 2, &x),
        );
    }
    x = conv("enc.8", 1, &x);
    let near = |found: &[f32], expected: &[f64], what: &str| {
        assert_eq!(found.len(), expected.len(), "{what}");
        let largest = expected.iter().fold(1.0, |most: f64, v| most.max(v.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs() / largest;
            assert!(error < 1e-5, "{what}: {found}, not {expected}");
        }
    };
    near(&runtime.encode(&image).mean, &x.data, "encoder");

    let z = random::normals(4, 16);
    let mut y = wide_image([4, 2, 2], &z);
    y.data.iter_mut().for_each(|v| *v = 3.0 * (*v / 3.0).tanh());
    y = relu(conv("dec.1", 1, &y));
    for i in 0..3 {
        let before = block(&format!("dec.{}", 3 * i + 3), y);
        let [c, h, w] = before.shape;
        let larger = Image::of([c, 2 * h, 2 * w], |c, y, x| {
            before.data[(c * h + y / 2) * w + x / 2]
        });
        y = conv(&format!("dec.{}", 3 * i + 5), 1, &larger);
    }
    y = conv("dec.13", 1, &block("dec.12", y));
    near(&runtime.decode(&z), &y.data, "decoder");
}
