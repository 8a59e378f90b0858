/** Types of vaelet.js. Latents and images are flat `Float32Array`s; figures are in nats and milliseconds. */

export type Backend = "webgpu" | "cpu";
export type BackendChoice = Backend | "auto";

/**
 * What went wrong. `loadModel` can also reject with the reason of its `signal` (an `AbortError`, if none is given).
 *
 * - `bad-input`: an argument that cannot be used; the message names it
 * - `bad-model`: model.json or the weights are invalid
 * - `canvas`: a canvas without pixels, or one that something else draws into
 * - `cors`: the server answers, but does not allow other sites to read the answer
 * - `crashed`: the program crashed in the middle of a call, for example for lack of memory; the next call works again
 * - `damaged`: a compressed file is damaged, or none
 * - `freed`: the model has been freed
 * - `gpu`: the GPU has not enough memory for the model, or refuses its work
 * - `hash-mismatch`: the weights are not those that model.json names
 * - `insecure`: an http address in an https page
 * - `lost`: the GPU was lost while the model was moved to it
 * - `network`: the connection failed, or there is none
 * - `no-webgpu`: there is no GPU, or it does not answer
 * - `not-found`: the server has no such file, or answers with a web page instead
 * - `not-ready`: no model has been loaded yet
 * - `other-model`: a compressed file was made with another model
 * - `outdated`: the site was published again after its page was opened
 * - `oversized`: the weights have more bytes than model.json says
 * - `policy`: the Content-Security-Policy of the page forbids the address
 * - `stalled`: no data of a file arrived for 20 seconds
 * - `too-large`: more at once than fits into memory
 * - `truncated`: the weights are shorter than model.json says
 * - `unsupported`: the browser is too old
 * - `wrong-pictures`: GPU and CPU give different results, so the GPU is not used
 */
export type ErrorCode =
  | "bad-input"
  | "bad-model"
  | "canvas"
  | "cors"
  | "crashed"
  | "damaged"
  | "freed"
  | "gpu"
  | "hash-mismatch"
  | "insecure"
  | "lost"
  | "network"
  | "no-webgpu"
  | "not-found"
  | "not-ready"
  | "other-model"
  | "outdated"
  | "oversized"
  | "policy"
  | "stalled"
  | "too-large"
  | "truncated"
  | "unsupported"
  | "wrong-pictures";

/** Numbers: a `Float32Array`, or an array that is copied into one. */
export type Numbers = Float32Array | readonly number[];

/** An error with a machine-readable code and a sentence that says what to do. */
export class VaeletError extends Error {
  constructor(code: ErrorCode, message: string, options?: ErrorOptions);
  readonly code: ErrorCode;
}

export interface Progress {
  /** Bytes of weights loaded so far. */
  loaded: number;
  /** Total bytes, as model.json says. */
  total: number;
}

export interface LoadOptions {
  /** `auto` (the default) measures both and takes the faster. */
  backend?: BackendChoice;
  /** If it throws, the error is reported as one of the page (`reportError`), and loading continues. */
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** Starts to fetch and compile the program, for pages that will load a model but do not know yet which. */
export function prepare(): void;

/**
 * Loads a model's folder, by its address or that of its `model.json`, relative to the document; a query
 * is passed on to each of its files. Rejects with a `VaeletError`, or as the signal says.
 */
export function loadModel(url: string | URL, options?: LoadOptions): Promise<Model>;

/**
 * Normalises a drawing as MNIST does: crop, scale into 20×20, centre by mass in 28×28.
 * Grey ink in [0, 1], 1 is ink; `undefined` where there is none. Works once a model has been loaded.
 */
export function normalizeDrawing(pixels: Numbers, width: number, height: number): Float32Array | undefined;

/**
 * Strokes as an image of MNIST: scaled into 20×20, drawn with MNIST's pen, centred by mass in 28×28,
 * whatever their size and place. Strokes are lists of points [x, y], y downwards, in units of the
 * square that is drawn on; one point is a dot, and stays one. `under` are 28×28 pixels that fill the
 * square from 0 to 1. `undefined` where there is no point. Works once a model has been loaded; throws
 * `not-ready` before, and `bad-input` for what is no point.
 */
export function normalizeStrokes(
  strokes: ArrayLike<number>[][],
  options?: { under?: Numbers },
): Float32Array | undefined;

export interface Posterior {
  mean: Float32Array;
  /** log σ² */
  logVar: Float32Array;
}

export interface Cost {
  /**
   * −log p(x | z), in nats. Under a Bernoulli likelihood grey values are not outcomes; for them this is the mean over pixels that are
   * 1 with the grey value as probability, −Σ x ln y + (1 − x) ln(1 − y). Model cards measure on images sampled like that.
   */
  reconstruction: number;
  /**
   * KL(q(z | x) ‖ p(z)), in nats, p(z) the model's own prior. Where that is a mixture, for which there is no formula, an estimate from one
   * sample, log q(z | x) − log p(z) at z = μ + σ·ε, which can be below 0; where it is N(0, I), the KL itself. The
   * temperature does not change it.
   */
  kl: number;
  /** log p(z) of the decoded z, in nats. */
  logPrior: number;
  /** KL(q(z | x) ‖ N(0, 1)) of each latent, in nats, whatever the model's own prior. */
  klToStandardNormal: Float32Array;
}

export interface Reconstruction extends Posterior, Cost {
  z: Float32Array;
  /** [1, C, H, W] in [0, 1]. */
  image: Float32Array;
}

export interface Elbo extends Cost {
  /** −(reconstruction + kl), in nats. */
  elbo: number;
}

/** The output of one layer. */
export interface Activation {
  height: number;
  width: number;
  channels: number;
  /** [H, W, C] */
  values: Float32Array;
}

export interface Measured {
  /** Milliseconds of one decode; `null` where not measured or not available. */
  webgpu: number | null;
  cpu: number | null;
  adapter: string | null;
}

/** The parsed model.json: the fields that pages read. `crates/model/src/format` describes the rest. */
export interface ModelInfo {
  format: string;
  name: string;
  title: string;
  /**
   * What its pictures are called, and whether a reader can draw one. The default is
   * "picture" and "pictures", which cannot be drawn.
   */
  subject?: {
    one: string;
    many: string;
    /** The heading above samples; by default the plural with "that never existed". */
    unseen?: string;
    /** How a drawing becomes an input, "ink" if nobody can draw one; such pictures are shown as ink on paper. */
    drawing?: "mnist" | "ink";
  };
  /** Views of the page that open with this model where the reader names none. */
  first?: string[];
  input: { channels: number; height: number; width: number };
  /**
   * What the pictures stand for, where they are no plain pictures: spectra of sounds, a column for each frame of `window` samples
   * and a row for each mel band between `lowest` and `highest` hertz; from 0 to 1 are `range` decibels.
   */
  data?: { kind: "sound"; rate: number; window: number; hop: number; lowest: number; highest: number; range: number } | { kind: "sequence"; symbols: string[]; end: number; capitals?: boolean };
  /** What a conditional model is given beside z: one of these classes. */
  condition?: { name: string; classes: string[] };
  /** p(x | z): pixels are 0 or 1, or values with this standard deviation, or columns are one of so many symbols. */
  likelihood: { kind: "bernoulli" } | { kind: "gaussian"; sigma: number } | { kind: "categorical"; symbols: number };
  /** `precision` is the widest type in the file; "i8" and "f16" say that a GPU may keep all of it as f16. */
  weights: { file: string; bytes: number; sha256: string; precision?: "i8" | "f16" | "f32" };
  /** Images to start from, [C, H, W] in 0–255. */
  examples?: { label: string; pixels: number[] }[];
  licence: string;
  credit: string;
  [field: string]: unknown;
}

/** What is known of a picture: docs/uses.md says what each number means, and when not to trust it. */
export interface Score {
  /** Distance from the model's own pictures; about 3 for one of them. */
  score: number;
  /** How many of a hundred of the model's own test images have a lower score. */
  percentile: number;
  /** How many of a hundred of them have a less strange strangest place: from 95 on one place of the picture is unlike them, as damages are. */
  placePercentile: number;
  /** An estimate of −log p(x), in nats. It is low for what is easy to draw, so it is no score by itself. */
  negLogLikelihood: number;
  /** Where the picture is strange: nats by which what is around a pixel is less usual than the strangest place of half of all test images, [H, W]. */
  map: Float32Array;
}

/** Explanations of an observation: the most likely one, then draws from the posterior. */
export interface Explanations {
  /** [N, latent] */
  z: Float32Array;
  /** [N, C, H, W] in [0, 1] */
  images: Float32Array;
  /** log p(observation | z) of each, in nats. */
  logLikelihood: Float64Array;
  /** log p(z) of each, in nats. */
  logPrior: Float64Array;
}

export interface UseOptions {
  signal?: AbortSignal;
}

export interface InferOptions extends UseOptions {
  /** How many explanations, 1 to 256. */
  count?: number;
  /** Of everything random; the same seed and steps give the same bits. */
  seed?: number;
  /** Steps of gradient, 40 by default. */
  steps?: number;
  /** Langevin steps by which the others become draws, 60 by default. */
  walk?: number;
  /** Stops after so many milliseconds, with what has been found. */
  milliseconds?: number;
}

export interface Compressed {
  file: Uint8Array;
  /** Bits of the message after each picture, without the 25 bytes around it. */
  bits: number[];
  /** Of them, those that the first pictures had to borrow. */
  borrowedBits: number;
}

/** For conditional models. */
export interface Given {
  /** The class of all items, or of each, as a place in `info.condition.classes`; by default that of `model.given`, or 0. */
  classes?: number | ArrayLike<number>;
}

/** For models of texts whose decoder reads the symbols that it has written. */
export interface Written {
  /** The symbols of each text so far, T for each item, as places in `info.data.symbols`; a number beyond these is no symbol. */
  written?: ArrayLike<number>;
  /** How all texts begin; the rest is written to it. */
  begins?: string;
}

export class Model {
  private constructor();

  readonly info: ModelInfo;
  readonly backend: Backend;
  readonly measured: Measured;
  /** `recovering` while a lost GPU is requested again; the model runs on the CPU meanwhile. */
  readonly state: "running" | "recovering" | "freed";
  /** Why the model does not run on the requested GPU, in a sentence; `null` if it does, or if none was requested. */
  readonly reason: string | null;
  /** Length of one latent. */
  readonly latentSize: number;

  /** Called after the model moved to the GPU, to another GPU, or to the CPU: canvases must be replaced. */
  onRebuilt: ((model: Model) => void) | null;

  /** The class of a conditional model where a call names none, as a place in `info.condition.classes`; `null` in others. */
  readonly classIndex: number | null;
  /**
   * The same conditional model with another class where a call names none, as a place in
   * `info.condition.classes`; a loaded model has 0. They share everything else, and `free` frees both.
   */
  given(classIndex: number): Model;
  /** The posteriors of images [N, C, H, W] with values in [0, 1]. */
  encode(pixels: Numbers, options?: Given): Promise<Posterior>;
  /** Images for latents, [N, C, H, W] in [0, 1]. */
  decode(z: Numbers, options?: Given & Written): Promise<Float32Array>;
  /** z = μ + T·σ·ε of any number of posteriors; `epsilon`, of the same length, overrides `seed`. */
  reparameterize(
    mean: Numbers,
    logVar: Numbers,
    options?: { seed?: number; epsilon?: Numbers; temperature?: number },
  ): Float32Array;
  /** `count` × `latentSize` standard normals, from vector number `first` (0) on; equal seeds give equal numbers on every device. */
  noise(options?: { seed?: number; first?: number; count?: number }): Float32Array;
  /** Whether the model has a prior of its own beside N(0, I). */
  readonly hasLearnedPrior: boolean;
  /**
   * `count` × `latentSize` latents from the model's own prior (the default) or from N(0, I). `first` is the
   * number of the first one; those before it are skipped at no cost.
   */
  sample(options?: {
    seed?: number;
    first?: number;
    count?: number;
    temperature?: number;
    prior?: "learned" | "normal";
  }): Float32Array;
  /** A latent between `a` (t = 0) and `b` (t = 1). */
  interpolate(a: Numbers, b: Numbers, t: number, options?: { mode?: "lerp" | "slerp" }): Float32Array;
  /**
   * Decodes latents and draws them row by row, without read-back. One picture is drawn when this returns, unless the
   * CPU has worked for some milliseconds of this task of the page already; then in the next. Many take several tasks on
   * the CPU, and newer ones for the same canvas take their place; the promise says whether all were drawn. A canvas
   * once used belongs to its backend.
   */
  present(canvas: HTMLCanvasElement, z: Numbers, options?: Given & { columns?: number }): Promise<boolean>;
  /** Encode, sample, decode and draw one image at once; the promise brings the numbers later. */
  reconstruct(
    canvas: HTMLCanvasElement,
    pixels: Numbers,
    options?: Given & { seed?: number; epsilon?: Numbers; temperature?: number },
  ): Promise<Reconstruction>;
  /**
   * The evidence lower bound of one image under the model's own prior, estimated with one sample. It is defined at
   * temperature 1 only: at another z does not come from q(z | x).
   */
  elbo(pixels: Numbers, options?: Given & { seed?: number }): Promise<Elbo>;
  /**
   * The output of each layer of the encoder for one image [C, H, W], or of the decoder for one latent,
   * in the order of the layers. Always computed on the CPU.
   */
  activations(part: "encoder" | "decoder", values: Numbers, options?: Given): Promise<Activation[]>;
  /*
   * Uses of the model. Their code is fetched when first used and works in a worker, on the CPU whatever runs the model;
   * a page of another origin than these modules works in slices instead. Models with a condition have no uses.
   */

  /** Fetches what `speak` and `listen` need, so that the first sound comes at once. Rejects where the pictures are no sounds. */
  prepareSound(): Promise<void>;
  /**
   * The sound of one latent's picture, in a model whose `info.data.kind` is "sound": samples in [−1, 1], and how many there are in a
   * second. The phases, which a picture does not have, are found by Griffin and Lim's method.
   */
  speak(z: Numbers): Promise<{ samples: Float32Array; rate: number }>;
  /**
   * The picture [1, H, W] of a sound of `rate` samples in a second (1,000 to 384,000), without the silence at its ends, as
   * `encode` takes it. Rejects with "bad-input" for silence, and for more than 60 seconds.
   */
  listen(samples: Numbers, options: { rate: number }): Promise<Float32Array>;

  /**
   * What latents spell, in a model whose `info.data.kind` is "sequence": one text for each. `decode` gives the logits
   * [N, V, 1, T] of such a model, V symbols at T places. A text that `begins` with something is written on from there, by a
   * decoder that reads what it has written.
   */
  spell(z: Numbers, options?: Given & Written): Promise<string[]>;
  /**
   * A text as one-hot values [V, 1, T], as `encode` takes it. Rejects with "bad-input" for an empty text, one that is too
   * long, and letters that the model does not have; the message says which.
   */
  parse(text: string): Promise<Float32Array>;

  /** Fetches the code and makes what inference begins with, so that the first answer comes sooner. */
  prepareUses(options?: UseOptions): Promise<void>;
  /** Whether a picture [C, H, W] is one of those that the model knows, by `calibration.json` beside its weights. */
  score(x: Numbers, options?: UseOptions): Promise<Score>;
  /**
   * The posterior of z given an observation of a picture, [C, H / scale, W / scale]. `observed` has a number for each
   * pixel, 0 where it was not seen; `noise` is the standard deviation of Gaussian noise (white is 1), and values may
   * then lie beyond [0, 1]; `specks` is the share of values that were replaced by 0 or 1, salt and pepper; `jpeg` is the quality, 1 to 100,
   * with which a whole picture was saved as JPEG; each value is
   * the mean of `scale` × `scale` pixels.
   */
  infer(
    x: Numbers,
    options?: InferOptions & { observed?: ArrayLike<number | boolean>; noise?: number; specks?: number; jpeg?: number; scale?: number },
  ): Promise<Explanations>;
  /**
   * A picture [C, H, W] without its Gaussian noise of this standard deviation, without this share of `specks`, or without
   * what saving it as JPEG of this quality did to it.
   */
  clean(x: Numbers, options: InferOptions & ({ noise: number } | { specks: number } | { jpeg: number })): Promise<Float32Array>;
  /**
   * Completions of a picture [C, H, W], 4 by default: what `mask` [H, W] marks with 0 is hidden, all else stays bit by bit.
   */
  complete(x: Numbers, mask: ArrayLike<number | boolean>, options?: InferOptions): Promise<Explanations>;
  /** Pictures whose means of `scale` × `scale` pixels (4 by default) are those of `x`, [C, H / scale, W / scale]. */
  enlarge(x: Numbers, options?: InferOptions & { scale?: number }): Promise<Explanations>;
  /**
   * Pictures [N, C, H, W] in a file. Without `bytes` they come back bit by bit: for models of black and white pictures
   * (a Bernoulli likelihood), and values 0 and 1. With `bytes`, 4 to 1024, each becomes its latent in so many bytes.
   */
  compress(xs: Numbers, options?: UseOptions & { bytes?: number; onProgress?: (done: number) => void }): Promise<Compressed>;
  /** The pictures of a file; `onPicture` gets those of a lossless one as they come, the last one first. */
  decompress(
    file: Uint8Array | ArrayBuffer,
    options?: UseOptions & { onPicture?: (picture: Float32Array) => void },
  ): Promise<Float32Array[]>;
  /**
   * Groups latents [N, latent] by who is near whom, in `groups` (10) groups; or, where some are `known`, as pairs of
   * the number of a latent and that of its name, names all others too. A few thousand work best. With `size`, numbers of
   * each, they may be anything else.
   */
  group(
    latents: Numbers,
    options?: UseOptions & { groups?: number; seed?: number; known?: [number, number][]; size?: number },
  ): Promise<{ names: Uint32Array; shares: Float32Array | null }>;

  /** Moves the model to another backend without fetching it again. If that fails the model runs on the CPU, and the promise rejects. */
  setBackend(backend: BackendChoice): Promise<void>;
  /** Gives memory and GPU resources back; every later call fails with `freed`. */
  free(): void;
}
