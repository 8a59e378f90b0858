// The epilogue of a step: its activation.

fn activate(v: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 1u: { return max(v, vec4(0.0)); }
        case 2u: { return max(v, vec4(-80.0)) * sigmoid(v); }
        case 3u: { return sigmoid(v); }
        default: { return other(v); }
    }
}

fn complete(v: vec4<f32>, item: u32, pixel: u32, column: u32) -> vec4<f32> {
    return activate(v);
}
