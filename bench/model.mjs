/**
 * Reads model folders of the format `vaelet/1`, in Node and in browsers: the tensors, the shapes
 * between layers, and the number of operations of the decoder.
 */

/** Height, width and channels of a value; a vector is `[1, 1, C]`. @typedef {[number, number, number]} Shape */
/** Row-major values. @typedef {{ shape: number[], data: Float32Array }} Tensor */

export const size = (shape) => shape.reduce((product, dim) => product * dim, 1);

/** Length of one latent. */
export function latentSize(spec) {
  return spec.latents.reduce((sum, group) => sum + group.size, 0);
}

/**
 * The tensors of a safetensors file as f32. i8 values are multiplied by the scales of their columns.
 * @param {Uint8Array} bytes
 * @returns {Map<string, Tensor>}
 */
export function readTensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  delete header.__metadata__;
  const readers = {
    I8: { width: 1, read: (at) => view.getInt8(at) },
    F16: { width: 2, read: (at) => fromHalf(view.getUint16(at, true)) },
    F32: { width: 4, read: (at) => view.getFloat32(at, true) },
  };
  const tensors = new Map(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: [start] }]) => {
      const { width, read } = readers[dtype];
      const first = 8 + headerLength + start;
      return [name, { shape, data: Float32Array.from({ length: size(shape) }, (_, i) => read(first + i * width)) }];
    }),
  );
  for (const [name, { dtype }] of Object.entries(header)) {
    if (dtype !== "I8") continue;
    const scales = tensors.get(`${name}.scale`).data;
    tensors.get(name).data.forEach((value, i, data) => (data[i] = value * scales[i % scales.length]));
  }
  return tensors;
}

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** Weight and bias of a layer. @returns {{ weight: Tensor, bias: Tensor }} */
export function paramsOf(layer, tensors) {
  return { weight: tensors.get(`${layer.params}.weight`), bias: tensors.get(`${layer.params}.bias`) };
}

/**
 * The output shape of a layer for an input shape.
 * @param {object} layer
 * @param {Shape} shape
 * @returns {Shape}
 */
export function shapeAfter(layer, [height, width, channels]) {
  const { kernel, stride, padding, out_channels: out } = layer;
  const narrow = (side) => Math.floor((side + 2 * padding - kernel) / stride) + 1;
  const widen = (side) => (side - 1) * stride + kernel - 2 * padding;
  switch (layer.type) {
    case "linear":
      return [1, 1, layer.outputs];
    case "reshape":
      return [layer.height, layer.width, layer.channels];
    case "conv2d":
      return [narrow(height), narrow(width), out];
    case "conv_transpose2d":
      return [widen(height), widen(width), out];
    case "residual":
      return [height, width, channels];
    default:
      throw new Error(`unknown layer type ${layer.type}`);
  }
}

/** Floating-point operations of the decoder for one image; a multiplication and an addition count as two. */
export function decoderFlops(spec) {
  return flops(spec.decoder, [1, 1, latentSize(spec)]);
}

function flops(layers, shape) {
  let sum = 0;
  for (const layer of layers) {
    const after = shapeAfter(layer, shape);
    const taps = (layer.kernel ?? 0) ** 2;
    if (layer.type === "linear") sum += 2 * layer.inputs * layer.outputs;
    if (layer.type === "conv2d") sum += 2 * taps * layer.in_channels * size(after);
    if (layer.type === "conv_transpose2d") sum += 2 * taps * layer.out_channels * size(shape);
    if (layer.type === "residual") sum += flops(layer.layers, shape);
    shape = after;
  }
  return sum;
}
