// A step that is only an epilogue: an addition, an activation, or the derivative of one. A thread
// computes four channels of one pixel.

override THREADS: u32;
override PIXELS: u32; // per item

@compute @workgroup_size(1, THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let item = id.y / PIXELS;
    if item < frame.batch {
        let pixel = id.y % PIXELS;
        finish(load(address(item, pixel), id.x), item, pixel, id.x);
    }
}
