// The epilogue of a step that computes a gradient: multiplies by the derivative of the preceding
// activation, computed from the saved result of the activation, or for SiLU and others from its argument.

@group(0) @binding(5) var<storage, read> saved: array<f32>;

override SAVED_ITEM: u32;
override SAVED_PIXEL: u32;
override SAVED_CHANNEL: u32;

fn complete(v: vec4<f32>, item: u32, pixel: u32, column: u32) -> vec4<f32> {
    let a = item * SAVED_ITEM + pixel * SAVED_PIXEL + 4 * column * SAVED_CHANNEL;
    let s = vec4(saved[a], saved[a + SAVED_CHANNEL], saved[a + 2 * SAVED_CHANNEL], saved[a + 3 * SAVED_CHANNEL]);
    switch ACTIVATION {
        case 1u: { return select(vec4(0.0), v, s > vec4(0.0)); }
        case 2u: {
            // Beyond ±80 the derivative is 1 or 0; clamping avoids ∞ · 0.
            let x = clamp(s, vec4(-80.0), vec4(80.0));
            let p = sigmoid(x);
            return v * p * (1.0 + x * (1.0 - p));
        }
        case 3u: { return v * s * (1.0 - s); }
        default: { return v * other_slope(s); }
    }
}
