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
