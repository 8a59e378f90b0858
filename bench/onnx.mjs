/**
 * Converts the decoder of a `vaelet/1` model to ONNX with the same weights in f32, for ONNX Runtime
 * Web.
 */

import onnxProto from "onnx-proto";
import { latentSize, paramsOf, shapeAfter, size } from "./model.mjs";

const { onnx } = onnxProto;
const { FLOAT, INT64 } = onnx.TensorProto.DataType;
const { INTS } = onnx.AttributeProto.AttributeType;
const OPSET = 17;
const IR_VERSION = 9;

/**
 * A value of the graph. Images are [h, w, c] in vaelet and [c, h, w] in ONNX, so a vector that is a
 * flattened image may be in either order.
 * @typedef {{ name: string, shape: import("./model.mjs").Shape, order: "hwc" | "chw" }} Value
 */

/**
 * Its input `z` is [n, latent]; its output is images [n, c, h, w], or [n, values] if the last layer is linear.
 * @param {object} spec the parsed model.json
 * @param {Map<string, import("./model.mjs").Tensor>} tensors
 * @returns {Uint8Array}
 */
export function onnxDecoder(spec, tensors) {
  const graph = new Graph(tensors);
  const { height, width, channels } = spec.input;
  const latent = latentSize(spec);
  // A reshape at the end is not needed.
  const layers = spec.decoder.slice(0, spec.decoder.findLastIndex(({ type }) => type !== "reshape") + 1);
  const last = graph.layers(layers, { name: "z", shape: [1, 1, latent], order: "hwc" }, [height, width, channels]);
  const isVector = last.shape[0] === 1 && last.shape[1] === 1;
  const output = isVector ? [size(last.shape)] : [channels, height, width];
  return onnx.ModelProto.encode({
    irVersion: IR_VERSION,
    producerName: "vaelet-bench",
    opsetImport: [{ domain: "", version: OPSET }],
    graph: {
      name: spec.name,
      node: graph.nodes,
      initializer: graph.initializers,
      input: [valueInfo("z", [latent])],
      output: [valueInfo(last.name, output)],
    },
  }).finish();
}

class Graph {
  nodes = [];
  initializers = [];
  #tensors;
  #count = 0;

  constructor(tensors) {
    this.#tensors = tensors;
  }

  /**
   * Adds a chain of layers.
   * @param {object[]} layers
   * @param {Value} value input of the first layer
   * @param {import("./model.mjs").Shape} [image] shape of the image that the output vector is
   * @returns {Value}
   */
  layers(layers, value, image) {
    layers.forEach((layer, i) => {
      const next = layers[i + 1];
      // A linear layer before an image writes its values in ONNX's order.
      const becomes = next?.type === "reshape" ? shapeAfter(next, value.shape) : next ? undefined : image;
      value = this.#layer(layer, value, becomes);
    });
    return value;
  }

  #layer(layer, value, becomes) {
    switch (layer.type) {
      case "linear":
        return this.#linear(layer, value, becomes);
      case "reshape":
        return this.#reshape(layer, value);
      case "conv2d":
        return this.#convolve("Conv", [3, 2, 0, 1], layer, value);
      case "conv_transpose2d":
        return this.#convolve("ConvTranspose", [2, 3, 0, 1], layer, value);
      case "residual": {
        const f = this.layers(layer.layers, value);
        return this.#activate(layer.activation, { ...f, name: this.#node("Add", [value.name, f.name]) });
      }
      default:
        throw new Error(`unknown layer type ${layer.type}`);
    }
  }

  #linear(layer, value, becomes) {
    let { weight, bias } = paramsOf(layer, this.#tensors);
    const isImage = value.shape[0] * value.shape[1] > 1;
    if (isImage) weight = gather(weight, 0, channelsFirst(value.shape));
    if (becomes) {
      weight = gather(weight, 1, channelsFirst(becomes));
      bias = gather(bias, 0, channelsFirst(becomes));
    }
    const input = isImage ? this.#node("Flatten", [value.name]) : value.name;
    const name = this.#node("Gemm", [input, this.#constant(weight), this.#constant(bias)]);
    return this.#activate(layer.activation, { name, shape: [1, 1, layer.outputs], order: becomes ? "chw" : "hwc" });
  }

  #reshape(layer, value) {
    const shape = shapeAfter(layer, value.shape);
    const [height, width, channels] = shape;
    const dims = value.order === "chw" ? [channels, height, width] : [height, width, channels];
    const name = this.#node("Reshape", [value.name, this.#shape([-1, ...dims])]);
    if (value.order === "chw") return { name, shape, order: "chw" };
    return { name: this.#node("Transpose", [name], { perm: [0, 3, 1, 2] }), shape, order: "chw" };
  }

  #convolve(type, permutation, layer, value) {
    const { weight, bias } = paramsOf(layer, this.#tensors);
    const { kernel, stride, padding } = layer;
    const inputs = [value.name, this.#constant(transpose(weight, permutation)), this.#constant(bias)];
    const name = this.#node(type, inputs, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
    });
    return this.#activate(layer.activation, { name, shape: shapeAfter(layer, value.shape), order: "chw" });
  }

  #activate(activation = "none", value) {
    switch (activation) {
      case "none":
        return value;
      case "relu":
        return { ...value, name: this.#node("Relu", [value.name]) };
      case "sigmoid":
        return { ...value, name: this.#node("Sigmoid", [value.name]) };
      case "silu":
        return { ...value, name: this.#node("Mul", [value.name, this.#node("Sigmoid", [value.name])]) };
      default:
        throw new Error(`unknown activation ${activation}`);
    }
  }

  #node(opType, input, attributes = {}) {
    const output = this.#name();
    const attribute = Object.entries(attributes).map(([name, ints]) => ({ name, type: INTS, ints }));
    this.nodes.push({ opType, name: `${opType}_${output}`, input, output: [output], attribute });
    return output;
  }

  #constant({ shape, data }) {
    const name = this.#name();
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.push({ name, dataType: FLOAT, dims: shape, rawData });
    return name;
  }

  #shape(dims) {
    const name = this.#name();
    this.initializers.push({ name, dataType: INT64, dims: [dims.length], int64Data: dims });
    return name;
  }

  #name() {
    this.#count += 1;
    return `v${this.#count}`;
  }
}

function valueInfo(name, dims) {
  const dim = [{ dimParam: "n" }, ...dims.map((dimValue) => ({ dimValue }))];
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

/** For each index in [c, h, w], the index in [h, w, c]. */
function channelsFirst([height, width, channels]) {
  const pixels = height * width;
  return Array.from({ length: channels * pixels }, (_, i) => (i % pixels) * channels + Math.floor(i / pixels));
}

/** A tensor of one or two axes, permuted along one axis. */
function gather({ shape, data }, axis, order) {
  const inner = size(shape.slice(axis + 1));
  const along = shape[axis];
  const at = (i) => (Math.floor(i / inner / along) * along + order[Math.floor(i / inner) % along]) * inner + (i % inner);
  return { shape, data: data.map((_, i) => data[at(i)]) };
}

/** Axis i of the result is axis `permutation[i]` of the tensor. */
function transpose({ shape, data }, permutation) {
  const strides = shape.map((_, axis) => size(shape.slice(axis + 1)));
  const dims = permutation.map((axis) => shape[axis]);
  const steps = permutation.map((axis) => strides[axis]);
  const at = (i) => {
    let from = 0;
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      from += (i % dims[axis]) * steps[axis];
      i = Math.floor(i / dims[axis]);
    }
    return from;
  };
  return { shape: dims, data: data.map((_, i) => data[at(i)]) };
}
