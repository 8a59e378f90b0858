/**
 * The program: the wasm module, fetched once for every model of a page, and the runtimes that it
 * builds.
 */

import { VaeletError } from "./errors.js";
import { within } from "./network.js";

/** Milliseconds that the program, as much as a small picture, may take to come. */
const PATIENCE = 60_000;

/** @type {Promise<any> | undefined} one wasm instance serves every model on a page */
let loading;
/** @type {any} */
let wasm;

/** Fetches and compiles the program, once. @throws {VaeletError} */
export function loadRuntime() {
  if (typeof WebAssembly === "undefined") {
    return Promise.reject(new VaeletError("unsupported", "This browser cannot run WebAssembly. Try a current Firefox, Chrome, Edge or Safari."));
  }
  loading ??= within(fetchRuntime(), PATIENCE, () => new Error("nothing came"))
    .catch((error) => {
      loading = undefined; // so that the next attempt starts afresh
      throw runtimeError(error);
    });
  return loading;
}

async function fetchRuntime() {
  const module = await import("../../vaelet-web.js");
  await module.default();
  wasm = module;
  return module;
}

function runtimeError(error) {
  if (error instanceof WebAssembly.CompileError && !/magic|HTML/i.test(error.message)) {
    return new VaeletError("unsupported", "This browser is too old for the WebAssembly this page uses (SIMD). Try a current Firefox, Chrome, Edge or Safari.", { cause: error });
  }
  return new VaeletError("not-found", "The program itself (vaelet-web.js and vaelet-web_bg.wasm) could not be fetched. Check your connection, and that both files were published beside index.html.", { cause: error });
}

/**
 * Brings a drawing into the form of MNIST: crop, scale into 20×20, centre by mass in 28×28.
 * Works once a model has been loaded.
 *
 * @param {Float32Array} pixels grey ink in [0, 1], row by row, 1 is ink
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array | undefined} 784 values, or `undefined` where there is no ink
 */
export function normalizeDrawing(pixels, width, height) {
  if (!wasm) throw new VaeletError("not-ready", "Load a model before normalising a drawing.");
  return wasm.normalizeDrawing(pixels, width, height);
}

/**
 * Strokes as an image of MNIST: scaled into 20×20, drawn with a pen of 2.5 pixels, centred by mass
 * in 28×28. Size and place of the drawing do not matter, and no canvas is read. Works once a model
 * has been loaded.
 *
 * @param {ArrayLike<number>[][]} strokes lists of points [x, y], y downwards; the side of what
 *   is drawn on is 1, so that what is smaller than a sixteenth stays a dot. One point is a dot.
 * @param {{ under?: Float32Array }} [options] 28×28 pixels in [0, 1] that lie under the strokes and
 *   fill the square from 0 to 1
 * @returns {Float32Array | undefined} 784 values in [0, 1], or `undefined` where there is no point
 */
export function normalizeStrokes(strokes, { under = new Float32Array(0) } = {}) {
  if (!wasm) throw new VaeletError("not-ready", "Load a model before normalising a drawing.");
  if (!Array.isArray(strokes) || !strokes.every(Array.isArray)) throw new VaeletError("bad-input", "Strokes are a list of lists of points [x, y].");
  const ends = strokes.flatMap((points) => points.flatMap((point, i) => (i > 0 || points.length === 1 ? [points[Math.max(0, i - 1)], point] : [])));
  const lines = ends.flatMap((point) => [point?.[0], point?.[1]]);
  if (!lines.every(Number.isFinite)) throw new VaeletError("bad-input", "A point of the strokes is not two finite numbers, [x, y].");
  if (![0, 784].includes(under.length)) throw new VaeletError("bad-input", `The picture under the strokes has ${under.length} pixels instead of 28 × 28.`);
  return wasm.normalizeLines(Float32Array.from(lines), under);
}

/** Ends with the last runtime that was built on the GPU. */
let gpuFree = Promise.resolve();

/** A model that runs; the program has to be there. `weights` may be bytes or a promise of them: the GPU compiles while they download. */
export async function createRuntime(spec, weights, backend) {
  if (backend === "cpu") return buildRuntime(spec, weights, backend);
  // One after the other: they share a device, and two that are timed at once are both slow.
  const runtime = gpuFree.then(() => buildRuntime(spec, weights, backend));
  gpuFree = runtime.catch(() => {});
  return runtime;
}

async function buildRuntime(spec, weights, backend) {
  try {
    return await wasm.Model.create(spec, Promise.resolve(weights), backend);
  } catch (error) {
    if (!error?.code || error instanceof VaeletError || error instanceof DOMException) throw error;
    throw new VaeletError(error.code, `${error.message}.`, { cause: error });
  }
}
