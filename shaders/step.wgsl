// What every layer kernel shares: its bindings, its parameters and how a result is
// finished. Joined in front of all of them, behind the aliases of shaders.rs.
//
//     output = finish(map(input) + bias + residual)
//
// where `complete`, in activation.wgsl or derivative.wgsl, is the finish.
//
// Weights come in blocks of four inputs × four outputs, so that a block times a vec4 of
// inputs is a vec4 of outputs, and blocks multiply as matrices do.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> weights: array<mat4x4<Weight>>; // of the whole model
@group(0) @binding(2) var<storage, read> x: array<X>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

struct Frame {
    batch: u32,
    temperature: f32,
}

override INPUTS: u32;       // channels read; for a linear layer, all values
override OUTPUTS: u32;      // channels written
override WEIGHT: u32;       // where the weight begins, in blocks
override BIAS: u32;         // where the bias begins, in blocks
override ACTIVATION: u32;   // 0 none, 1 relu, 2 silu, 3 sigmoid, or the one whose derivative is meant
override RESIDUAL: bool;    // whether `residual` is added

override DEPTH: u32 = (INPUTS + 3) / 4;    // vec4 of channels read
override COLUMNS: u32 = (OUTPUTS + 3) / 4; // vec4 of channels written

// Distances in values between neighbours of each buffer.
override X_ITEM: u32;
override X_PIXEL: u32;
override X_CHANNEL: u32;
override Y_ITEM: u32;
override Y_PIXEL: u32;
override Y_CHANNEL: u32;
override RESIDUAL_ITEM: u32;
override RESIDUAL_PIXEL: u32;
override RESIDUAL_CHANNEL: u32;

const OUTSIDE = 0xffffffffu; // the address of what is not in the image

// Where exp would overflow a GPU may give anything; at ±80 the result is 0 or 1 already.
fn sigmoid(v: vec4<f32>) -> vec4<f32> {
    return 1.0 / (1.0 + exp(-clamp(v, vec4(-80.0), vec4(80.0))));
}

fn weight(block: u32) -> mat4x4<f32> {
    return mat4x4<f32>(weights[block]);
}

fn bias(column: u32) -> vec4<f32> {
    return vec4<f32>(weights[BIAS + column / 4][column % 4]);
}

// Writes the four channels of `column` at one pixel (or one item of a linear layer).
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
