//! Tensors of burn as this crate uses them: their order, their values on the host, averages.

use anyhow::Result;
use burn::module::Param;
use burn::tensor::{Device, Tensor};

/// `decay` · a + (1 − `decay`) · b, where b is being trained and a is not.
pub fn towards<const D: usize>(
    a: Param<Tensor<D>>,
    b: &Param<Tensor<D>>,
    decay: f64,
) -> Param<Tensor<D>> {
    a.map(|a| a * decay + b.val().inner() * (1.0 - decay))
}

/// A tensor's values on the host.
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec()
        .map_err(|e| anyhow::anyhow!("reading a tensor back: {e:?}"))
}

/// Whether the operations of [`crate::network::ops`] are there for this tensor.
pub fn on_cpu(x: &Tensor<2>) -> bool {
    x.device().inner() == Device::flex()
}

/// `[N, H · W · C]` to `[N, C, H, W]`.
pub fn to_images(x: Tensor<2>, [height, width, channels]: [usize; 3]) -> Tensor<4> {
    let batch = x.dims()[0];
    x.reshape([batch, height, width, channels])
        .permute([0, 3, 1, 2])
}

/// `[N, C, H, W]` to `[N, H · W · C]`.
pub fn to_rows(x: Tensor<4>) -> Tensor<2> {
    x.permute([0, 2, 3, 1]).flatten(1, 3)
}
