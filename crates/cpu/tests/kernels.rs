//! Every kernel against its definition, written as plainly as the formula, over
//! random shapes: small ones of every kind, and those for which there is a faster way.

use proptest::prelude::*;
use vaelet_cpu::{Conv2d, ConvTranspose2d, Finish, Linear};
use vaelet_model::{Activation, Window, random};

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= 1e-4 * (1.0 + expected.abs()),
            "value {i}: {found} instead of {expected}"
        );
    }
}

/// `[N, H, W, C]` as a function that is zero outside.
fn pixel(x: &[f32], shape: [usize; 3], n: usize, y: isize, column: isize, c: usize) -> f32 {
    let [height, width, channels] = shape;
    if y < 0 || column < 0 || y >= height as isize || column >= width as isize {
        return 0.0;
    }
    x[((n * height + y as usize) * width + column as usize) * channels + c]
}

/// The sum over taps that a convolution is, in f64, plus `bias` and `add`.
fn convolved(window: &Window, x: &[f32], weight: &[f32], bias: &[f32], add: &[f32]) -> Vec<f32> {
    let [_, _, inputs] = window.input;
    let [height, width, outputs] = window.output;
    let tap = |k: usize| (k / window.kernel, k % window.kernel);
    let place = |o: usize, k: usize| (o * window.stride + k) as isize - window.padding as isize;
    (0..add.len())
        .map(|i| {
            let (o, column, row) = (i % outputs, i / outputs % width, i / outputs / width);
            let (y, n) = (row % height, row / height);
            let mut sum = f64::from(bias[o]) + f64::from(add[i]);
            for k in 0..window.kernel * window.kernel {
                let (ky, kx) = tap(k);
                for c in 0..inputs {
                    let x = pixel(x, window.input, n, place(y, ky), place(column, kx), c);
                    sum += f64::from(x * weight[(k * inputs + c) * outputs + o]);
                }
            }
            sum as f32
        })
        .collect()
}

/// Checks a convolution of random numbers against the sum over taps.
fn check_conv2d(window: &Window, batch: usize, seed: u64) {
    let [input, output] = [window.input, window.output].map(|s| s.iter().product::<usize>());
    let (inputs, outputs) = (window.input[2], window.output[2]);
    let x = random::normals(seed, batch * input);
    let weight = random::normals(seed ^ 1, window.kernel * window.kernel * inputs * outputs);
    let bias = random::normals(seed ^ 2, outputs);
    let add = random::normals(seed ^ 3, batch * output);
    let mut out = vec![f32::NAN; batch * output];
    let kernel = Conv2d::new(window, &weight, Finish::new(&bias, Activation::None));
    kernel.run(&x, Some(&add), &mut Vec::new(), &mut out);
    assert_close(&out, &convolved(window, &x, &weight, &bias, &add));
}

/// Checks ⟨conv(a), b⟩ = ⟨a, convᵀ(b)⟩, which is what makes it the transpose. With
/// `Conv2d` right, this leaves no freedom. `window` is the transposed convolution's.
fn check_conv_transpose2d(window: &Window, batch: usize, seed: u64) {
    let (small, large) = (window.input, window.output);
    let straight = Window {
        input: large,
        output: small,
        ..*window
    };
    let len = |shape: [usize; 3]| batch * shape.iter().product::<usize>();
    let a = random::normals(seed, len(large));
    let b = random::normals(seed ^ 1, len(small));

    // One kernel, as [k, k, C', C] for the convolution and as [k, k, C, C'] for its transpose.
    let (taps, inputs, outputs) = (window.kernel * window.kernel, small[2], large[2]);
    let weight = random::normals(seed ^ 2, taps * outputs * inputs);
    let mut moved = Vec::with_capacity(weight.len());
    for tap in weight.chunks_exact(outputs * inputs) {
        for i in 0..inputs {
            moved.extend((0..outputs).map(|o| tap[o * inputs + i]));
        }
    }
    let none = |channels: usize| Finish::new(&vec![0.0; channels], Activation::None);
    let (mut conv_a, mut conv_b) = (vec![f32::NAN; len(small)], vec![f32::NAN; len(large)]);
    Conv2d::new(&straight, &weight, none(inputs)).run(&a, None, &mut Vec::new(), &mut conv_a);
    ConvTranspose2d::new(window, &moved, none(outputs)).run(&b, None, &mut Vec::new(), &mut conv_b);
    let dot = |a: &[f32], b: &[f32]| {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(a * b));
        products.sum::<f64>()
    };
    let (left, right) = (dot(&conv_a, &b), dot(&a, &conv_b));
    let scale = dot(&conv_a, &conv_a).sqrt() * dot(&b, &b).sqrt();
    assert!(
        (left - right).abs() <= 1e-5 * (1.0 + scale),
        "{left} and {right}"
    );
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
        let kernel = Linear::new(&weight, outputs, Finish::new(&bias, Activation::None));
        kernel.run(&x, None, &mut out);
        let expected: Vec<f32> = (0..batch * outputs)
            .map(|i| {
                let (n, o) = (i / outputs, i % outputs);
                let products = (0..inputs).map(|k| x[n * inputs + k] * weight[k * outputs + o]);
                bias[o] + products.sum::<f32>()
            })
            .collect();
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
        check_conv2d(&window, batch, seed);
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
        check_conv2d(&window, batch, seed);
    }

    #[test]
    fn conv_transpose2d_is_the_transpose_of_conv2d(
        batch in 1usize..4, (height, width) in (1usize..7, 1usize..7), inputs in 1usize..6,
        outputs in 1usize..6, kernel in 1usize..6, stride in 1usize..4, padding in 0usize..3,
        seed: u64,
    ) {
        let side = |s: usize| ((s - 1) * stride + kernel).checked_sub(2 * padding).filter(|&s| s > 0);
        let (Some(tall), Some(wide)) = (side(height), side(width)) else {
            return Err(TestCaseError::reject("nothing left"));
        };
        let window = Window {
            input: [height, width, inputs],
            output: [tall, wide, outputs],
            kernel, stride, padding,
        };
        check_conv_transpose2d(&window, batch, seed);
    }

    #[test]
    fn conv_transpose2d_of_four_taps_is_the_transpose_of_conv2d(
        batch in 1usize..4, (height, width) in (1usize..9, 1usize..9), inputs in 1usize..20,
        outputs in 1usize..20, seed: u64,
    ) {
        let window = Window {
            input: [height, width, inputs],
            output: [2 * height, 2 * width, outputs],
            kernel: 4, stride: 2, padding: 1,
        };
        check_conv_transpose2d(&window, batch, seed);
    }
}

/// One tile's share of the scratch memory is more than a block of tiles usually has.
#[test]
fn conv_transpose2d_may_have_many_channels() {
    let window = Window {
        input: [3, 2, 8],
        output: [6, 4, 2048],
        kernel: 4,
        stride: 2,
        padding: 1,
    };
    check_conv_transpose2d(&window, 2, 7);
}

/// A runtime's kernels share their scratch memory, so nothing may depend on what is in it.
#[test]
fn scratch_may_hold_anything() {
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
        let finish = || Finish::new(&vec![0.0; channels], Activation::None);
        let conv = Conv2d::new(&window, &weight, finish());
        let transpose = ConvTranspose2d::new(&window, &weight, finish());
        let run = |mut scratch: Vec<f32>| {
            let mut out = [vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]];
            conv.run(&x, None, &mut scratch, &mut out[0]);
            transpose.run(&x, None, &mut scratch, &mut out[1]);
            out
        };
        assert_eq!(run(vec![f32::NAN; 100_000]), run(Vec::new()));
    }
}
