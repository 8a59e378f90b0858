//! Every kernel equals the oracle's plain loops over random shapes: small ones of every kind, and
//! those that have a faster algorithm.

use proptest::prelude::*;
use vaelet_kernels::{Conv2d, ConvTranspose2d, Epilogue, Linear, Operands};
use vaelet_model::{Activation, Finish, Window, random};
use vaelet_reference::conv::{self, Kind};
use vaelet_reference::linear;

const PLAIN: Finish = Finish::Activate(Activation::None);

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(
            error <= 1e-4 * (1.0 + expected.abs()),
            "value {i}: {found} instead of {expected}"
        );
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Checks a convolution of random numbers, with a bias and an addition.
fn check_conv(kind: Kind, window: &Window, batch: usize, seed: u64) {
    let [input, output] = [window.input, window.output].map(|s| s.iter().product::<usize>());
    let (inputs, outputs) = (window.input[2], window.output[2]);
    let x = random::normals(seed, batch * input);
    let weight = random::normals(seed ^ 1, window.kernel * window.kernel * inputs * outputs);
    let bias = random::normals(seed ^ 2, outputs);
    let add = random::normals(seed ^ 3, batch * output);
    let mut out = vec![f32::NAN; batch * output];
    let operands = Operands {
        add: Some(&add),
        saved: None,
    };
    let (epilogue, scratch) = (Epilogue::new(&bias, PLAIN), &mut Vec::new());
    match kind {
        Kind::Plain => {
            Conv2d::new(window, &weight, epilogue).run(&x, operands, scratch, &mut out);
        }
        Kind::Transposed => {
            ConvTranspose2d::new(window, &weight, epilogue).run(&x, operands, scratch, &mut out);
        }
    }
    let (wide_x, wide_weight) = (wide(&x), wide(&weight));
    let images = wide_x.chunks_exact(input);
    let sums = images.flat_map(|x| conv::forward(kind, window, x, &wide_weight));
    let rest = (0..add.len()).map(|i| f64::from(bias[i % outputs]) + f64::from(add[i]));
    let expected: Vec<f64> = sums.zip(rest).map(|(sum, rest)| sum + rest).collect();
    assert_close(&out, &expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn linear_is_a_matrix_product(
        batch in 1usize..9, inputs in 1usize..40, outputs in 1usize..40, seed: u64,
    ) {
        let x = random::normals(seed, batch * inputs);
        let weight = random::normals(seed ^ 1, inputs * outputs);
        let bias = random::normals(seed ^ 2, outputs);
        let mut out = vec![f32::NAN; batch * outputs];
        let kernel = Linear::new(&weight, outputs, Epilogue::new(&bias, PLAIN));
        kernel.run(&x, Operands::default(), &mut out);
        let (x, weight) = (wide(&x), wide(&weight));
        let products = x.chunks_exact(inputs).flat_map(|x| linear::forward(x, &weight, outputs));
        let bias = bias.iter().cycle();
        let expected: Vec<f64> = products.zip(bias).map(|(y, b)| y + f64::from(*b)).collect();
        assert_close(&out, &expected);
    }

    #[test]
    fn conv2d_is_a_sum_over_taps(
        batch in 1usize..4, (height, width) in (1usize..9, 1usize..9), inputs in 1usize..6,
        outputs in 1usize..6, kernel in 1usize..6, stride in 1usize..4, padding in 0usize..4,
        seed: u64,
    ) {
        prop_assume!(height + 2 * padding >= kernel && width + 2 * padding >= kernel);
        let side = |s: usize| (s + 2 * padding - kernel) / stride + 1;
        let window = Window {
            input: [height, width, inputs],
            output: [side(height), side(width), outputs],
            kernel, stride, padding,
        };
        check_conv(Kind::Plain, &window, batch, seed);
    }

    #[test]
    fn conv2d_of_three_taps_is_a_sum_over_taps(
        batch in 1usize..4, (height, width) in (1usize..12, 1usize..12), inputs in 7usize..20,
        outputs in 7usize..20, padding in 0usize..4, seed: u64,
    ) {
        prop_assume!(height + 2 * padding >= 3 && width + 2 * padding >= 3);
        let window = Window {
            input: [height, width, inputs],
            output: [height + 2 * padding - 2, width + 2 * padding - 2, outputs],
            kernel: 3, stride: 1, padding,
        };
        check_conv(Kind::Plain, &window, batch, seed);
    }

    #[test]
    fn conv2d_of_four_taps_is_a_sum_over_taps(
        batch in 1usize..4, (height, width) in (1usize..14, 1usize..14), inputs in 7usize..20,
        outputs in 7usize..20, padding in 0usize..4, seed: u64,
    ) {
        prop_assume!(height + 2 * padding >= 4 && width + 2 * padding >= 4);
        let side = |s: usize| (s + 2 * padding - 4) / 2 + 1;
        let window = Window {
            input: [height, width, inputs],
            output: [side(height), side(width), outputs],
            kernel: 4, stride: 2, padding,
        };
        check_conv(Kind::Plain, &window, batch, seed);
    }

    #[test]
    fn conv_transpose2d_is_a_sum_over_taps(
        batch in 1usize..4, (height, width) in (1usize..7, 1usize..7), inputs in 1usize..6,
        outputs in 1usize..6, kernel in 1usize..6, stride in 1usize..4, padding in 0usize..3,
        seed: u64,
    ) {
        let side = |s: usize| ((s - 1) * stride + kernel).checked_sub(2 * padding).filter(|&s| s > 0);
        let (Some(tall), Some(wide)) = (side(height), side(width)) else {
            return Err(TestCaseError::reject("the output is empty"));
        };
        let window = Window {
            input: [height, width, inputs],
            output: [tall, wide, outputs],
            kernel, stride, padding,
        };
        check_conv(Kind::Transposed, &window, batch, seed);
    }

    #[test]
    fn conv_transpose2d_of_four_taps_is_a_sum_over_taps(
        batch in 1usize..4, (height, width) in (1usize..9, 1usize..9), inputs in 1usize..20,
        outputs in 1usize..20, seed: u64,
    ) {
        let window = Window {
            input: [height, width, inputs],
            output: [2 * height, 2 * width, outputs],
            kernel: 4, stride: 2, padding: 1,
        };
        check_conv(Kind::Transposed, &window, batch, seed);
    }
}

/// A single tile with so many channels exceeds the usual size of a block of tiles.
#[test]
fn conv_transpose2d_may_have_many_channels() {
    let window = Window {
        input: [3, 2, 8],
        output: [6, 4, 2048],
        kernel: 4,
        stride: 2,
        padding: 1,
    };
    check_conv(Kind::Transposed, &window, 2, 7);
}

/// A runtime's kernels share scratch memory, so results must not depend on its contents.
#[test]
fn scratch_may_have_any_contents() {
    let window = |kernel: usize, channels: usize| Window {
        input: [5, 5, channels],
        output: [5, 5, channels],
        kernel,
        stride: 1,
        padding: kernel / 2,
    };
    for window in [window(3, 9), window(5, 3)] {
        let x = random::normals(1, window.input.iter().product());
        let [_, _, channels] = window.input;
        let weight = random::normals(2, window.kernel * window.kernel * channels * channels);
        let epilogue = || Epilogue::new(&vec![0.0; channels], PLAIN);
        let conv = Conv2d::new(&window, &weight, epilogue());
        let transpose = ConvTranspose2d::new(&window, &weight, epilogue());
        let run = |mut scratch: Vec<f32>| {
            let mut out = [vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]];
            conv.run(&x, Operands::default(), &mut scratch, &mut out[0]);
            transpose.run(&x, Operands::default(), &mut scratch, &mut out[1]);
            out
        };
        assert_eq!(run(vec![f32::NAN; 100_000]), run(Vec::new()));
    }
}
