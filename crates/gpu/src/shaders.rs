//! The WGSL sources, joined as they are compiled. Everything in `shaders/` is plain
//! text that a test validates; nothing is generated.

/// What all layer kernels begin with.
const STEP: &str = include_str!("../../../shaders/step.wgsl");
/// What the convolutions add to it.
const TILE: &str = include_str!("../../../shaders/tile.wgsl");

/// Every complete shader, by the name of its file.
pub fn all() -> [(&'static str, String); 5] {
    [
        ("linear", linear()),
        ("conv2d", conv2d()),
        ("conv_transpose2d", conv_transpose2d()),
        ("reparameterize", REPARAMETERIZE.into()),
        ("present", PRESENT.into()),
    ]
}

pub(crate) const REPARAMETERIZE: &str = include_str!("../../../shaders/reparameterize.wgsl");
pub(crate) const PRESENT: &str = include_str!("../../../shaders/present.wgsl");

pub(crate) fn linear() -> String {
    [STEP, include_str!("../../../shaders/linear.wgsl")].concat()
}

pub(crate) fn conv2d() -> String {
    [STEP, TILE, include_str!("../../../shaders/conv2d.wgsl")].concat()
}

pub(crate) fn conv_transpose2d() -> String {
    [
        STEP,
        TILE,
        include_str!("../../../shaders/conv_transpose2d.wgsl"),
    ]
    .concat()
}
