/**
 * A model as its callers have it: checked arguments, plain numbers. What it runs on is
 * `backend.js`'s to say.
 */

import { callback, checkRoom, drawable, finite, numbers, optionsOf, refused, whole, word } from "./arguments.js";
import { Backend } from "./backend.js";
import { VaeletError } from "./errors.js";
import { folderAt, openFolder, weightsCache } from "./files.js";
import { loadProgram, readModel } from "./program.js";

/** @type {("auto" | "webgpu" | "cpu")[]} */
const BACKENDS = ["auto", "webgpu", "cpu"];
/** What is said of weights that are not those of model.json: the browser's copy may be of an older version. */
const STALE = ["truncated", "oversized", "hash-mismatch"];
/** Only `loadModel` makes models. */
const KEY = Symbol("loadModel");

/** Begins to fetch and compile the program, for pages that will load a model but cannot say yet which. */
export function prepare() {
  loadProgram().catch(() => {}); // `loadModel` tells
  weightsCache();
}

/**
 * Loads a model folder: `model.json` and the weights it names.
 *
 * @param {string | URL} url of the folder or of its model.json, relative to the document
 * @param {object} [options]
 * @param {"auto" | "webgpu" | "cpu"} [options.backend] `auto` measures both and takes the faster
 * @param {(progress: { loaded: number, total: number }) => void} [options.onProgress] bytes of weights; what it throws
 *   is reported as an error of the page, and loading goes on
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<Model>}
 * @throws {VaeletError}
 */
export async function loadModel(url, options) {
  const { backend, onProgress, signal } = optionsOf(options);
  const wish = word("backend", backend, BACKENDS);
  const listener = callback("onProgress", onProgress);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refused("signal has to be an AbortSignal");
  const folder = addressOf(url);
  signal?.throwIfAborted();
  loadProgram().catch(() => {}); // reported below, unless the files fail first
  const files = await openFolder(folder, { onProgress: listener, signal });
  let weights = files.weights();
  weights.catch(() => {}); // reported below, unless the program fails first
  const program = await loadProgram(files.info);
  let model;
  try {
    model = await readModel(program, files.spec, weights, signal);
  } catch (error) {
    if (!STALE.includes(error.code)) throw error;
    weights = files.freshWeights();
    model = await readModel(program, files.spec, weights, signal);
  }
  const ready = modelOn(files, model);
  try {
    await ready.setBackend(wish);
    signal?.throwIfAborted();
  } catch (error) {
    ready.free();
    throw error;
  }
  files.keep(await weights);
  return ready;
}

/**
 * A model that runs on the CPU until it is asked to move.
 * @param {any} files of its folder @param {object} raw the program's model
 */
function modelOn(files, raw) {
  const { input, latents, condition, likelihood } = files.info;
  const image = input.channels * input.height * input.width;
  const latent = latents.reduce((sum, { size }) => sum + size, 0);
  const sizes = { image, latent, classes: condition?.classes.length ?? 0, isText: likelihood.kind === "categorical" };
  const backend = new Backend(raw, sizes);
  const model = new Model(KEY, { files, sizes, backend, uses: null });
  backend.onMoved = () => {
    if (model.onRebuilt) tell(model.onRebuilt, model);
  };
  return model;
}

/** @param {unknown} url */
function addressOf(url) {
  if (typeof url !== "string" && !(url instanceof URL)) throw refused("The first argument has to be the address of a model's folder");
  return folderAt(url);
}

/** What a host's function throws is the host's, and no failure of the model. */
function tell(listener, ...values) {
  try {
    listener(...values);
  } catch (error) {
    reportError(error);
  }
}

/** A loaded model. Latents are `Float32Array`s, several of them one after the other. */
export class Model {
  /** Called with this model after it moved to the GPU, to another, or off it: canvases must be fresh ones. @type {((model: Model) => void) | null} */
  onRebuilt = null;

  #backend;
  /** Numbers of an image and of a latent, the classes of the condition, and whether items are texts. */
  #sizes;
  /**
   * What a model has in common with those of `given`: its files, what runs it, and the code of its uses, once one was asked for.
   * @type {{ files: any, sizes: { image: number, latent: number, classes: number, isText: boolean }, backend: Backend, uses: Promise<import("./uses.js").Uses> | null, sounds?: Promise<import("./sound.js").Sounds> | null, texts?: Promise<import("./texts.js").Texts> | null }}
   */
  #shared;
  #class;

  /** Use `loadModel`. */
  constructor(key, shared, classIndex = 0) {
    if (key !== KEY) throw refused("Use loadModel to make a model");
    /** The parsed model.json. */
    this.info = shared.files.info;
    this.#shared = shared;
    this.#sizes = shared.sizes;
    this.#backend = shared.backend;
    this.#class = classIndex;
  }

  /** What runs the model now. @returns {"webgpu" | "cpu"} */
  get backend() {
    return this.#backend.name;
  }

  /** "recovering" while a lost GPU is asked for again and the CPU works. @returns {"running" | "recovering" | "freed"} */
  get state() {
    return this.#backend.state;
  }

  /** Milliseconds of one decode on each backend as measured for `auto`, and the GPU's name. */
  get measured() {
    return this.#backend.measured;
  }

  /** Why the model does not run on the GPU that was wished for, in a sentence. @returns {string | null} */
  get reason() {
    return this.#backend.reason;
  }

  /** Length of one latent. @returns {number} */
  get latentSize() {
    return this.#sizes.latent;
  }

  /** The class where a call names none: its place in `info.condition.classes`; null in a model without a condition. @returns {number | null} */
  get classIndex() {
    return this.#sizes.classes > 0 ? this.#class : null;
  }

  /**
   * The same model, with another class where a call names none; the first model has class 0. They share everything else, and
   * `free` gives both back.
   * @param {number} classIndex place in `info.condition.classes`
   * @returns {Model}
   */
  given(classIndex) {
    const [chosen] = this.#classesOf({ classes: classIndex }, 1) ?? [];
    return new Model(KEY, this.#shared, chosen);
  }

  /**
   * The posteriors of images.
   * @param {Float32Array} pixels values in [0, 1]
   * @param {{ classes?: number | ArrayLike<number> }} [options] the class of all images or of each, in a model with a condition
   * @returns {Promise<{ mean: Float32Array, logVar: Float32Array }>}
   */
  async encode(pixels, options) {
    const images = this.#images("pixels", pixels);
    const classes = this.#classesOf(options, images.length / this.#sizes.image);
    const posterior = await this.#backend.run((runtime) => runtime.encode(images, classes));
    const half = posterior.length / 2;
    return { mean: posterior.slice(0, half), logVar: posterior.slice(half) };
  }

  /**
   * Images for latents, [N, C, H, W] in [0, 1].
   * @param {Float32Array} z
   * @param {{ classes?: number | ArrayLike<number>, written?: ArrayLike<number>, begins?: string }} [options] classes as of `encode`; the others of texts only, see `Texts.decode`
   * @returns {Promise<Float32Array>}
   */
  async decode(z, options) {
    const latents = this.#latents("z", z);
    const classes = this.#classesOf(options, latents.length / this.latentSize);
    const run = (...given) => this.#backend.run((runtime) => runtime.decode(...given));
    return this.#sizes.isText ? this.#later("texts", "decode", [run, latents, classes, options]) : run(latents, classes);
  }

  /**
   * z = μ + T·σ·ε, of any number of posteriors. The noise is `epsilon` where given, otherwise that of `seed`.
   * @param {Float32Array} mean
   * @param {Float32Array} logVar log σ²
   * @param {{ seed?: number, epsilon?: Float32Array, temperature?: number }} [options]
   * @returns {Float32Array}
   */
  reparameterize(mean, logVar, options) {
    const means = this.#latents("mean", mean);
    const count = means.length / this.latentSize;
    const logVars = this.#latents("logVar", logVar, count);
    const [epsilon, temperature] = this.#noiseOf(options, count);
    return this.#backend.ask((model) => model.reparameterize(means, logVars, epsilon, temperature));
  }

  /**
   * Standard normal noise; equal seeds give equal numbers on every machine.
   * @param {{ seed?: number, first?: number, count?: number }} [options] vectors from number `first` on
   * @returns {Float32Array} `count` × `latentSize`
   */
  noise(options) {
    const range = this.#range(options);
    return this.#backend.ask((model) => model.noise(...range));
  }

  /** Whether the model has a prior of its own beside N(0, I). @returns {boolean} */
  get hasLearnedPrior() {
    return this.info.latents.some(({ prior }) => prior?.kind === "mixture");
  }

  /**
   * Latents from the model's own prior, fitted to what its encoder gives, or from N(0, I).
   * @param {{ seed?: number, first?: number, count?: number, temperature?: number, prior?: "learned" | "normal" }} [options]
   *   latents from number `first` on, which costs no more than from 0 on
   * @returns {Float32Array} `count` × `latentSize`
   */
  sample(options) {
    const { temperature, prior } = optionsOf(options);
    const range = this.#range(options);
    const scale = finite("temperature", temperature, 1, 0);
    const learned = word("prior", prior, ["learned", "normal"]) === "learned";
    return this.#backend.ask((model) => model.sample(...range, scale, learned));
  }

  /**
   * A latent on the way from `a` (t = 0) to `b` (t = 1).
   * @param {Float32Array} a
   * @param {Float32Array} b
   * @param {number} t
   * @param {{ mode?: "lerp" | "slerp" }} [options]
   * @returns {Float32Array}
   */
  interpolate(a, b, t, options) {
    const ends = [this.#latents("a", a, 1), this.#latents("b", b, 1)];
    const part = finite("t", t);
    const arc = word("mode", optionsOf(options).mode, ["lerp", "slerp"]) === "slerp";
    return this.#backend.ask((model) => model.interpolate(...ends, part, arc));
  }

  /**
   * Decodes latents and draws them into a canvas, row by row, without reading anything back. One
   * picture is drawn when this returns, unless the CPU has worked for some milliseconds of this task
   * of the page already; many may take several tasks, and newer ones for the same canvas take their place. The canvas keeps its size; once used it
   * belongs to the current backend.
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} z
   * @param {{ columns?: number, classes?: number | ArrayLike<number> }} [options] classes as of `encode`
   * @returns {Promise<boolean>} whether all of it was drawn
   */
  async present(canvas, z, options) {
    const latents = this.#latents("z", z);
    const columns = whole("columns", optionsOf(options).columns, 1, 1, 2 ** 16);
    const classes = this.#classesOf(options, latents.length / this.latentSize);
    return this.#backend.present(drawable(canvas), latents, columns, classes);
  }

  /**
   * Encodes an image, takes z = μ + T·σ·ε, decodes it and draws it at once; the promise brings the numbers later, in
   * nats: −log p(x | z), KL(q(z | x) ‖ p(z)) with the model's own prior (whatever T: one draw's estimate, with this ε,
   * where the prior is a mixture), log p(z), and the KL of each latent to N(0, 1).
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} pixels
   * @param {{ seed?: number, epsilon?: Float32Array, temperature?: number, classes?: number | ArrayLike<number> }} [options]
   *   classes as of `encode`
   * @returns {Promise<{ mean: Float32Array, logVar: Float32Array, z: Float32Array, image: Float32Array,
   *   reconstruction: number, kl: number, logPrior: number, klToStandardNormal: Float32Array }>}
   */
  async reconstruct(canvas, pixels, options) {
    const image = this.#images("pixels", pixels, 1);
    const noise = this.#noiseOf(options, 1);
    const classes = this.#classesOf(options, 1);
    drawable(canvas);
    // p(x | z) of a text is each symbol's, given the right ones before it.
    const written = this.#sizes.isText && (await this.#later("texts", "symbols", [image]));
    const answer = await this.#backend.run((runtime, draws) => runtime.reconstruct(draws ? canvas : null, image, ...noise, classes, written));
    const size = this.latentSize;
    const [mean, logVar, z, y] = [answer.slice(0, size), answer.slice(size, 2 * size), answer.slice(2 * size, 3 * size), answer.slice(3 * size)];
    const [reconstruction, kl, logPrior, ...nats] = this.#backend.ask((model) => model.cost(image, y, mean, logVar, noise[0], z));
    return { mean, logVar, z, image: y, reconstruction, kl, logPrior, klToStandardNormal: Float32Array.from(nats) };
  }

  /**
   * The evidence lower bound of one image under the model's own prior, estimated with one sample, in nats. There is
   * none at a temperature other than 1: z would not come from q(z | x).
   * @param {Float32Array} pixels
   * @param {{ seed?: number, classes?: number | ArrayLike<number> }} [options] classes as of `encode`
   * @returns {Promise<{ elbo: number, reconstruction: number, kl: number, logPrior: number, klToStandardNormal: Float32Array }>}
   */
  async elbo(pixels, options) {
    const { seed, temperature = 1, classes } = optionsOf(options);
    if (temperature !== 1) throw refused("The ELBO is defined at temperature 1 only; ask reconstruct for its terms");
    const unseen = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
    const { reconstruction, kl, logPrior, klToStandardNormal } = await this.reconstruct(unseen, pixels, { seed, classes });
    return { elbo: -(reconstruction + kl), reconstruction, kl, logPrior, klToStandardNormal };
  }

  /**
   * What each layer of the encoder writes for one image, or of the decoder for one latent, first
   * layer first. Computed on the CPU, whatever runs the model: a GPU keeps these values to itself.
   * @param {"encoder" | "decoder"} part
   * @param {Float32Array} values pixels [C, H, W], or a latent
   * @param {{ classes?: number | ArrayLike<number> }} [options] as of `decode`
   * @returns {Promise<{ height: number, width: number, channels: number, values: Float32Array }[]>} values [H, W, C]
   */
  async activations(part, values, options) {
    if (part === undefined) throw refused('part has to be "encoder" or "decoder"');
    const decoder = word("part", part, ["encoder", "decoder"]) === "decoder";
    const input = decoder ? this.#latents("values", values, 1) : this.#images("values", values, 1);
    const trace = await this.#backend.activations(input, decoder, this.#classesOf(options, 1));
    const layers = [];
    for (let at = 0; at < trace.length; ) {
      const [height, width, channels] = trace.subarray(at, at + 3);
      const start = at + 3;
      at = start + height * width * channels;
      layers.push({ height, width, channels, values: trace.subarray(start, at) });
    }
    return layers;
  }

  /** Scoring, completing, compressing and other uses, in a worker: `vaelet.d.ts` describes each. */
  score = (...args) => this.#later("uses", "score", args);
  infer = (...args) => this.#later("uses", "infer", args);
  clean = (...args) => this.#later("uses", "clean", args);
  complete = (...args) => this.#later("uses", "complete", args);
  enlarge = (...args) => this.#later("uses", "enlarge", args);
  compress = (...args) => this.#later("uses", "compress", args);
  decompress = (...args) => this.#later("uses", "decompress", args);
  group = (...args) => this.#later("uses", "group", args);
  prepareUses = (...args) => this.#later("uses", "prepare", args);

  /** Pictures that are sounds: heard, and made of a sound. `vaelet.d.ts` describes each. */
  speak = (...args) => this.#later("sounds", "speak", args);
  listen = (...args) => this.#later("sounds", "listen", args);
  prepareSound = (...args) => this.#later("sounds", "prepareSound", args);

  /** Texts: what latents spell, and a text as values. `vaelet.d.ts` describes each. */
  spell = (...args) => this.#later("texts", "spell", [this, ...args]);
  parse = (...args) => this.#later("texts", "parse", args);

  /** Calls what is fetched when it is first used. @param {"uses" | "sounds" | "texts"} what @param {string} name @param {any[]} args */
  async #later(what, name, args) {
    this.#backend.check();
    const shared = this.#shared;
    const fetchers = {
      uses: () => import("./uses.js").then(({ Uses }) => new Uses(shared.files, this.latentSize)),
      texts: () => import("./texts.js").then(({ Texts }) => new Texts(this.info)),
      sounds: () => import("./sound.js").then(({ Sounds }) => new Sounds(this.info, (z) => this.decode(z))),
    };
    shared[what] ??= /** @type {Promise<any>} */ (fetchers[what]()).catch((cause) => {
      shared[what] = null; // so that the next call tries again
      throw new VaeletError("network", "The code for this could not be loaded. Reload the page to try again.", { cause });
    });
    return (await shared[what])[name](...args);
  }

  /**
   * Moves the model to another backend without fetching it again; on failure it runs on the CPU.
   * The model can be used meanwhile.
   * @param {"auto" | "webgpu" | "cpu"} backend
   */
  async setBackend(backend) {
    if (backend === undefined) throw refused('backend has to be "auto", "webgpu" or "cpu"');
    const wish = word("backend", backend, BACKENDS);
    await this.#backend.ready();
    return this.#backend.choose(wish);
  }

  /** Gives memory and GPU resources back. The model cannot be used afterwards. */
  free() {
    this.onRebuilt = null;
    for (const part of [this.#shared.uses, this.#shared.sounds]) part?.then((one) => one.free(), () => {});
    this.#backend.free();
  }

  #latents(name, values, count) {
    return this.#items(name, values, this.#sizes.latent, { count });
  }

  #images(name, values, count) {
    return this.#items(name, values, this.#sizes.image, { count, picture: true });
  }

  #items(name, values, size, options) {
    const floats = numbers(name, values, size, options);
    checkRoom(floats.length / size, Math.max(this.#sizes.image, 2 * this.#sizes.latent));
    return floats;
  }

  /** The class of each of so many items; null in a model without a condition. @returns {Uint32Array | null} */
  #classesOf(options, count) {
    const given = optionsOf(options).classes;
    const { classes } = this.#sizes;
    if (classes === 0) {
      if (given !== undefined) throw refused("This model has no condition, so it takes no classes");
      return null;
    }
    const list = typeof given === "object" && given !== null ? Array.from(given) : Array(count).fill(given ?? this.#class);
    if (list.length !== count) throw refused(`classes has ${list.length} numbers instead of ${count}, one for each item`);
    return Uint32Array.from(list, (value) => whole("classes", value, NaN, 0, classes - 1));
  }

  /** Seed, first and count of vectors. @returns {[number, number, number]} */
  #range(options) {
    const { seed, first, count } = optionsOf(options);
    const length = whole("count", count, 1, 1);
    checkRoom(length, this.latentSize);
    return [whole("seed", seed, 0, 0), whole("first", first, 0, 0, 2 ** 24), length];
  }

  /** Noise for so many latents, and temperature. @returns {[Float32Array, number]} */
  #noiseOf(options, count) {
    const { seed = 0, epsilon, temperature } = optionsOf(options);
    const noise = epsilon === undefined ? this.noise({ seed, count }) : this.#latents("epsilon", epsilon, count);
    return [noise, finite("temperature", temperature, 1, 0)];
  }
}
