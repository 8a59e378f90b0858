/**
 * Writes the files that the engines fetch to target/bench: every model with its decoder as ONNX, and
 * the bundled TensorFlow.js and jax-js.
 */

import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REFERENCES, SCALES, writeDecoders } from "./decoders.mjs";
import { decoderFlops, latentSize, readTensors } from "./model.mjs";
import { onnxDecoder } from "./onnx.mjs";

const RELEASED = fileURLToPath(new URL("../models/", import.meta.url));
const TARGET = fileURLToPath(new URL("../target/bench/", import.meta.url));
const MODELS = join(TARGET, "models");

/** @typedef {{ name: string, latent: number, image: import("./model.mjs").Shape, mflop: number }} ModelFacts */

/**
 * Writes the decoders with random weights, copies the released models, and adds the ONNX files.
 * @returns {Promise<{ compared: ModelFacts[], scales: ModelFacts[] }>}
 */
export async function prepareModels() {
  await mkdir(MODELS, { recursive: true });
  await writeDecoders(MODELS);
  const released = [];
  // What the page leaves out has no figures here.
  for (const name of await readdir(RELEASED)) {
    if (!(await readSpec(join(RELEASED, name))).condition) released.push(name);
  }
  for (const name of released) await copyModel(name);
  return {
    compared: await Promise.all([...REFERENCES, ...released].map(addOnnx)),
    scales: await Promise.all(SCALES.map(addOnnx)),
  };
}

async function copyModel(name) {
  const spec = await readSpec(join(RELEASED, name));
  await mkdir(join(MODELS, name), { recursive: true });
  for (const file of ["model.json", spec.weights.file]) {
    await copyFile(join(RELEASED, name, file), join(MODELS, name, file));
  }
}

async function addOnnx(name) {
  const folder = join(MODELS, name);
  const spec = await readSpec(folder);
  const tensors = readTensors(await readFile(join(folder, spec.weights.file)));
  await writeFile(join(folder, "decoder.onnx"), onnxDecoder(spec, tensors));
  const { height, width, channels } = spec.input;
  return { name, latent: latentSize(spec), image: [height, width, channels], mflop: decoderFlops(spec) / 1e6 };
}

async function readSpec(folder) {
  return JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
}

/** Bundles the decoders for TensorFlow.js and jax-js with the libraries. The backends of jax-js stay separate files. */
export async function bundlePeers() {
  const entry = (file) => fileURLToPath(new URL(file, import.meta.url));
  const shared = { bundle: true, format: "esm", minify: true, logLevel: "warning" };
  await build({ ...shared, entryPoints: [entry("tfjs.mjs")], outfile: join(TARGET, "tfjs.mjs") });
  await build({ ...shared, entryPoints: [entry("jax.mjs")], outdir: join(TARGET, "jax"), splitting: true });
}
