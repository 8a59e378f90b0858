/**
 * Models that meet every kernel: `cases.json`, which `vaelet check` reads too, with weights made
 * here. So the check needs nothing that the program of the page has not anyway.
 */

import { fetchFile, textOf } from "../api/network.js";
import { halfOf, noise } from "./numbers.js";

const FILE = "weights.safetensors";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {{ channels: number, height: number, width: number }} input
 * @property {number} latent
 * @property {object[]} encoder
 * @property {object[]} decoder
 * @property {number[]} batches the numbers of items that take other kernels
 * @property {("f32" | "f16" | "i8")[]} precisions
 */

/** @returns {Promise<Case[]>} */
export async function cases() {
  const url = new URL("cases.json", import.meta.url);
  const { bytes } = await fetchFile(url);
  return JSON.parse(textOf(url, bytes));
}

/**
 * The two files of a case's model.
 * @param {Case} one
 * @param {"f32" | "f16" | "i8"} precision
 * @returns {Promise<{ spec: string, weights: Uint8Array }>}
 */
export async function filesOf({ name, input, latent, encoder, decoder }, precision) {
  const tensors = [...encoder, ...decoder].flatMap((layer) => tensorsOf(layer)).flatMap((tensor, i) => stored(tensor, i + 1, precision));
  const weights = safetensors(tensors);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", weights));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const spec = {
    format: "vaelet/1",
    name: "check",
    title: name,
    input,
    likelihood: { kind: "gaussian", sigma: 1 },
    latents: [{ name: "z", size: latent, prior: { kind: "standard_normal" } }],
    encoder,
    decoder,
    weights: { file: FILE, bytes: weights.length, sha256, precision },
    licence: "",
    credit: "",
  };
  return { spec: JSON.stringify(spec), weights };
}

/** Names and shapes of a layer's parameters. */
function tensorsOf(layer) {
  const { type, params } = layer;
  if (type === "residual") return layer.layers.flatMap(tensorsOf);
  if (!params) return [];
  const shape = type === "linear" ? [layer.inputs, layer.outputs] : [layer.kernel, layer.kernel, layer.in_channels, layer.out_channels];
  return [
    { name: `${params}.weight`, shape },
    { name: `${params}.bias`, shape: shape.slice(-1) },
  ];
}

/** Values of about one for each sum, as the file has them. */
function stored({ name, shape }, seed, precision) {
  const columns = shape.at(-1);
  const length = shape.reduce((product, side) => product * side, 1);
  const scale = Math.sqrt(columns / length);
  const values = noise(seed, length).map((value) => value * scale);
  if (precision === "f32") return [{ name, shape, dtype: "F32", bytes: bytesOf(values) }];
  if (precision === "f16" || shape.length === 1) return [{ name, shape, dtype: "F16", bytes: bytesOf(Uint16Array.from(values, halfOf)) }];
  // A byte for each value, times its column's scale: ±127 is the largest value that noise has.
  const scales = new Float32Array(columns).fill((2 * scale) / 127);
  return [
    { name, shape, dtype: "I8", bytes: bytesOf(Int8Array.from(values, (value) => Math.max(-127, Math.min(127, Math.round((value / scale / 2) * 127))))) },
    { name: `${name}.scale`, shape: [columns], dtype: "F16", bytes: bytesOf(Uint16Array.from(scales, halfOf)) },
  ];
}

const bytesOf = ({ buffer }) => new Uint8Array(buffer);

/** A safetensors file: the header's length in eight bytes, the header, the values end to end. */
function safetensors(tensors) {
  const header = {};
  let end = 0;
  for (const { name, shape, dtype, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + end);
  new DataView(file.buffer).setUint32(0, text.length, true);
  file.set(text, 8);
  let at = 8 + text.length;
  for (const { bytes } of tensors) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}
