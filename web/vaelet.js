/**
 * The JavaScript API of vaelet: fetch a model folder, run its encoder and
 * decoder on the reader's GPU or CPU. The arithmetic lives in the wasm module;
 * this file fetches, reports progress, turns every failure into a sentence a
 * person can act on, and rebuilds the runtime when the GPU goes away.
 */

/** How often a lost GPU is asked again before the CPU takes over for good. */
const MAX_GPU_REBUILDS = 2;

/** What is said of weights that are not worth keeping. */
const SPOILT = ["bad-model", "truncated", "hash-mismatch"];
/** Where weights are kept between visits (Cache Storage). */
const CACHE = "vaelet-weights";

/** An error with a machine-readable `code` and a sentence that says what to do. */
export class VaeletError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = "VaeletError";
    this.code = code;
  }
}

/** @type {Promise<any> | undefined} one wasm instance serves every model on a page */
let loading;
/** @type {any} */
let wasm;

/** Begins to fetch and compile the program, for pages that will load a model but cannot say yet which. */
export function prepare() {
  loadRuntime().catch(() => {}); // `loadModel` tells
  weightsCache();
}

/**
 * Loads a model folder: `model.json` and the weights it names.
 *
 * @param {string | URL} url folder, relative to the document
 * @param {object} [options]
 * @param {"auto" | "webgpu" | "cpu"} [options.backend] `auto` measures both and takes the faster
 * @param {(progress: { loaded: number, total: number }) => void} [options.onProgress] bytes of weights
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<Model>}
 * @throws {VaeletError}
 */
export async function loadModel(url, { backend = "auto", onProgress, signal } = {}) {
  const folder = new URL(`${String(url).replace(/\/+$/, "")}/`, document.baseURI);
  const runtime = loadRuntime();
  runtime.catch(() => {}); // reported below, unless the files fail first
  const { spec, info, weightsUrl } = await fetchSpec(folder, signal);
  const kept = weightsUrl.href + (info.weights.sha256 ? `?sha256=${info.weights.sha256}` : "");
  const weights = readKept(kept, info.weights.bytes, onProgress).then((bytes) => bytes ?? fetchWeights(weightsUrl, info.weights.bytes, onProgress, signal));
  weights.catch(() => {}); // reported below, unless the runtime fails first
  wasm = await runtime;
  let inner;
  try {
    inner = await createRuntime(spec, weights, backend);
  } catch (error) {
    if (SPOILT.includes(error.code)) await forget(weightsUrl); // so that the next attempt starts afresh
    throw error;
  }
  if (signal?.aborted) inner.free();
  signal?.throwIfAborted();
  keep(weightsUrl, kept, await weights);
  return new Model(info, spec, await weights, inner);
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
   * Encodes an image, takes z = μ + T·σ·ε, decodes it and draws it at once;
   * the promise brings the numbers later, in nats.
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} pixels
   * @param {{ epsilon?: Float32Array, temperature?: number }} [options]
   * @returns {Promise<{ mean: Float32Array, logVar: Float32Array, z: Float32Array, image: Float32Array,
   *   reconstruction: number, kl: number, klPerDimension: Float32Array }>}
   */
  reconstruct(canvas, pixels, { epsilon = this.noise(), temperature = 1 } = {}) {
    return this.#ask((inner) => inner.reconstruct(canvas, pixels, epsilon, temperature));
  }

  /**
   * The evidence lower bound of one image, estimated with one sample, in nats.
   * @param {Float32Array} pixels
   * @param {{ seed?: number, temperature?: number }} [options]
   * @returns {Promise<{ elbo: number, reconstruction: number, kl: number, klPerDimension: Float32Array }>}
   */
  async elbo(pixels, { seed = 0, temperature = 1 } = {}) {
    this.#scratch ??= Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
    const epsilon = this.noise({ seed });
    const { reconstruction, kl, klPerDimension } = await this.reconstruct(this.#scratch, pixels, { epsilon, temperature });
    return { elbo: -(reconstruction + kl), reconstruction, kl, klPerDimension };
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

function loadRuntime() {
  if (typeof WebAssembly === "undefined") {
    return Promise.reject(new VaeletError("unsupported", "This browser cannot run WebAssembly. Try a current Firefox, Chrome, Edge or Safari."));
  }
  loading ??= import("../vaelet-web.js")
    .then(async (module) => {
      await module.default();
      return module;
    })
    .catch((error) => {
      loading = undefined; // so that the next attempt starts afresh
      throw runtimeError(error);
    });
  return loading;
}

function runtimeError(error) {
  if (error instanceof WebAssembly.CompileError && !/magic|HTML/i.test(error.message)) {
    return new VaeletError("unsupported", "This browser is too old for the WebAssembly this page uses (SIMD). Try a current Firefox, Chrome, Edge or Safari.", { cause: error });
  }
  return new VaeletError("not-found", "The program itself (vaelet-web.js and vaelet-web_bg.wasm) could not be fetched. Check your connection, and that both files were published beside index.html.", { cause: error });
}

/** Ends with the last runtime that was built on the GPU. */
let gpuFree = Promise.resolve();

/** `weights` may be bytes or a promise of them: the GPU compiles while they download. */
async function createRuntime(spec, weights, backend) {
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

async function fetchFile(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw networkError(url, error);
  }
  if (!response.ok) {
    throw new VaeletError("not-found", `${url.pathname} could not be fetched (HTTP ${response.status}). Check that the model folder was published with the page.`);
  }
  return response;
}

function networkError(url, cause) {
  return new VaeletError("network", `The connection failed while fetching ${url.pathname}. Check it and try again.`, { cause });
}

async function fetchSpec(folder, signal) {
  const url = new URL("model.json", folder);
  const response = await fetchFile(url, signal);
  let spec;
  try {
    spec = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw networkError(url, error);
  }
  if (/^\s*</.test(spec)) {
    throw new VaeletError("bad-model", `${url.pathname} is a web page, not a model: the server answers missing files with its start page. Check the model's address.`);
  }
  let info;
  try {
    info = JSON.parse(spec);
  } catch (error) {
    throw new VaeletError("bad-model", `${url.pathname} is not valid JSON (${error.message}). Export the model again.`, { cause: error });
  }
  // What it takes to fetch the weights; everything else is checked where the model is built.
  const { file, bytes } = info?.weights ?? {};
  if (typeof file !== "string" || !file || !Number.isInteger(bytes)) {
    throw new VaeletError("bad-model", `${url.pathname} does not describe its weights: "weights" should hold the "file" and its "bytes". Export the model again.`);
  }
  // A model may only name files of its own folder.
  const weightsUrl = new URL(file, folder);
  if (!weightsUrl.href.startsWith(folder.href)) {
    throw new VaeletError("bad-model", `${url.pathname} names weights outside its folder ("${file}"). Put them beside model.json.`);
  }
  // Both readers see the same: names that stand twice are settled here.
  return { spec: JSON.stringify(info), info, weightsUrl };
}

/** @type {Promise<Cache> | undefined} opening takes a while */
let weightsOpened;

function weightsCache() {
  weightsOpened ??= Promise.resolve().then(() => caches.open(CACHE)); // rejects where there is none
  weightsOpened.catch(() => {});
  return weightsOpened;
}

/** Weights that a page has fetched before, by their hash; nothing where there are none or no cache. */
async function readKept(key, total, onProgress) {
  try {
    const response = await (await weightsCache()).match(key);
    if (!response) return undefined;
    const weights = new Uint8Array(await response.arrayBuffer());
    onProgress?.({ loaded: total, total });
    return weights;
  } catch {
    return undefined; // only secure pages have a cache, and some browsers forbid it
  }
}

/** Keeps weights, which the runtime has checked, instead of all other versions of that file. */
async function keep(url, key, weights) {
  try {
    const cache = await weightsCache();
    if (await cache.match(key)) return;
    await forget(url);
    await cache.put(key, new Response(weights));
  } catch {
    // A full disk is no reason to fail.
  }
}

async function forget(url) {
  try {
    await (await weightsCache()).delete(url.href, { ignoreSearch: true });
  } catch {
    // Nothing was kept.
  }
}

async function fetchWeights(url, total, onProgress, signal) {
  const response = await fetchFile(url, signal);
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    throw new VaeletError("not-found", `${url.pathname} is missing: the server answered with a web page. Publish the weights beside model.json.`);
  }
  const chunks = [];
  let loaded = 0;
  onProgress?.({ loaded, total });
  try {
    const reader = response.body.getReader();
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      chunks.push(value);
      loaded += value.length;
      onProgress?.({ loaded, total });
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw networkError(url, error);
  }
  if (loaded < total) {
    throw new VaeletError("truncated", `${url.pathname} ended after ${loaded} of ${total} bytes. Reload the page; if it happens again, publish the file again.`);
  }
  const weights = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    weights.set(chunk, offset);
    offset += chunk.length;
  }
  return weights;
}
