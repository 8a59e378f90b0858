/**
 * The decoder of a `vaelet/1` model in TensorFlow.js on WebGPU, with its fused operations where
 * possible. `prepare.mjs` bundles it, so that the page fetches only the code that it uses.
 */

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgpu";
import { paramsOf, shapeAfter } from "./model.mjs";

export { readTensors } from "./model.mjs";

/** The activations that fused operations support. */
const FUSED = { none: "linear", relu: "relu", sigmoid: "sigmoid" };

/** Initialises the WebGPU backend. */
export async function start() {
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js does not support WebGPU here");
  await tf.ready();
}

/**
 * A function from `batch` latents to a tensor of images [n, h, w, c]. The caller must dispose of the tensor.
 * @param {object} spec the parsed model.json
 * @param {Map<string, import("./model.mjs").Tensor>} tensors
 * @returns {(z: Float32Array, batch: number) => tf.Tensor}
 */
export function decoder(spec, tensors) {
  const steps = spec.decoder.map((layer) => step(layer, tensors));
  return (z, batch) => tf.tidy(() => steps.reduce((x, run) => run(x), tf.tensor2d(z, [batch, z.length / batch])));
}

function step(layer, tensors) {
  switch (layer.type) {
    case "linear":
      return linear(layer, tensors);
    case "reshape":
      return (x) => tf.reshape(x, [x.shape[0], layer.height, layer.width, layer.channels]);
    case "conv2d":
      return conv2d(layer, tensors);
    case "conv_transpose2d":
      return convTranspose2d(layer, tensors);
    case "residual": {
      const steps = layer.layers.map((inner) => step(inner, tensors));
      return (x) => activate(layer.activation, tf.add(x, steps.reduce((y, run) => run(y), x)));
    }
    default:
      throw new Error(`unknown layer type ${layer.type}`);
  }
}

function linear(layer, tensors) {
  const { weight, bias } = upload(layer, tensors);
  return (x) => {
    const a = x.rank === 2 ? x : tf.reshape(x, [x.shape[0], layer.inputs]);
    return finish(layer, (activation) => tf.fused.matMul({ a, b: weight, bias, activation }));
  };
}

function conv2d(layer, tensors) {
  const { weight, bias } = upload(layer, tensors);
  const { stride, padding } = layer;
  return (x) =>
    finish(layer, (activation) => tf.fused.conv2d({ x, filter: weight, strides: stride, pad: padding, bias, activation }));
}

function convTranspose2d(layer, tensors) {
  const { weight, bias } = upload(layer, tensors);
  // TensorFlow.js expects [k, k, out, in].
  const filter = tf.tidy(() => tf.transpose(weight, [0, 1, 3, 2]));
  weight.dispose();
  return (x) => {
    const [batch, ...shape] = x.shape;
    const output = [batch, ...shapeAfter(layer, shape)];
    return activate(layer.activation, tf.add(tf.conv2dTranspose(x, filter, output, layer.stride, layer.padding), bias));
  };
}

function upload(layer, tensors) {
  const { weight, bias } = paramsOf(layer, tensors);
  return { weight: tf.tensor(weight.data, weight.shape), bias: tf.tensor1d(bias.data) };
}

/** Runs a fused operation with the layer's activation if it is supported, otherwise applies it afterwards. */
function finish({ activation = "none" }, run) {
  const fused = FUSED[activation];
  return fused ? run(fused) : activate(activation, run("linear"));
}

function activate(activation = "none", x) {
  switch (activation) {
    case "none":
      return x;
    case "relu":
      return tf.relu(x);
    case "sigmoid":
      return tf.sigmoid(x);
    case "silu":
      return tf.mul(x, tf.sigmoid(x));
    default:
      throw new Error(`unknown activation ${activation}`);
  }
}
