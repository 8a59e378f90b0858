//! Every kernel against its definition, written as plainly as the formula, over
//! random shapes.

use proptest::prelude::*;
use vaelet_cpu::{conv_transpose2d, conv2d, linear};
use vaelet_model::{Window, random};

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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn linear_is_a_matrix_product(
        batch in 1usize..9, inputs in 1usize..40, outputs in 1usize..40, seed: u64,
    ) {
        let x = random::normals(seed, batch * inputs);
        let weight = random::normals(seed ^ 1, inputs * outputs);
        let mut out = vec![1.0; batch * outputs];
        linear(&x, &weight, outputs, &mut out);
        let expected: Vec<f32> = (0..batch * outputs)
            .map(|i| {
                let (n, o) = (i / outputs, i % outputs);
                1.0 + (0..inputs).map(|k| x[n * inputs + k] * weight[k * outputs + o]).sum::<f32>()
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
        let x = random::normals(seed, batch * height * width * inputs);
        let weight = random::normals(seed ^ 1, kernel * kernel * inputs * outputs);
        let mut out = vec![0.0; batch * window.output.iter().product::<usize>()];
        conv2d(&window, &x, &weight, &mut Vec::new(), &mut out);

        let mut expected = Vec::new();
        for n in 0..batch {
            for oy in 0..window.output[0] {
                for ox in 0..window.output[1] {
                    for o in 0..outputs {
                        let mut sum = 0.0;
                        for ky in 0..kernel {
                            for kx in 0..kernel {
                                let y = (oy * stride + ky) as isize - padding as isize;
                                let column = (ox * stride + kx) as isize - padding as isize;
                                for c in 0..inputs {
                                    sum += pixel(&x, window.input, n, y, column, c)
                                        * weight[((ky * kernel + kx) * inputs + c) * outputs + o];
                                }
                            }
                        }
                        expected.push(sum);
                    }
                }
            }
        }
        assert_close(&out, &expected);
    }

    /// ⟨conv(a), b⟩ = ⟨a, convᵀ(b)⟩: what makes it the transpose. With `conv2d` right,
    /// this leaves no freedom.
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
        let (small, large) = ([height, width, inputs], [tall, wide, outputs]);
        let transposed = Window { input: small, output: large, kernel, stride, padding };
        let straight = Window { input: large, output: small, kernel, stride, padding };
        let len = |shape: [usize; 3]| batch * shape.iter().product::<usize>();
        let a = random::normals(seed, len(large));
        let b = random::normals(seed ^ 1, len(small));

        // One kernel, as [k, k, outputs, inputs] for the convolution and as
        // [inputs, k, k, outputs] for its transpose.
        let taps = kernel * kernel;
        let weight = random::normals(seed ^ 2, taps * outputs * inputs);
        let mut moved = vec![0.0; weight.len()];
        for tap in 0..taps {
            for o in 0..outputs {
                for i in 0..inputs {
                    moved[(i * taps + tap) * outputs + o] = weight[(tap * outputs + o) * inputs + i];
                }
            }
        }
        let (mut conv_a, mut conv_b) = (vec![0.0; len(small)], vec![0.0; len(large)]);
        conv2d(&straight, &a, &weight, &mut Vec::new(), &mut conv_a);
        conv_transpose2d(&transposed, &b, &moved, &mut Vec::new(), &mut conv_b);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let (left, right) = (dot(&conv_a, &b), dot(&a, &conv_b));
        let scale = dot(&conv_a, &conv_a).sqrt() * dot(&b, &b).sqrt();
        prop_assert!((left - right).abs() <= 1e-5 * (1.0 + scale), "{left} and {right}");
    }
}
