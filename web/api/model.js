/**
 * A loaded model: it passes calls on to its runtime, and rebuilds that when the GPU goes away.
 */

import { VaeletError } from "./errors.js";
import { folderAt, openFolder, weightsCache } from "./files.js";
import { createRuntime, loadRuntime } from "./program.js";

/** How often a lost GPU is asked again before the CPU takes over for good. */
const MAX_GPU_REBUILDS = 2;

/** What is said of weights that are not those of model.json: the browser's copy may be of an older version. */
const STALE = ["truncated", "oversized", "hash-mismatch"];

/** Begins to fetch and compile the program, for pages that will load a model but cannot say yet which. */
export function prepare() {
  loadRuntime().catch(() => {}); // `loadModel` tells
  weightsCache();
}

/**
 * Loads a model folder: `model.json` and the weights it names.
 *
 * @param {string | URL} url of the folder or of its model.json, relative to the document
 * @param {object} [options]
 * @param {"auto" | "webgpu" | "cpu"} [options.backend] `auto` measures both and takes the faster
 * @param {(progress: { loaded: number, total: number }) => void} [options.onProgress] bytes of weights
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<Model>}
 * @throws {VaeletError}
 */
export async function loadModel(url, { backend = "auto", onProgress, signal } = {}) {
  const folder = folderAt(url);
  const runtime = loadRuntime();
  runtime.catch(() => {}); // reported below, unless the files fail first
  const files = await openFolder(folder, { onProgress, signal });
  let weights = files.weights();
  weights.catch(() => {}); // reported below, unless the runtime fails first
  await runtime;
  let inner;
  try {
    inner = await createRuntime(files.spec, weights, backend);
  } catch (error) {
    if (!STALE.includes(error.code)) throw error;
    weights = files.freshWeights();
    inner = await createRuntime(files.spec, weights, backend);
  }
  if (signal?.aborted) inner.free();
  signal?.throwIfAborted();
  files.keep(await weights);
  return new Model(files.info, files.spec, await weights, inner);
}

/** A loaded model. Latents are `Float32Array`s, several of them one after the other. */
export class Model {
  /** Called with this model after it moved to or on the GPU, or off it: canvases must be fresh ones. @type {((model: Model) => void) | null} */
  onRebuilt = null;

  #inner;
  #spec;
  #weights;
  /** @type {Promise<any> | undefined} runs on the CPU beside the GPU, for `activations` */
  #beside;
  #rebuilds = 0;
  #lost = false;
  /** Counts the choices of a backend: only the last one counts. */
  #choice = 0;
  /** @type {HTMLCanvasElement | undefined} */
  #scratch;
  /** @type {Set<Promise<unknown>>} calls the runtime still has to answer */
  #pending = new Set();

  /** Use `loadModel`. @private */
  constructor(info, spec, weights, inner) {
    /** The parsed model.json. */
    this.info = info;
    this.#spec = spec;
    this.#weights = weights;
    this.#adopt(inner);
  }

  /** What runs the model now. @returns {"webgpu" | "cpu"} */
  get backend() {
    return this.#inner.backend;
  }

  /** Milliseconds of one decode on each backend as measured for `auto`, and the GPU's name. */
  get measured() {
    return this.#inner.measured;
  }

  /** Length of one latent. @returns {number} */
  get latentSize() {
    return this.#inner.latentSize;
  }

  /**
   * The posterior of one image.
   * @param {Float32Array} pixels values in [0, 1]
   * @returns {Promise<{ mean: Float32Array, logVar: Float32Array }>}
   */
  encode(pixels) {
    return this.#ask((inner) => inner.encode(pixels));
  }

  /**
   * Images for latents, [N, C, H, W] in [0, 1].
   * @param {Float32Array} z
   * @returns {Promise<Float32Array>}
   */
  decode(z) {
    return this.#ask((inner) => inner.decode(z));
  }

  /**
   * z = μ + T·σ·ε. The noise is `epsilon` where given, otherwise that of `seed`.
   * @param {Float32Array} mean
   * @param {Float32Array} logVar log σ²
   * @param {{ seed?: number, epsilon?: Float32Array, temperature?: number }} [options]
   * @returns {Float32Array}
   */
  reparameterize(mean, logVar, { seed = 0, epsilon = this.noise({ seed }), temperature = 1 } = {}) {
    return this.#inner.reparameterize(mean, logVar, epsilon, temperature);
  }

  /**
   * Standard normal noise; equal seeds give equal numbers on every machine.
   * @param {{ seed?: number, count?: number }} [options]
   * @returns {Float32Array} `count` × `latentSize`
   */
  noise({ seed = 0, count = 1 } = {}) {
    return this.#inner.noise(seed, count);
  }

  /** Whether the model has a prior of its own beside N(0, I). @returns {boolean} */
  get hasLearnedPrior() {
    return this.#inner.hasLearnedPrior;
  }

  /**
   * Latents from the model's own prior, fitted to what its encoder gives, or from N(0, I).
   * @param {{ seed?: number, count?: number, temperature?: number, prior?: "learned" | "normal" }} [options]
   * @returns {Float32Array} `count` × `latentSize`
   */
  sample({ seed = 0, count = 1, temperature = 1, prior = "learned" } = {}) {
    return this.#inner.sample(seed, count, temperature, prior !== "normal");
  }

  /**
   * A latent on the way from `a` (t = 0) to `b` (t = 1).
   * @param {Float32Array} a
   * @param {Float32Array} b
   * @param {number} t
   * @param {{ mode?: "lerp" | "slerp" }} [options]
   * @returns {Float32Array}
   */
  interpolate(a, b, t, { mode = "lerp" } = {}) {
    return this.#inner.interpolate(a, b, t, mode);
  }

  /**
   * Decodes latents and draws them into a canvas, row by row, without reading anything back.
   * The canvas keeps its size; once used it belongs to the current backend.
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} z
   * @param {{ columns?: number }} [options]
   */
  present(canvas, z, { columns = 1 } = {}) {
    // While a lost device is being replaced there is nothing to draw with;
    // `onRebuilt` follows and asks for every picture again.
    if (!this.#lost) this.#inner.present(canvas, z, columns);
  }

  /**
   * Encodes an image, takes z = μ + T·σ·ε, decodes it and draws it at once; the promise brings the numbers later, in
   * nats: −log p(x | z), KL(q(z | x) ‖ p(z)) with the model's own prior (whatever T: one draw's estimate, with this ε,
   * where the prior is a mixture), log p(z), and the KL of each latent to N(0, 1).
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} pixels
   * @param {{ epsilon?: Float32Array, temperature?: number }} [options]
   * @returns {Promise<{ mean: Float32Array, logVar: Float32Array, z: Float32Array, image: Float32Array,
   *   reconstruction: number, kl: number, logPrior: number, klToStandardNormal: Float32Array }>}
   */
  reconstruct(canvas, pixels, { epsilon = this.noise(), temperature = 1 } = {}) {
    return this.#ask((inner) => inner.reconstruct(canvas, pixels, epsilon, temperature));
  }

  /**
   * The evidence lower bound of one image under the model's own prior, estimated with one sample, in nats. There is
   * none at a temperature other than 1: z would not come from q(z | x).
   * @param {Float32Array} pixels
   * @param {{ seed?: number }} [options]
   * @returns {Promise<{ elbo: number, reconstruction: number, kl: number, logPrior: number, klToStandardNormal: Float32Array }>}
   */
  async elbo(pixels, { seed = 0, temperature = 1 } = {}) {
    if (temperature !== 1) {
      throw new VaeletError("bad-input", "The ELBO is defined at temperature 1 only. Leave the temperature out, or ask reconstruct for the terms.");
    }
    this.#scratch ??= Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
    const epsilon = this.noise({ seed });
    const { reconstruction, kl, logPrior, klToStandardNormal } = await this.reconstruct(this.#scratch, pixels, { epsilon });
    return { elbo: -(reconstruction + kl), reconstruction, kl, logPrior, klToStandardNormal };
  }

  /**
   * What each layer of the encoder writes for one image, or of the decoder for one latent, first
   * layer first. Computed on the CPU, whatever runs the model: a GPU keeps these values to itself.
   * @param {"encoder" | "decoder"} part
   * @param {Float32Array} values pixels [C, H, W], or a latent
   * @returns {Promise<{ height: number, width: number, channels: number, values: Float32Array }[]>} values [H, W, C]
   */
  async activations(part, values) {
    const inner = this.backend === "cpu" ? this.#inner : await this.#onCpu();
    const trace = inner.activations(values, part === "decoder");
    const layers = [];
    for (let at = 0; at < trace.length; ) {
      const [height, width, channels] = trace.subarray(at, at + 3);
      const start = at + 3;
      at = start + height * width * channels;
      layers.push({ height, width, channels, values: trace.subarray(start, at) });
    }
    return layers;
  }

  /**
   * Moves the model to another backend without fetching it again; on failure it stays where it is.
   * The model can be used meanwhile.
   * @param {"auto" | "webgpu" | "cpu"} backend
   */
  async setBackend(backend) {
    const choice = ++this.#choice;
    const next = await createRuntime(this.#spec, this.#weights, backend);
    if (choice !== this.#choice) {
      next.free(); // another choice came after this one
      return;
    }
    this.#rebuilds = 0;
    this.#replace(next);
  }

  /** Gives memory and GPU resources back. The model cannot be used afterwards. */
  free() {
    this.onRebuilt = null;
    this.#choice += 1;
    this.#release(this.#inner);
    this.#beside?.then((inner) => inner.free(), () => {});
  }

  /** A runtime on the CPU beside the one on the GPU, built when first asked for and kept. */
  #onCpu() {
    this.#beside ??= createRuntime(this.#spec, this.#weights, "cpu").catch((error) => {
      this.#beside = undefined; // so that the next call starts afresh
      throw error;
    });
    return this.#beside;
  }

  async #ask(question) {
    if (this.#lost) throw lostError();
    const inner = this.#inner;
    const answer = question(inner);
    this.#pending.add(answer);
    try {
      return await answer;
    } catch (error) {
      // A runtime replaced in mid-answer fails in its own words; callers need one.
      throw this.#lost || inner !== this.#inner ? lostError() : error;
    } finally {
      this.#pending.delete(answer);
    }
  }

  #adopt(inner) {
    this.#inner = inner;
    this.#lost = false;
    this.#scratch = undefined;
    inner.onLost = (reason) => {
      if (inner === this.#inner) this.#recover(reason);
    };
  }

  async #recover(reason) {
    this.#lost = true;
    const lost = this.#inner;
    const choice = this.#choice;
    console.info(`vaelet: the GPU was lost (${reason}); rebuilding.`);
    let next;
    while (!next && this.#rebuilds < MAX_GPU_REBUILDS) {
      this.#rebuilds += 1;
      next = await createRuntime(this.#spec, this.#weights, "webgpu").catch(() => undefined);
    }
    next ??= await createRuntime(this.#spec, this.#weights, "cpu");
    if (this.#inner === lost && choice === this.#choice) this.#replace(next);
    else next.free(); // the reader chose another backend meanwhile, or nobody needs the model any more
  }

  #replace(next) {
    const previous = this.#inner;
    const staysOnCpu = previous.backend === "cpu" && next.backend === "cpu";
    this.#adopt(next);
    this.#release(previous);
    if (!staysOnCpu) this.onRebuilt?.(this);
  }

  async #release(inner) {
    inner.onLost = null;
    // The runtime is borrowed while it answers and must not be freed under a caller.
    await Promise.allSettled(this.#pending);
    inner.free();
  }
}

function lostError() {
  return new VaeletError("lost", "The GPU was lost while it was working; the model is being rebuilt.");
}
