/** Types of vaelet.js. Latents and images are flat `Float32Array`s; figures are in nats and milliseconds. */

export type Backend = "webgpu" | "cpu";
export type BackendChoice = Backend | "auto";

export type ErrorCode =
  /** The server answers that there is no such file, or with a web page instead of weights. */
  | "not-found"
  /** The connection failed, or there is none. */
  | "network"
  /** Nothing of a file came for 20 seconds. */
  | "stalled"
  /** The server answers, but does not let other sites' pages read it. */
  | "cors"
  /** The Content-Security-Policy of the page forbids the address. */
  | "policy"
  /** An address of http in a page of https. */
  | "insecure"
  /** The weights have more bytes than model.json says. */
  | "oversized"
  /** The site was published again after its page was opened. */
  | "outdated"
  | "bad-model"
  | "truncated"
  | "hash-mismatch"
  | "no-webgpu"
  | "unsupported"
  | "not-ready"
  | "lost"
  | (string & {});

/** An error with a machine-readable code and a sentence that says what to do. */
export class VaeletError extends Error {
  constructor(code: ErrorCode, message: string, options?: ErrorOptions);
  readonly code: ErrorCode;
}

export interface Progress {
  /** Bytes of weights so far. */
  loaded: number;
  /** Bytes in all, as model.json says. */
  total: number;
}

export interface LoadOptions {
  /** `auto` (the default) measures both and takes the faster. */
  backend?: BackendChoice;
  /** What it throws is reported as an uncaught error, and the model loads all the same. */
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** Begins to fetch and compile the program, for pages that will load a model but cannot say yet which. */
export function prepare(): void;

/**
 * Loads a model's folder, by its address or that of its `model.json`, relative to the document; a query
 * is passed on to each of its files. Rejects with a `VaeletError`.
 */
export function loadModel(url: string | URL, options?: LoadOptions): Promise<Model>;

/**
 * Brings a drawing into the form of MNIST: crop, scale into 20×20, centre by mass in 28×28.
 * Grey ink in [0, 1], 1 is ink; `undefined` where there is none. Works once a model has been loaded.
 */
export function normalizeDrawing(pixels: Float32Array, width: number, height: number): Float32Array | undefined;

/**
 * Strokes as an image of MNIST: scaled into 20×20, drawn with MNIST's pen, centred by mass in 28×28,
 * whatever their size and place. Strokes are lists of points [x, y], y downwards, in units of the
 * square that is drawn on; one point is a dot, and stays one. `under` are 28×28 pixels that fill the
 * square from 0 to 1. `undefined` where there is no point. Works once a model has been loaded; throws
 * `not-ready` before, and `bad-input` for what is no point.
 */
export function normalizeStrokes(
  strokes: ArrayLike<number>[][],
  options?: { under?: Float32Array },
): Float32Array | undefined;

export interface Posterior {
  mean: Float32Array;
  /** log σ² */
  logVar: Float32Array;
}

export interface Cost {
  /**
   * −log p(x | z), in nats. Under a Bernoulli grey values are no outcomes: for them it is the mean over pixels drawn as
   * 1 with the grey value as probability, −Σ x ln y + (1 − x) ln(1 − y). Cards measure on images drawn like that.
   */
  reconstruction: number;
  /**
   * KL(q(z | x) ‖ p(z)), in nats, p(z) the model's own prior. Where that is a mixture, which has no formula, one draw's
   * estimate, log q(z | x) − log p(z) at z = μ + σ·ε, which can be below 0; where it is N(0, I), the KL itself. The
   * temperature does not change it.
   */
  kl: number;
  /** log p(z) of the z that was decoded, in nats. */
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

/** What one layer writes. */
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

/** The parsed model.json: the fields that pages read. DESIGN.md describes the rest. */
export interface ModelInfo {
  format: string;
  name: string;
  title: string;
  /**
   * What its pictures are called, and whether a reader can draw one. Files without it are of a
   * "picture" and "pictures" that nobody can draw.
   */
  subject?: {
    one: string;
    many: string;
    /** The line above a wall of samples; without it the plural with "that never existed". */
    unseen?: string;
    /** How a drawing becomes an input; such pictures are shown as ink on paper. */
    drawing?: "mnist";
  };
  input: { channels: number; height: number; width: number };
  /** p(x | z): whether pixels are coins, or values with this standard deviation. */
  likelihood: { kind: "bernoulli" } | { kind: "gaussian"; sigma: number };
  /** `precision` is the widest type in the file; "i8" and "f16" say that a GPU may keep all of it as f16. */
  weights: { file: string; bytes: number; sha256: string; precision?: "i8" | "f16" | "f32" };
  /** Images to start from, [C, H, W] in 0–255. */
  examples?: { label: string; pixels: number[] }[];
  licence: string;
  credit: string;
  [field: string]: unknown;
}

export class Model {
  private constructor();

  readonly info: ModelInfo;
  readonly backend: Backend;
  readonly measured: Measured;
  /** Length of one latent. */
  readonly latentSize: number;

  /** Called after the runtime was replaced (another backend, or a lost GPU): canvases must be fresh ones. */
  onRebuilt: ((model: Model) => void) | null;

  /** The posterior of one image with values in [0, 1]. */
  encode(pixels: Float32Array): Promise<Posterior>;
  /** Images for latents, [N, C, H, W] in [0, 1]. */
  decode(z: Float32Array): Promise<Float32Array>;
  /** z = μ + T·σ·ε; `epsilon` goes before `seed`. */
  reparameterize(
    mean: Float32Array,
    logVar: Float32Array,
    options?: { seed?: number; epsilon?: Float32Array; temperature?: number },
  ): Float32Array;
  /** `count` × `latentSize` standard normals; equal seeds give equal numbers on every machine. */
  noise(options?: { seed?: number; count?: number }): Float32Array;
  /** Whether the model has a prior of its own beside N(0, I). */
  readonly hasLearnedPrior: boolean;
  /** `count` × `latentSize` latents from the model's own prior (the default) or from N(0, I). */
  sample(options?: {
    seed?: number;
    count?: number;
    temperature?: number;
    prior?: "learned" | "normal";
  }): Float32Array;
  /** A latent on the way from `a` (t = 0) to `b` (t = 1). */
  interpolate(a: Float32Array, b: Float32Array, t: number, options?: { mode?: "lerp" | "slerp" }): Float32Array;
  /** Decodes latents and draws them row by row, without read-back. A canvas once used belongs to its backend. */
  present(canvas: HTMLCanvasElement, z: Float32Array, options?: { columns?: number }): void;
  /** Encode, sample, decode and draw at once; the promise brings the numbers later. */
  reconstruct(
    canvas: HTMLCanvasElement,
    pixels: Float32Array,
    options?: { epsilon?: Float32Array; temperature?: number },
  ): Promise<Reconstruction>;
  /**
   * The evidence lower bound of one image under the model's own prior, estimated with one sample. There is none at a
   * temperature other than 1, which `reconstruct` has: z would not come from q(z | x).
   */
  elbo(pixels: Float32Array, options?: { seed?: number }): Promise<Elbo>;
  /**
   * What each layer of the encoder writes for one image [C, H, W], or of the decoder for one latent,
   * first layer first. Computed on the CPU, whatever runs the model.
   */
  activations(part: "encoder" | "decoder", values: Float32Array): Promise<Activation[]>;
  /** Moves the model to another backend without fetching it again; on failure it stays where it is. */
  setBackend(backend: BackendChoice): Promise<void>;
  /** Gives memory and GPU resources back; the model cannot be used afterwards. */
  free(): void;
}
