/**
 * The program: the wasm module, fetched once for every model of a page, and the way of calling it. There is a
 * larger one, fetched with the first model that needs it.
 */

import { numbers, optionsOf, refused, whole } from "./arguments.js";
import { VaeletError, isCrash, stackOf, understood } from "./errors.js";
import { within } from "./network.js";
import { inSlices } from "./slices.js";

/** Milliseconds that the program, as much as a small picture, may take to come. */
const PATIENCE = 60_000;

/** Bytes of weights that are taken in, and hashed, at a time. */
const CHUNK = 64 * 1024;

/** The programs: that of most models, and that of all. */
const PROGRAMS = {
  first: () => import("../../vaelet-web.js"),
  full: () => import("../../vaelet-web-full.js"),
};
/** What the first program does not have: activations in a list of layers. */
const RARE = /"activation":"(elu|gelu\w*|log_square|softplus)"/;
/** One wasm instance of each serves every model on a page. @type {Map<string, Promise<any>>} */
const loading = new Map();
/** The one that came first, for what takes no model. @type {any} */
let program;
/** Where the stack of each program ends now. @type {WebAssembly.Global[]} */
const stacks = [];

/**
 * Fetches and compiles the program that runs a model, once.
 * @param {{ condition?: object, likelihood?: { kind: string }, encoder?: object[], decoder?: object[] }} [info] the parsed model.json
 * @throws {VaeletError}
 */
export function loadProgram(info) {
  const name = info?.condition || info?.likelihood?.kind === "categorical" || RARE.test(JSON.stringify([info?.encoder, info?.decoder])) ? "full" : "first";
  if (typeof WebAssembly === "undefined") {
    return Promise.reject(new VaeletError("unsupported", "This browser cannot run WebAssembly. Try a current Firefox, Chrome, Edge or Safari."));
  }
  const known = loading.get(name);
  if (known) return known;
  const fetched = within(fetchProgram(name), PATIENCE, () => new Error("nothing came"))
    .catch((error) => {
      loading.delete(name); // so that the next attempt starts afresh
      throw missing(error);
    });
  loading.set(name, fetched);
  return fetched;
}

async function fetchProgram(name) {
  setTimeout(makeCanvas);
  const module = await PROGRAMS[name]();
  stacks.push(stackOf(await module.default()));
  program ??= module;
  return module;
}

/**
 * The browser asks its own GPU process once, for the page's first canvas, and the page stands still until that
 * answers: late where it draws the page's first frames, very late where it compiles a model's kernels. So it is
 * asked while the page waits for files anyway.
 */
function makeCanvas() {
  document.createElement("canvas").getContext("2d", { willReadFrequently: true }).fillRect(0, 0, 1, 1);
}

function missing(error) {
  if (error instanceof WebAssembly.CompileError && !/magic|HTML/i.test(error.message)) {
    return new VaeletError("unsupported", "This browser is too old for the WebAssembly this page uses (SIMD). Try a current Firefox, Chrome, Edge or Safari.", { cause: error });
  }
  return new VaeletError("not-found", "The program itself (vaelet-web.js and vaelet-web_bg.wasm) could not be loaded. Check your connection, and that both files were published beside index.html.", { cause: error });
}

/**
 * Calls a program. What goes wrong in it is a `VaeletError`: its own errors as they are, and
 * where it stopped in the middle ("crashed"), its stack is as before, so that the next call works.
 * @template T
 * @param {() => T} question
 * @returns {T}
 */
export function call(question) {
  const tops = stacks.map(({ value }) => value);
  try {
    return question();
  } catch (error) {
    if (isCrash(error)) for (const [i, top] of tops.entries()) stacks[i].value = top;
    throw understood(error);
  }
}

/**
 * A runtime of the program, told what its next call is given: the class of each item, where its model has a condition, and the
 * symbols of its text so far, where the decoder reads them. Only the larger program takes any.
 * @template T @param {T & { given?: (classes: ArrayLike<number>, written: ArrayLike<number>) => void }} raw
 * @param {Uint32Array | null | undefined} classes @param {Uint32Array | null | false} [written] @returns {T}
 */
export function given(raw, classes, written) {
  raw.given?.(classes || [], written || []);
  return raw;
}

/**
 * Checks a model's files and unpacks them.
 * @param {any} program
 * @param {string} spec text of model.json
 * @param {Uint8Array | Promise<Uint8Array>} weights
 * @param {AbortSignal} [signal]
 * @returns {Promise<object>} the program's model
 */
export async function readModel(program, spec, weights, signal) {
  const reader = call(() => program.Reader.open(spec));
  try {
    const bytes = await weights;
    let at = 0;
    await inSlices(() => {
      signal?.throwIfAborted();
      if (at === bytes.length) return call(() => reader.step());
      const chunk = bytes.subarray(at, at + CHUNK);
      call(() => reader.push(chunk));
      at += chunk.length;
      return true;
    });
  } catch (error) {
    discard(reader);
    throw error;
  }
  return call(() => reader.finish());
}

/** Gives an object of the program back. One that the program stopped in counts as being in use for ever, and stays. */
export function discard(object) {
  try {
    object.free();
  } catch (error) {
    console.info("vaelet: memory of a call that crashed stays taken.", error.message);
  }
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
  if (!program) throw new VaeletError("not-ready", "Load a model before normalising a drawing.");
  const sides = [whole("width", width, NaN, 1, 2 ** 15), whole("height", height, NaN, 1, 2 ** 15)];
  if (sides.some(Number.isNaN)) throw refused("width and height have to be given");
  const ink = numbers("pixels", pixels, sides[0] * sides[1], { count: 1, picture: true });
  return call(() => program.normalizeDrawing(ink, ...sides));
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
export function normalizeStrokes(strokes, options) {
  if (!program) throw new VaeletError("not-ready", "Load a model before normalising a drawing.");
  const { under } = optionsOf(options);
  const picture = under === undefined ? new Float32Array(0) : numbers("under", under, 28 * 28, { count: 1, picture: true });
  if (!Array.isArray(strokes) || !strokes.every(Array.isArray)) throw refused("Strokes have to be a list of lists of points [x, y]");
  const ends = strokes.flatMap((points) => points.flatMap((point, i) => (i > 0 || points.length === 1 ? [points[Math.max(0, i - 1)], point] : [])));
  const lines = ends.flatMap((point) => [point?.[0], point?.[1]]);
  if (!lines.every(Number.isFinite)) throw refused("Every point of the strokes has to be two finite numbers, [x, y]");
  return call(() => program.normalizeLines(Float32Array.from(lines), picture));
}
