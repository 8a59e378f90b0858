// Puts parameters where the kernels read them: packed weights, forward and transposed.

@group(0) @binding(0) var<storage, read> parameters: array<f32>;
@group(0) @binding(1) var<storage, read> places: array<u32>; // of each value's parameter plus 1, or 0 for padding
@group(0) @binding(2) var<storage, read_write> packed: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < arrayLength(&places); i += groups.x * 64) {
        let place = places[i];
        packed[i] = select(parameters[max(place, 1) - 1], 0.0, place == 0);
    }
}
