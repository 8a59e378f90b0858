// A step of Adam (Kingma and Ba 2015, algorithm 1) with β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸, and one of the average of
// the parameters.

@group(0) @binding(0) var<uniform> pace: Pace;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> places: array<u32>; // of each parameter's gradient
@group(0) @binding(3) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> means: array<f32>;
@group(0) @binding(5) var<storage, read_write> squares: array<f32>;
@group(0) @binding(6) var<storage, read_write> averages: array<f32>;

struct Pace {
    rate: f32,
    beta: f32,
    free: f32,
    inverse_variance: f32,
    mean_scale: f32,   // 1 / (1 − β₁ᵗ)
    square_scale: f32, // 1 / (1 − β₂ᵗ)
    average: f32,      // decay
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < arrayLength(&parameters); i += groups.x * 64) {
        let g = gradients[places[i]];
        let mean = 0.9 * means[i] + 0.1 * g;
        let square = 0.999 * squares[i] + 0.001 * g * g;
        means[i] = mean;
        squares[i] = square;
        let moved = pace.rate * mean * pace.mean_scale / (sqrt(square * pace.square_scale) + 1e-8);
        let parameter = parameters[i] - moved;
        parameters[i] = parameter;
        averages[i] = pace.average * averages[i] + (1.0 - pace.average) * parameter;
    }
}
