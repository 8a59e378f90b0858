/**
 * A model on the CPU. Its work is cut into steps of one layer or of a few images, so that the page
 * is never held up; what is one step is done at once, where nothing else has taken this task's time.
 */

import { undrawable } from "./arguments.js";
import { VaeletError } from "./errors.js";
import { join } from "./numbers.js";
import { call, discard, given } from "./program.js";
import { inSlices } from "./slices.js";

/** So many small images are one step: they share a pass over the weights. */
const TOGETHER = 4;
/** Numbers of a small image. */
const SMALL = 32 * 32;
/** A decode is timed until so many milliseconds are over: browsers' clocks are coarse. */
const TIMED = 10;
/** Nor more often than this: a clock may stand still. */
const MOST_RUNS = 1000;

/** The newest picture that each canvas was asked to show: older ones are not drawn to their end. @type {WeakMap<HTMLCanvasElement, object>} */
const newest = new WeakMap();

export class Cpu {
  /** @type {"cpu"} */
  name = "cpu";
  #model;
  #image;
  #latent;
  #together;
  /** The program's object, once it is packed. */
  #raw = null;
  /** @type {Promise<void> | null} */
  #packed = null;
  #freed = false;
  /** Goes up when canvases are somebody else's. */
  #epoch = 0;

  /** @param {object} model of the program @param {{ image: number, latent: number }} sizes numbers in one */
  constructor(model, { image, latent }) {
    this.#model = model;
    this.#image = image;
    this.#latent = latent;
    this.#together = image <= SMALL ? TOGETHER : 1;
  }

  /** Packs what is not packed. */
  ready() {
    if (this.#raw) return Promise.resolve();
    this.#packed ??= this.#pack().finally(() => {
      this.#packed = null;
    });
    return this.#packed;
  }

  async #pack() {
    this.#check();
    const raw = call(() => this.#model.cpu());
    await inSlices(() => {
      this.#check();
      return call(() => raw.pack());
    });
    this.#raw = raw;
  }

  #packAtOnce() {
    const raw = this.#model.cpu();
    while (raw.pack());
    return raw;
  }

  #check() {
    if (this.#freed) throw new VaeletError("freed", "This model has been freed. Load it again to use it.");
  }

  /** @template T @param {(raw: any) => T} question @returns {T} */
  #use(question) {
    this.#check();
    try {
      return call(() => {
        // Another call has crashed while this one was waiting for its turn.
        this.#raw ??= this.#packAtOnce();
        return question(this.#raw);
      });
    } catch (error) {
      if (error.code === "crashed") this.#raw = null; // it counts as being in use for ever; the next call packs another
      throw error;
    }
  }

  /** Runs items in groups. @returns {Promise<Float32Array[]>} an answer for each group */
  async #run(values, size, classes, question, written = null) {
    await this.ready();
    const answers = [];
    let next = 0;
    await inSlices(() => {
      const end = next + this.#together;
      const group = values.subarray(next * size, end * size);
      answers.push(this.#use((raw) => question(given(raw, classes?.subarray(next, end), written?.subarray((next * size * written.length) / values.length)), group)));
      next = end;
      return next * size < values.length;
    });
    return answers;
  }

  /**
   * All means, then all log-variances.
   * @param {Float32Array} images @param {Uint32Array | null} [classes] of the images, in a model with a condition
   * @returns {Promise<Float32Array>}
   */
  async encode(images, classes) {
    const answers = await this.#run(images, this.#image, classes, (raw, group) => raw.encode(group));
    const half = (answer, part) => answer.subarray((part * answer.length) / 2, ((part + 1) * answer.length) / 2);
    return join([0, 1].flatMap((part) => answers.map((answer) => half(answer, part))));
  }

  /**
   * @param {Float32Array} z @param {Uint32Array | null} [classes] as in `encode`
   * @param {Uint32Array | null} [written] symbols of the texts so far, for a decoder that reads them @returns {Promise<Float32Array>}
   */
  async decode(z, classes, written) {
    return join(await this.#run(z, this.#latent, classes, (raw, group) => raw.decode(group), written));
  }

  /**
   * Draws a grid, picture by picture. While it is being drawn, another for the same canvas takes its place.
   * @returns {Promise<boolean>} whether it was drawn to its end
   */
  async present(canvas, z, columns, classes = null) {
    const isNewest = this.#claim(canvas);
    if (!this.#raw) await this.ready();
    const context = contextOf(canvas);
    const { width, height } = canvas;
    const count = z.length / this.#latent;
    const rows = Math.ceil(count / columns);
    let next = 0;
    await inSlices(() => {
      if (!isNewest() || canvas.width !== width || canvas.height !== height) return false;
      const end = next + this.#together;
      const group = z.subarray(next * this.#latent, end * this.#latent);
      const images = this.#use((raw) => given(raw, classes?.subarray(next, end)).decode(group));
      for (let at = 0; at < images.length; at += this.#image) {
        this.#paint(context, images.subarray(at, at + this.#image), [columns, rows], next);
        next += 1;
      }
      return next < count;
    });
    const drawn = next === count && isNewest();
    if (drawn) clear(context, [columns, rows], count);
    return drawn;
  }

  /** Asks whether nothing newer has come for the canvas. */
  #claim(canvas) {
    const turn = {};
    const epoch = this.#epoch;
    newest.set(canvas, turn);
    return () => newest.get(canvas) === turn && epoch === this.#epoch;
  }

  #paint(context, image, cells, number) {
    const { width, height } = context.canvas;
    const [left, top, across, down] = cellOf(context.canvas, cells, number);
    if (across === 0 || down === 0) return; // more pictures than pixels
    const bytes = this.#use((raw) => raw.paint(image, width, height, ...cells, number));
    context.putImageData(new ImageData(new Uint8ClampedArray(bytes.buffer), across, down), left, top);
  }

  /** μ, log σ², z and the image, one after the other; drawn where there is a canvas. */
  async reconstruct(canvas, pixels, epsilon, temperature, classes = null, written = null) {
    const isNewest = canvas && this.#claim(canvas);
    if (!this.#raw) await this.ready();
    const context = canvas && contextOf(canvas);
    const posterior = this.#use((raw) => given(raw, classes).encode(pixels));
    const [mean, logVar] = [posterior.subarray(0, this.#latent), posterior.subarray(this.#latent)];
    const z = call(() => this.#model.reparameterize(mean, logVar, epsilon, temperature));
    const image = this.#use((raw) => given(raw, classes, written).decode(z));
    if (context && isNewest()) this.#paint(context, image, [1, 1], 0);
    return join([posterior, z, image]);
  }

  /** What every layer writes, as the program gives it. @returns {Promise<Float32Array>} */
  async activations(values, decoder, classes = null) {
    if (!this.#raw) await this.ready();
    return this.#use((raw) => given(raw, classes).activations(values, decoder));
  }

  /** Milliseconds of one decode. @param {Float32Array} z */
  async time(z) {
    await this.ready();
    const start = performance.now();
    let [runs, total] = [0, 0];
    await inSlices(() => {
      const before = performance.now();
      this.#use((raw) => raw.decode(z));
      total += performance.now() - before;
      runs += 1;
      return total < TIMED && runs < MOST_RUNS && performance.now() - start < 10 * TIMED;
    });
    return total / runs;
  }

  /** Draws no further: the canvases are somebody else's. */
  leave() {
    this.#epoch += 1;
  }

  free() {
    this.#freed = true;
    this.leave();
    if (this.#raw) discard(this.#raw);
    this.#raw = null;
  }
}

/** @returns {CanvasRenderingContext2D} */
function contextOf(canvas) {
  let context;
  try {
    context = canvas.getContext("2d", { willReadFrequently: true }); // pixels come from here, not from a GPU that may be busy
  } catch (cause) {
    throw undrawable(`the browser gives no context for it (${cause.message})`);
  }
  if (!context) throw undrawable("something else draws into it already, perhaps the GPU; use a new one");
  return context;
}

/** Left, top, width and height of a cell in canvas pixels, as the program's `paint` has them. */
function cellOf({ width, height }, [columns, rows], number) {
  const edges = (place, side, n) => [0, 1].map((i) => Math.ceil(((place + i) * side) / n));
  const [left, right] = edges(number % columns, width, columns);
  const [top, bottom] = edges(Math.floor(number / columns), height, rows);
  return [left, top, right - left, bottom - top];
}

/** Cells without a picture stay transparent. */
function clear(context, cells, from) {
  for (let number = from; number < cells[0] * cells[1]; number += 1) context.clearRect(...cellOf(context.canvas, cells, number));
}
