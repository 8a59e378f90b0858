/**
 * The decoder of a `vaelet/1` model in jax-js, compiled by `jit` as one function. `prepare.mjs`
 * bundles it in chunks, so that the page fetches only the backend that it uses.
 */

import { defaultDevice, init, jit, lax, nn, numpy as np } from "@jax-js/jax";
import { paramsOf, size } from "./model.mjs";

export { readTensors } from "./model.mjs";

const ACTIVATIONS = {
  none: (x) => x,
  relu: nn.relu,
  sigmoid: nn.sigmoid,
  silu: nn.silu,
};

/** Initialises a device. @param {"webgpu" | "wasm"} device */
export async function start(device) {
  if (!(await init(device)).includes(device)) throw new Error(`jax-js does not support ${device} here`);
  defaultDevice(device);
}

/**
 * A function from `batch` latents to an array of images [n, c, h, w]. Reading the array disposes of it.
 * @param {object} spec the parsed model.json
 * @param {Map<string, import("./model.mjs").Tensor>} tensors
 * @returns {(z: Float32Array, batch: number) => import("@jax-js/jax").numpy.Array}
 */
export function decoder(spec, tensors) {
  const decode = jit(chain(spec.decoder, tensors));
  return (z, batch) => decode(np.array(z).reshape([batch, z.length / batch]));
}

function chain(layers, tensors) {
  const steps = layers.map((layer, i) => step(layer, tensors, layers[i + 1]));
  return (x) => steps.reduce((value, run) => run(value), x);
}

function step(layer, tensors, next) {
  const activate = ACTIVATIONS[layer.activation ?? "none"];
  switch (layer.type) {
    case "linear": {
      const { weight, bias } = paramsOf(layer, tensors);
      // Images in jax-js are [c, h, w], so the columns of the weight are permuted once.
      const order = next?.type === "reshape" ? channelsFirst(next) : bias.data.map((_, i) => i);
      const w = upload(order, weight, [layer.inputs, layer.outputs]);
      const b = np.array(Float32Array.from(order, (i) => bias.data[i]));
      return (x) => activate(np.matmul(x, w.ref).add(b.ref));
    }
    case "reshape":
      return (x) => x.reshape([x.shape[0], layer.channels, layer.height, layer.width]);
    case "conv2d":
    case "conv_transpose2d": {
      const { weight, bias } = paramsOf(layer, tensors);
      const { kernel, stride, padding } = layer;
      const isTransposed = layer.type === "conv_transpose2d";
      const w = np.array(kernelFirst(weight, isTransposed)).reshape([layer.out_channels, layer.in_channels, kernel, kernel]);
      const b = np.array(bias.data).reshape([1, layer.out_channels, 1, 1]);
      // A transposed convolution is a convolution of the zero-dilated image with the flipped kernel.
      const edge = isTransposed ? kernel - 1 - padding : padding;
      const edges = [[edge, edge], [edge, edge]];
      const [steps, spread] = isTransposed ? [1, stride] : [stride, 1];
      return (x) =>
        activate(lax.convGeneralDilated(x, w.ref, [steps, steps], edges, { lhsDilation: [spread, spread] }).add(b.ref));
    }
    case "residual": {
      const inner = chain(layer.layers, tensors);
      return (x) => activate(inner(x.ref).add(x));
    }
    default:
      throw new Error(`unknown layer type ${layer.type}`);
  }
}

/** For each index in [c, h, w], the index in [h, w, c]. */
function channelsFirst({ height, width, channels }) {
  const pixels = height * width;
  return Array.from({ length: pixels * channels }, (_, i) => (i % pixels) * channels + Math.floor(i / pixels));
}

/** A matrix with permuted columns. */
function upload(order, { data }, [rows, columns]) {
  const values = Float32Array.from({ length: size([rows, columns]) }, (_, i) => data[Math.floor(i / columns) * columns + order[i % columns]]);
  return np.array(values).reshape([rows, columns]);
}

/** A kernel [k, k, in, out] as [out, in, k, k], flipped in both directions if `isFlipped`. */
function kernelFirst({ data, shape: [kernel, , inputs, outputs] }, isFlipped) {
  const taps = kernel * kernel;
  return Float32Array.from({ length: data.length }, (_, i) => {
    const tap = isFlipped ? taps - 1 - (i % taps) : i % taps;
    const input = Math.floor(i / taps) % inputs;
    const output = Math.floor(i / (taps * inputs));
    return data[(tap * inputs + input) * outputs + output];
  });
}
