// The common part of all layer kernels: bindings, parameters and epilogue. shaders.rs puts type
// aliases before it and the rest of the kernel after it.
//
//     output = complete(map(input) + bias + residual)
//
// `complete` is defined in activation.wgsl or derivative.wgsl.
//
// Weights are stored in blocks of four inputs × four outputs, so that a block times a vec4 of inputs
// is a vec4 of outputs, and a block times a matrix of four pixels is a matrix of outputs.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> weights: array<mat4x4<Weight>>; // of all steps
@group(0) @binding(2) var<storage, read> x: array<X>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

struct Frame {
    batch: u32,
    temperature: f32,
}

override INPUTS: u32;       // input channels; for a linear layer, all values
override OUTPUTS: u32;      // output channels
override WEIGHT: u32;       // offset of the weight, in blocks
override BIAS: u32;         // offset of the bias, in blocks
override ACTIVATION: u32;   // 0 none, 1 relu, 2 silu, 3 sigmoid, 4 gelu, 5 gelu by tanh, 6 elu, 7 softplus, 8 log of the square; applied, or its derivative
override RESIDUAL: bool;    // whether `residual` is added

override DEPTH: u32 = (INPUTS + 3) / 4;    // vec4 of input channels
override COLUMNS: u32 = (OUTPUTS + 3) / 4; // vec4 of output channels

// Strides of each buffer, in f32 values.
override X_ITEM: u32;
override X_PIXEL: u32;
override X_CHANNEL: u32;
override Y_ITEM: u32;
override Y_PIXEL: u32;
override Y_CHANNEL: u32;
override RESIDUAL_ITEM: u32;
override RESIDUAL_PIXEL: u32;
override RESIDUAL_CHANNEL: u32;

const OUTSIDE = 0xffffffffu; // the address of a pixel outside of the image

// A GPU may return anything if exp overflows; at ±80 the result is already 0 or 1.
fn sigmoid(v: vec4<f32>) -> vec4<f32> {
    return 1.0 / (1.0 + exp(-clamp(v, vec4(-80.0), vec4(80.0))));
}

fn weight(block: u32) -> mat4x4<f32> {
    return mat4x4<f32>(weights[block]);
}

fn bias(column: u32) -> vec4<f32> {
    return vec4<f32>(weights[BIAS + column / 4][column % 4]);
}

// Applies the epilogue to a sum and writes the four channels of `column` at one pixel.
fn finish(sum: vec4<f32>, item: u32, pixel: u32, column: u32) {
    if item >= frame.batch || column >= COLUMNS {
        return;
    }
    var v = sum + bias(column);
    if RESIDUAL {
        let r = item * RESIDUAL_ITEM + pixel * RESIDUAL_PIXEL + 4 * column * RESIDUAL_CHANNEL;
        v += vec4(
            residual[r],
            residual[r + RESIDUAL_CHANNEL],
            residual[r + 2 * RESIDUAL_CHANNEL],
            residual[r + 3 * RESIDUAL_CHANNEL],
        );
    }
    store(item, pixel, column, complete(v, item, pixel, column));
}
