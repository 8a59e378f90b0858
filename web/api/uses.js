/**
 * What a model is good for beside drawing samples: scoring, explaining and completing pictures,
 * enlarging, compressing and grouping them. `Model` fetches this when it is first used; the work is
 * done in a worker (`remote.js`). Every argument is checked here.
 */

import { callback, checkRoom, finite, numbers, optionsOf, refused, whole } from "./arguments.js";
import { VaeletError } from "./errors.js";
import { Remote } from "./remote.js";

/** One worker serves every model of a page. */
const remote = new Remote(
  import.meta.url,
  () => new Worker(new URL("./uses-worker.js", import.meta.url), { type: "module" }),
  async () => (await import("./uses-jobs.js")).jobs,
);
/** Most answers of one inference. */
const MOST_ANSWERS = 256;
/** Most steps of one inference. */
const MOST_STEPS = 10_000;
let lastKey = 0;

export class Uses {
  #files;
  #info;
  #input;
  #latent;
  #key = (lastKey += 1);
  /** The generation of the program that has this model, once it is there. @type {{ generation: number, done: Promise<void> } | null} */
  #opened = null;
  /** @type {Promise<object> | null} */
  #calibration = null;
  #freed = false;

  /** @param {Awaited<ReturnType<typeof import("./files.js").openFolder>>} files @param {number} latent numbers of a latent */
  constructor(files, latent) {
    this.#files = files;
    this.#info = files.info;
    this.#input = this.#info.input;
    this.#latent = latent;
  }

  /** Fetches the program, gives it the model, and makes what inference begins with. */
  async prepare(options) {
    const { signal } = controlOf(options);
    await this.#call("prepare", {}, { signal });
  }

  async score(picture, options) {
    const { signal } = controlOf(options);
    const pixels = this.#pictures("x", picture, 1);
    this.#calibration ??= this.#fetchCalibration().catch((error) => {
      this.#calibration = null; // so that the next call tries again
      throw error;
    });
    const calibration = await this.#calibration;
    return this.#call("score", { picture: pixels, calibration }, { signal });
  }

  async infer(x, options) {
    return this.#infer(x, options, "");
  }

  async clean(x, options) {
    const { noise, specks, jpeg } = optionsOf(options);
    if (noise === undefined && specks === undefined && jpeg === undefined) throw refused("noise has to be given, its standard deviation, or specks, the share of values that were replaced by 0 or 1, or jpeg, the quality it was saved with");
    return (await this.#infer(x, { ...options, count: 1 }, "clean")).images;
  }

  async complete(x, mask, options) {
    const { height, width } = this.#input;
    if (mask === undefined) throw refused("mask has to be given: a number for each pixel, 0 where it is hidden");
    return this.#infer(x, { count: 4, ...optionsOf(options), observed: maskOf("mask", mask, height * width) }, "keep");
  }

  async enlarge(x, options) {
    const { scale, ...rest } = optionsOf(options);
    return this.#infer(x, { ...rest, scale: scale ?? 4 }, "fit");
  }

  /** @param {string} how what is made of the pictures */
  async #infer(x, options, how) {
    const { signal, seed, count, steps, walk, milliseconds, noise, specks, jpeg, observed, scale } = { ...optionsOf(options), ...controlOf(options) };
    const { channels, height, width } = this.#input;
    const divisor = whole("scale", scale, 1, 1, Math.min(height, width));
    if (height % divisor || width % divisor) throw refused(`scale has to divide ${height} and ${width}, which ${divisor} does not`);
    const pixels = (height / divisor) * (width / divisor);
    const deviation = finite("noise", noise, 0, 0);
    const values = numbers("x", x, channels * pixels, { count: 1, picture: deviation === 0 });
    const share = finite("specks", specks, 0, 0);
    if (share >= 1) throw refused(`specks has to be a share below 1, not ${share}`);
    if (jpeg !== undefined && (deviation > 0 || share > 0 || observed !== undefined || divisor > 1)) throw refused("jpeg is for whole pictures without noise and specks: give it alone");
    const seen = observed === undefined ? new Uint8Array(0) : maskOf("observed", observed, pixels);
    return this.#call("infer", {
      values,
      seen,
      noise: deviation,
      specks: share,
      jpeg: jpeg === undefined ? 0 : whole("jpeg", jpeg, undefined, 1, 100),
      scale: divisor,
      count: whole("count", count, 1, 1, MOST_ANSWERS),
      climb: whole("steps", steps, 40, 0, MOST_STEPS),
      walk: whole("walk", walk, 60, 0, MOST_STEPS),
      seed: whole("seed", seed, 1, 0),
      milliseconds: milliseconds === undefined ? Infinity : finite("milliseconds", milliseconds, undefined, 0),
      how,
    }, { signal });
  }

  async compress(xs, options) {
    const { signal, bytes, onProgress } = { ...optionsOf(options), ...controlOf(options) };
    const tell = callback("onProgress", onProgress);
    const { channels, height, width } = this.#input;
    const size = channels * height * width;
    const pictures = this.#pictures("xs", xs);
    if (bytes === undefined) {
      if (this.#info.likelihood.kind !== "bernoulli") throw refused("bytes has to be given: only models of black and white pictures (a Bernoulli likelihood) compress without loss");
      const grey = pictures.findIndex((value) => value !== 0 && value !== 1);
      if (grey >= 0) throw refused(`xs[${grey}] is ${pictures[grey]}, where 0 or 1 was expected: round the pictures, or give bytes to compress them with loss`);
      return this.#call("pack", { pictures, size }, { signal, tell });
    }
    const each = whole("bytes", bytes, undefined, 4, 1024);
    const latents = [];
    for (let at = 0; at < pictures.length; at += size) {
      const { z } = await this.#infer(pictures.subarray(at, at + size), { signal }, "");
      latents.push(...z);
      tell?.(latents.length / this.#latent);
    }
    return this.#call("squeeze", { latents: Float32Array.from(latents), size: this.#latent, bytes: each }, { signal });
  }

  async decompress(file, options) {
    const { signal, onPicture } = { ...optionsOf(options), ...controlOf(options) };
    const tell = callback("onPicture", onPicture);
    if (!(file instanceof Uint8Array) && !(file instanceof ArrayBuffer)) throw refused("The file has to be a Uint8Array or an ArrayBuffer");
    return this.#call("unpack", { file: new Uint8Array(file) }, { signal, tell });
  }

  async group(latents, options) {
    const { signal, groups, seed, known, size } = { ...optionsOf(options), ...controlOf(options) };
    const each = whole("size", size, this.#latent, 1, 2 ** 20);
    const points = numbers("latents", latents, each);
    const count = points.length / each;
    if (count < 2) throw refused("latents has to hold at least two of them");
    checkRoom(count, 64); // the graph
    if (known === undefined) {
      const found = await this.#call("group", { points, size: each, groups: whole("groups", groups, Math.min(10, count), 1, Math.min(256, count)), seed: whole("seed", seed, 1, 0) }, { signal });
      return { names: found, shares: null };
    }
    if (groups !== undefined) throw refused("groups are found where nothing is known: give groups or known, not both");
    const pairs = namesOf(known, count);
    return this.#call("name", { points, size: each, known: pairs, names: 1 + pairs.reduce((most, name, i) => (i % 2 ? Math.max(most, name) : most), 0) }, { signal });
  }

  free() {
    this.#freed = true;
    if (this.#opened?.generation === remote.generation) remote.call("close", { key: this.#key }).catch(() => {});
  }

  /** Does a job with this model, which the program reads first where it does not have it. */
  async #call(name, args, control) {
    if (this.#freed) throw new VaeletError("freed", "This model has been freed. Load it again to use it.");
    if (this.#opened?.generation !== remote.generation) {
      const opened = { generation: remote.generation, done: this.#open() };
      this.#opened = opened;
      opened.done.catch(() => {
        if (this.#opened === opened) this.#opened = null; // so that the next call tries again
      });
    }
    await this.#opened.done;
    return remote.call(name, { key: this.#key, ...args }, control);
  }

  async #open() {
    const weights = await this.#files.weights();
    await remote.call("open", { key: this.#key, spec: this.#files.spec, weights });
  }

  /** What the model's own test images score. */
  async #fetchCalibration() {
    const found = await this.#files.json("calibration.json").catch((cause) => {
      if (cause.code !== "not-found") throw cause;
      throw new VaeletError("not-found", "What this model's own pictures score is not known, so no other can be scored: calibration.json is missing beside its weights. `vaelet detect --data` makes it.", { cause });
    });
    const { weights, mean, factor, scores, squares, places } = Object(found);
    const lists = [mean, factor, scores, squares?.weights, squares?.means, squares?.factors, places];
    // The program checks how long each is.
    if (weights !== this.#info.weights.sha256 || !lists.every((list) => Array.isArray(list) && list.every(Number.isFinite))) {
      throw new VaeletError("bad-model", "calibration.json is not of these weights, or not of this version. Make it again with `vaelet detect --data`.");
    }
    return { values: Float64Array.from(lists.flat()), lengths: Uint32Array.from(lists, (list) => list.length) };
  }

  #pictures(name, values, count) {
    const { channels, height, width } = this.#input;
    const size = channels * height * width;
    const floats = numbers(name, values, size, { count, picture: true });
    checkRoom(floats.length / size, size);
    return floats;
  }
}

/** The signal of the options. @returns {{ signal?: AbortSignal }} */
function controlOf(options) {
  const { signal } = optionsOf(options);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refused("signal has to be an AbortSignal");
  return { signal };
}

/** A number for each pixel: 0 where it is hidden. */
function maskOf(name, values, pixels) {
  if (!Array.isArray(values) && (!ArrayBuffer.isView(values) || values instanceof DataView)) throw refused(`${name} has to be an array with a number for each pixel, 0 where it is hidden`);
  const list = /** @type {ArrayLike<number | boolean>} */ (/** @type {unknown} */ (values));
  if (list.length !== pixels) throw refused(`${name} has ${list.length} numbers, where ${pixels} were expected: one for each pixel, whatever the channels`);
  return Uint8Array.from(list, (value) => (value ? 1 : 0));
}

/** Numbers of latents with their names, in turn. @param {unknown} known @param {number} count of latents */
function namesOf(known, count) {
  if (!Array.isArray(known) || known.length === 0) throw refused("known has to be a list of pairs: the number of a latent, and the number of its name");
  return Uint32Array.from(known.flatMap((pair, i) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw refused(`known[${i}] has to be a pair: the number of a latent, and the number of its name`);
    return [whole(`known[${i}][0]`, pair[0], undefined, 0, count - 1), whole(`known[${i}][1]`, pair[1], undefined, 0, 255)];
  }));
}
