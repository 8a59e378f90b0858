// What every layer kernel shares: its bindings, its parameters and how a result is
// finished. Joined in front of linear, conv2d and conv_transpose2d.
//
//     output = activation(op(input) + bias + add)

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>; // of the whole model
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

struct Frame {
    batch: u32,
    temperature: f32,
}

override INPUTS: u32;       // channels read; for a linear layer, all values
override OUTPUTS: u32;      // channels written
override WEIGHT: u32;       // where the weight begins, in vec4
override BIAS: u32;         // where the bias begins, in vec4
override ACTIVATION: u32;   // 0 none, 1 relu, 2 silu, 3 sigmoid
override RESIDUAL: bool;    // whether `residual` is added

// Four output channels are one vec4; the last one is padded with zeros in `weights`.
override COLUMNS: u32 = (OUTPUTS + 3) / 4;

fn activate(v: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 1u: { return max(v, vec4(0.0)); }
        case 2u: { return v / (1.0 + exp(-v)); }
        case 3u: { return 1.0 / (1.0 + exp(-v)); }
        default: { return v; }
    }
}

// Writes the four channels of `column` at one pixel (or one item of a linear layer).
fn finish(sum: vec4<f32>, pixel: u32, column: u32) {
    let first = pixel * OUTPUTS + 4 * column;
    let count = min(4u, OUTPUTS - 4 * column);
    var v = sum + weights[BIAS + column];
    if RESIDUAL {
        for (var i = 0u; i < count; i++) {
            v[i] += residual[first + i];
        }
    }
    v = activate(v);
    for (var i = 0u; i < count; i++) {
        y[first + i] = v[i];
    }
}
