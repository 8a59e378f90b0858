/** Other people's files, made here: one small network, 8×8 pixels and 2 latents, as PyTorch and as ONNX have it. */

import { zipOf } from "../../web/parts/zip.js";

const SIZES = { fc1: [64, 4], fc_mu: [4, 2], fc_logvar: [4, 2], fc3: [2, 4], fc4: [4, 64] };
/** A different number for each weight, the same in every run. */
const values = (count, seed) => Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) / 2);

/** Name, sizes, weight `[outputs, inputs]` and bias of each layer. */
const LAYERS = Object.entries(SIZES).map(([name, [inputs, outputs]], i) => ({ name, inputs, outputs, weight: values(inputs * outputs, 2 * i), bias: values(outputs, 2 * i + 1) }));

const apply = ({ inputs, weight, bias }, x) => Array.from(bias, (b, o) => x.reduce((sum, value, i) => sum + value * weight[o * inputs + i], b));
const relu = (x) => x.map((value) => Math.max(0, value));
const elu = (x) => x.map((value) => (value > 0 ? value : Math.expm1(value)));

/** What the network makes of a latent. @param {number[]} z @param {"Relu" | "Elu"} [hidden] its activation */
export function decoded(z, hidden = "Relu") {
  return apply(LAYERS[4], { Relu: relu, Elu: elu }[hidden](apply(LAYERS[3], z))).map((value) => 1 / (1 + Math.exp(-value)));
}

/** The mean of an image. @param {number[]} image */
export function meanOf(image) {
  return apply(LAYERS[1], relu(apply(LAYERS[0], image)));
}

const text = (string) => [...new TextEncoder().encode(string)];
const little = (number, bytes) => Array.from({ length: bytes }, (_, i) => Number((BigInt(number) >> BigInt(8 * i)) & 255n));
const raw = (numbers) => new Uint8Array(numbers.buffer);

/** `vae.pth`: a zip file with a pickle. @param {string} [call] a global that it calls beside */
export function torchFile(call) {
  const string = (value) => [0x58, ...little(value.length, 4), ...text(value)];
  const int = (value) => [0x4a, ...little(value, 4)];
  const tuple = (...parts) => [0x28, ...parts.flat(), 0x74];
  const files = [];
  const entries = LAYERS.flatMap(({ name, inputs, outputs, weight, bias }) =>
    [[`${name}.weight`, [outputs, inputs], [inputs, 1], weight], [`${name}.bias`, [outputs], [1], bias]].flatMap(([key, shape, strides, data]) => {
      const storage = String(files.length);
      files.push([`vae/data/${storage}`, raw(data)]);
      const id = tuple(string("storage"), text("ctorch\nFloatStorage\n"), string(storage), string("cpu"), int(data.length));
      const dictionary = [...text("ccollections\nOrderedDict\n)R")];
      return [...string(key), ...text("ctorch._utils\n_rebuild_tensor_v2\n"), ...tuple(id, [0x51], int(0), tuple(...shape.map(int)), tuple(...strides.map(int)), [0x89], dictionary), 0x52];
    }));
  const evil = call ? [...string("evil"), ...text(`c${call.replace(".", "\n")}\n)R`)] : [];
  const pickle = [0x80, 2, ...text("ccollections\nOrderedDict\n)R("), ...entries, ...evil, ...text("u.")];
  return zipOf([["vae/data.pkl", Uint8Array.from(pickle)], ...files]);
}

const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))]);
const number = (tag, value) => [...varint(tag * 8), ...varint(value)];
const field = (tag, bytes) => [...varint(tag * 8 + 2), ...varint(bytes.length), ...bytes];

/** `encoder.onnx` with its weights beside it, and `decoder.onnx`. @param {"Relu" | "Elu"} [hidden] activation of the decoder @returns {[string, Uint8Array][]} */
export function onnxFiles(hidden = "Relu") {
  const beside = [];
  const tensor = (name, shape, data, external) => {
    const head = [...shape.flatMap((side) => number(1, side)), ...number(2, 1), ...field(8, text(name))];
    if (!external) return field(5, [...head, ...field(9, raw(data))]);
    const entries = { location: "encoder.onnx.data", offset: beside.length, length: 4 * data.length };
    beside.push(...raw(data));
    return field(5, [...head, ...Object.entries(entries).flatMap(([key, value]) => field(13, [...field(1, text(key)), ...field(2, text(String(value)))])), ...number(14, 1)]);
  };
  const node = (op, from, to, attribute) => field(1, [...from.flatMap((name) => field(1, text(name))), ...field(2, text(to)), ...field(4, text(op)), ...(attribute ? field(5, [...field(1, text(attribute)), ...number(3, 1)]) : [])]);
  const gemm = (from, layer, to) => node("Gemm", [from, `${layer}.w`, `${layer}.b`], to, "transB");
  const value = (tag, name, shape) => field(tag, [...field(1, text(name)), ...field(2, field(1, [...number(1, 1), ...field(2, [...field(1, field(2, text("N"))), ...shape.flatMap((side) => field(1, number(1, side)))])]))]);
  const model = (...parts) => Uint8Array.from([...number(1, 8), ...field(7, parts.flat()), ...field(8, number(2, 17))]);
  const tensors = LAYERS.map(({ name, inputs, outputs, weight, bias }, i) => [...tensor(`${name}.w`, [outputs, inputs], weight, i < 3), ...tensor(`${name}.b`, [outputs], bias, false)]);
  const encoder = model(node("Flatten", ["x"], "flat", "axis"), gemm("flat", "fc1", "h"), node("Relu", ["h"], "r"), gemm("r", "fc_mu", "mu"), gemm("r", "fc_logvar", "logvar"), ...tensors.slice(0, 3), value(11, "x", [1, 8, 8]), value(12, "mu", [2]), value(12, "logvar", [2]));
  const decoder = model(gemm("z", "fc3", "h"), node(hidden, ["h"], "r"), gemm("r", "fc4", "o"), node("Sigmoid", ["o"], "image"), ...tensors.slice(3), value(11, "z", [2]), value(12, "image", [64]));
  return [["encoder.onnx", encoder], ["encoder.onnx.data", Uint8Array.from(beside)], ["decoder.onnx", decoder]];
}
