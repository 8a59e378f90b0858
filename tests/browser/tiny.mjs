/** Models that are small enough to be written down in a test. Pages get them beside the published ones. */

import { createHash } from "node:crypto";

/** A file of weights. @param {Record<string, [number[], Float32Array]>} tensors shape and values by name */
export function weightsFile(tensors) {
  const header = {};
  let at = 0;
  for (const [name, [shape, data]] of Object.entries(tensors)) header[name] = { dtype: "F32", shape, data_offsets: [at, (at += data.byteLength)] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(tensors).map(([, data]) => Buffer.from(data.buffer))]);
}

/** Values of a matrix and of a vector, with their shapes. */
export const matrix = (rows, columns, value) => [[rows, columns], Float32Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns))];
export const vector = (length, value) => [[length], Float32Array.from({ length }, (_, i) => value(i))];

/**
 * A model of texts that gives every text back: each place has a latent, whose value says which symbol stands there. The first
 * symbol is the end.
 * @param {{ symbols: string[], places: number, codes: number[], sure: number, logVariance: number }} options `codes` are the
 *   values of a latent for each symbol, `sure` and `logVariance` how sure the decoder is and how exact the encoder
 */
export function spelled({ symbols, places: T, codes, sure, logVariance }) {
  const V = symbols.length;
  return {
    // Values lie place by place, as the networks have them.
    tensors: {
      "encoder.0.weight": matrix(T * V, 2 * T, (from, to) => (Math.floor(from / V) === to ? codes[from % V] : 0)),
      "encoder.0.bias": vector(2 * T, (to) => (to < T ? 0 : logVariance)),
      // −sure (z − code)², without what all symbols have in common.
      "decoder.0.weight": matrix(T, T * V, (from, to) => (Math.floor(to / V) === from ? 2 * sure * codes[to % V] : 0)),
      "decoder.0.bias": vector(T * V, (to) => -sure * codes[to % V] ** 2),
    },
    model: {
      input: { channels: V, height: 1, width: T },
      data: { kind: "sequence", symbols, end: 0 },
      likelihood: { kind: "categorical", symbols: V },
      latents: [{ name: "z", size: T, prior: { kind: "standard_normal" } }],
      encoder: [{ type: "linear", inputs: T * V, outputs: 2 * T, params: "encoder.0" }],
      decoder: [
        { type: "linear", inputs: T, outputs: T * V, params: "decoder.0" },
        { type: "reshape", channels: V, height: 1, width: T },
      ],
    },
  };
}

/**
 * Publishes a model for a page, before it is opened.
 * @param {import("playwright-core").Page} page
 * @param {any} model all of model.json but format, weights, licence and credit
 * @param {Buffer} weights
 * @param {Record<string, string | Buffer>} others further files of its folder
 */
export async function serveModel(page, model, weights, others) {
  const sha256 = createHash("sha256").update(weights).digest("hex");
  const file = { file: "weights.safetensors", bytes: weights.length, sha256 };
  const files = {
    "model.json": JSON.stringify({ format: "vaelet/1", ...model, weights: file, licence: "", credit: "" }),
    "weights.safetensors": weights,
    "atlas.json": JSON.stringify({ format: "vaelet-atlas/1" }),
    ...others,
  };
  await page.route(`**/models/${model.name}/*`, (route) => {
    const body = files[new URL(route.request().url()).pathname.split("/").at(-1)];
    return route.fulfill(body ? { body } : { status: 404 });
  });
  await page.route("**/models/index.json", async (route) => {
    const list = await (await route.fetch()).json();
    const { name, title, subject, input, data, condition, likelihood, latents } = model;
    const size = latents.reduce((sum, group) => sum + group.size, 0);
    const entry = { name, title, subject, input, data, condition, likelihood: likelihood.kind, latents: size, bytes: weights.length, first: [], beta: null };
    return route.fulfill({ json: [...list, entry] });
  });
}
