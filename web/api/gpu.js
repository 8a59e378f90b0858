/**
 * A model on the GPU, as far as it answers: every wait has an end, and what cannot go on says so
 * once (`onLost`). Which model uses one, and what comes after it, is `backend.js`'s to say.
 */

import { VaeletError, understood } from "./errors.js";
import { within } from "./network.js";
import { call, discard, given } from "./program.js";
import { inSlices } from "./slices.js";

/** Milliseconds after which a GPU that is still not ready counts as missing, and one that does not answer as lost. */
const BUILD = 60_000;
const ANSWER = 30_000;
/** Errors after which a runtime is of no further use: the device's, this model's on it, the program's. */
const GONE = ["lost", "gpu", "crashed"];
/** A decode is timed until so many milliseconds are over, or after so many. */
const TIMED = 20;
const MOST_FRAMES = 64;

/** Ends with the last runtime that was built: they share a device, and two that are timed at once are both slow. */
let free = Promise.resolve();

/**
 * Does this when no other model is at it.
 * @template T @param {() => Promise<T>} work each of its waits has an end @returns {Promise<T>}
 */
export function alone(work) {
  const done = free.then(work);
  free = done.then(() => {}, () => {});
  return done;
}

const unanswered = (seconds) => `it has not answered for ${seconds / 1000} seconds`;

export class Gpu {
  /** @type {"webgpu"} */
  name = "webgpu";
  /** Why this runtime is of no further use. @type {string | null} */
  lost = null;
  /** Called once, when it is lost. @type {((reason: string) => void) | null} */
  onLost = null;
  /** What the platform calls the adapter. @type {string} */
  adapter;
  #raw;

  /** @param {object} model of the program @returns {Promise<Gpu>} @throws {VaeletError} */
  static async build(model) {
    const raw = call(() => model.gpu());
    try {
      const gpu = new Gpu(await within(raw, BUILD, () => new VaeletError("no-webgpu", `The GPU cannot be used: ${unanswered(BUILD)}.`)));
      await inSlices(() => gpu.#use((built) => built.pack()));
      return gpu;
    } catch (error) {
      raw.then(discard, () => {});
      const known = understood(error);
      if (known === error || known.code !== "no-webgpu") throw known;
      throw new VaeletError("no-webgpu", "This browser or this device has no WebGPU.", { cause: error });
    }
  }

  constructor(raw) {
    this.#raw = raw;
    this.adapter = raw.adapter;
    raw.onLost = (reason) => this.#lose(reason);
    if (raw.lost) this.#lose("it went away while the model was being built");
  }

  #lose(reason) {
    if (this.lost !== null) return;
    this.lost = reason.replace(/^the GPU was lost: |\.$/gi, "");
    this.onLost?.(this.lost);
  }

  #use(question) {
    if (this.lost !== null) throw new VaeletError("lost", `The GPU was lost: ${this.lost}.`);
    try {
      return call(() => question(this.#raw));
    } catch (error) {
      if (GONE.includes(error.code)) this.#lose(error.message);
      throw error;
    }
  }

  async #ask(question) {
    const answer = this.#use(question);
    try {
      return await within(answer, ANSWER, () => new VaeletError("lost", `The GPU was lost: ${unanswered(ANSWER)}.`));
    } catch (cause) {
      const error = understood(cause);
      if (GONE.includes(error.code)) this.#lose(error.message);
      throw error;
    }
  }

  /** As `Cpu.encode`. */
  encode(images, classes = null) {
    return this.#ask((raw) => given(raw, classes).encode(images));
  }

  /** As `Cpu.decode`. */
  decode(z, classes = null, written = null) {
    return this.#ask((raw) => given(raw, classes, written).decode(z));
  }

  /** As `Cpu.reconstruct`. */
  reconstruct(canvas, pixels, epsilon, temperature, classes = null, written = null) {
    return this.#ask((raw) => given(raw, classes, written).reconstruct(canvas, pixels, epsilon, temperature));
  }

  /** As `Cpu.present`; the GPU has it when this returns. */
  async present(canvas, z, columns, classes = null) {
    this.#use((raw) => given(raw, classes).present(canvas, z, columns));
    return true;
  }

  /** Milliseconds of one decode when several are under way. @param {Float32Array} z */
  async time(z) {
    const start = performance.now();
    for (let frames = 4; ; frames *= 2) {
      const before = performance.now();
      await Promise.all(Array.from({ length: frames }, () => this.decode(z, null)));
      const end = performance.now();
      if (end - start >= TIMED || frames >= MOST_FRAMES) return (end - before) / frames;
    }
  }

  free() {
    this.lost ??= "it was given back";
    this.onLost = null;
    this.#raw.onLost = undefined;
    discard(this.#raw);
  }
}
