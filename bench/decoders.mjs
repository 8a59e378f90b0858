/**
 * Writes model folders with random weights for measurements: the reference decoders mlp, conv28 and
 * conv64, and one decoder at three image sizes.
 */

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { latentSize, shapeAfter, size } from "./model.mjs";

const SEED = 7;

/** Small decoders of three common kinds. */
export const REFERENCES = ["mlp", "conv28", "conv64"];
/** One decoder at growing image sizes; its operations are proportional to the pixels. */
export const SCALES = ["scale32", "scale64", "scale128"];

/** Each decoder's image, latent size, and layers. */
const DECODERS = {
  mlp: {
    image: [28, 28, 1],
    latent: 20,
    layers: [linear(20, 400, "relu"), linear(400, 784, "sigmoid"), reshape([28, 28, 1])],
  },
  conv28: { image: [28, 28, 1], latent: 32, layers: convolutional(32, [7, 7, 64], [32, 1]) },
  conv64: { image: [64, 64, 3], latent: 128, layers: convolutional(128, [4, 4, 256], [128, 64, 32, 3]) },
  scale32: { image: [32, 32, 3], latent: 64, layers: convolutional(64, [4, 4, 64], [64, 32, 3]) },
  scale64: { image: [64, 64, 3], latent: 64, layers: convolutional(64, [8, 8, 64], [64, 32, 3]) },
  scale128: { image: [128, 128, 3], latent: 64, layers: convolutional(64, [16, 16, 64], [64, 32, 3]) },
};

/**
 * Writes all decoders into `folder`, each as a model folder with its name.
 * @param {string} folder
 */
export async function writeDecoders(folder) {
  for (const [name, decoder] of Object.entries(DECODERS)) {
    const model = build(name, decoder);
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "model.json"), JSON.stringify(model.spec));
    await writeFile(join(folder, name, model.spec.weights.file), model.weights);
  }
}

function linear(inputs, outputs, activation = "none") {
  return { type: "linear", inputs, outputs, activation };
}

function reshape([height, width, channels]) {
  return { type: "reshape", channels, height, width };
}

function convolution(type, in_channels, out_channels, activation) {
  return { type, in_channels, out_channels, kernel: 4, stride: 2, padding: 1, activation };
}

/** A linear layer to a small image, then transposed convolutions that double its size. */
function convolutional(latent, base, channels) {
  const stages = channels.map((out, i) =>
    convolution("conv_transpose2d", channels[i - 1] ?? base[2], out, i < channels.length - 1 ? "relu" : "sigmoid"),
  );
  return [linear(latent, size(base), "relu"), reshape(base), ...stages];
}

/** A minimal encoder, which the format requires: it halves the image while it is large, then has a linear layer. */
function encoder(image, latent) {
  const layers = [];
  let shape = image;
  while (shape[0] % 2 === 0 && shape[0] > 8) {
    layers.push(convolution("conv2d", shape[2], 8, "relu"));
    shape = shapeAfter(layers.at(-1), shape);
  }
  return [...layers, linear(size(shape), 2 * latent)];
}

function build(name, { image, latent, layers }) {
  const [height, width, channels] = image;
  const spec = {
    format: "vaelet/1",
    name,
    title: `Random weights: ${name}`,
    input: { channels, height, width },
    likelihood: { kind: "bernoulli" },
    latents: [{ name: "z", size: latent, prior: { kind: "standard_normal" } }],
    encoder: named("encoder", encoder(image, latent)),
    decoder: named("decoder", layers),
    licence: "MIT OR Apache-2.0",
    credit: "Random numbers.",
  };
  const weights = writeHalves(randomTensors(spec));
  const sha256 = createHash("sha256").update(weights).digest("hex");
  spec.weights = { file: "weights.safetensors", bytes: weights.length, sha256 };
  return { spec, weights };
}

function named(prefix, layers) {
  return layers.map((layer, i) => (layer.type === "reshape" ? layer : { ...layer, params: `${prefix}.${i}` }));
}

/** Weights that preserve the variance of values, and biases near zero. */
function randomTensors(spec) {
  const normal = normals(SEED + latentSize(spec));
  const tensors = new Map();
  for (const layer of [...spec.encoder, ...spec.decoder].filter(({ params }) => params)) {
    const { type, kernel, stride, in_channels, out_channels } = layer;
    const isLinear = type === "linear";
    const shape = isLinear ? [layer.inputs, layer.outputs] : [kernel, kernel, in_channels, out_channels];
    // In each direction, only every stride-th tap of a transposed convolution contributes to an output.
    const taps = type === "conv_transpose2d" ? (kernel / stride) ** 2 : kernel ** 2;
    const fan = isLinear ? layer.inputs : in_channels * taps;
    tensors.set(`${layer.params}.weight`, { shape, data: fill(shape, () => normal() / Math.sqrt(fan)) });
    tensors.set(`${layer.params}.bias`, { shape: shape.slice(-1), data: fill(shape.slice(-1), () => normal() / 1000) });
  }
  return tensors;
}

function fill(shape, next) {
  return Array.from({ length: size(shape) }, next);
}

/** A generator of standard normals that depends only on the seed (mulberry32, Box–Muller). */
function normals(seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A safetensors file with f16 values. */
function writeHalves(tensors) {
  const header = {};
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F16", shape, data_offsets: [offset, offset + 2 * data.length] };
    offset += 2 * data.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Readers that map the file into memory need aligned values.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const halves = Uint16Array.from([...tensors.values()].flatMap(({ data }) => data.map(toHalf)));
  return Buffer.concat([length, padded, Buffer.from(halves.buffer)]);
}

/** The bits of the nearest f16; `value` must be within its range. */
function toHalf(value) {
  const magnitude = Math.abs(value);
  const sign = value < 0 ? 0x8000 : 0;
  if (magnitude < 2 ** -14) return sign | Math.round(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  // A fraction that rounds up to 1024 correctly carries into the exponent.
  return sign | (((exponent + 15) << 10) + Math.round((magnitude / 2 ** exponent - 1) * 1024));
}
