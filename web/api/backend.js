/**
 * What a model runs on. One object owns it, everybody else observes: the CPU is always there and
 * works at once; the GPU comes where it is wished for, proves itself against the CPU, and when it
 * goes, the CPU has taken over before anybody notices.
 *
 *     running ──the GPU is lost──▶ recovering ──another one, or none──▶ running
 *        └────────────── free ──────────────▶ freed ◀──────┘
 */

import { Cpu } from "./cpu.js";
import { VaeletError } from "./errors.js";
import { call, discard } from "./program.js";

/** How often in a row a lost GPU is asked for again before the CPU stays. */
const REBUILDS = 2;
/** Milliseconds after which a GPU has worked for a while, and a loss is the first one again. */
const STEADY = 60_000;
/** Latents by which GPU and CPU are compared. */
const COMPARED = 3;
/** What their pixels may differ by, and their latents, in units of 1 + |x|: as in tests/golden.rs. */
const PIXELS = 2e-3;
const LATENTS = 5e-3;
const NOTHING = { webgpu: null, cpu: null, adapter: null };

/** @typedef {"auto" | "webgpu" | "cpu"} Wish */

/** The code for the GPU, which the first pictures do without. */
function fetchGpu() {
  return import("./gpu.js").catch((cause) => {
    throw new VaeletError("network", "The code for the GPU could not be loaded. Reload the page to try again.", { cause });
  });
}

export class Backend {
  /** @type {"running" | "recovering" | "freed"} */
  state = "running";
  /** What `auto` measured. @type {import("../vaelet.js").Measured} */
  measured = NOTHING;
  /** Why the GPU does not run what it was wished for. @type {string | null} */
  reason = null;
  /** Called after the model moved to the GPU, to another, or off it. @type {(() => void) | null} */
  onMoved = null;

  #model;
  #sizes;
  #cpu;
  /** @type {import("./gpu.js").Gpu | null} */
  #gpu = null;
  /** The last choice; a newer one makes it void. @type {{ wish: Wish, done: Promise<void> }} */
  #choice = { wish: "cpu", done: Promise.resolve() };
  #rebuilds = 0;
  /** When the GPU that runs began. */
  #since = 0;

  /** @param {object} model of the program, owned from now on @param {{ image: number, latent: number, classes: number }} sizes */
  constructor(model, sizes) {
    this.#model = model;
    this.#sizes = sizes;
    this.#cpu = new Cpu(model, sizes);
  }

  /** Resolves when the model can run. */
  ready() {
    return this.#cpu.ready();
  }

  /** @returns {"webgpu" | "cpu"} */
  get name() {
    return (this.#gpu ?? this.#cpu).name;
  }

  /** Asks the program's model for what takes no runtime. @template T @param {(model: any) => T} question @returns {T} */
  ask(question) {
    this.check();
    return call(() => question(this.#model));
  }

  /** What every layer writes: a GPU keeps these values to itself. */
  activations(values, decoder, classes) {
    this.check();
    return this.#cpu.activations(values, decoder, classes);
  }

  /** Answers where the model runs; where a GPU is lost in mid-answer, the CPU answers. */
  async run(question) {
    this.check();
    const gpu = this.#gpu;
    if (!gpu) return question(this.#cpu, true);
    try {
      return await question(gpu, true);
    } catch (error) {
      this.check();
      if (gpu.lost === null) throw error;
      return question(this.#cpu, false); // what the canvas showed was the GPU's
    }
  }

  /** @returns {Promise<boolean>} whether the picture was drawn to its end */
  async present(canvas, z, columns, classes) {
    this.check();
    const gpu = this.#gpu;
    try {
      return await (gpu ?? this.#cpu).present(canvas, z, columns, classes);
    } catch (error) {
      if (error.code === "canvas" || error.code === "crashed" || error.code === "too-large") throw error;
      if (this.state === "freed" || gpu?.lost) return false; // nobody looks, or `onMoved` has asked for it again
      throw error;
    }
  }

  /**
   * Moves the model to where it is wished; it can be used meanwhile, and where that fails it stays
   * on the CPU. A wish that holds, or is being fulfilled, is not begun again.
   * @param {Wish} wish
   */
  choose(wish) {
    this.check();
    if (wish !== this.#choice.wish) {
      this.#rebuilds = 0;
      this.#begin(wish, (choice) => this.#fulfil(choice));
    }
    return this.#choice.done;
  }

  #begin(wish, work) {
    const choice = { wish, done: Promise.resolve() };
    this.#choice = choice;
    choice.done = work(choice).catch((error) => {
      // So that asking again tries again.
      if (this.#choice === choice) this.#choice = { wish: "cpu", done: Promise.resolve() };
      throw error;
    });
    choice.done.catch(() => {}); // for whoever asks
  }

  async #fulfil(choice) {
    const { wish } = choice;
    if (wish === "cpu") {
      this.#settle(null, NOTHING, null);
      return;
    }
    try {
      await this.#tryGpu(choice);
    } catch (error) {
      if (this.#isVoid(choice)) return;
      this.#settle(null, { ...NOTHING, cpu: wish === "auto" ? this.measured.cpu : null }, error.message);
      if (wish === "webgpu") throw error;
    }
  }

  #isVoid(choice) {
    return this.state === "freed" || this.#choice !== choice;
  }

  /** Builds a GPU runtime unless there is one, compares and measures it, and takes it where it is wished for. */
  async #tryGpu(choice) {
    const { Gpu, alone } = await fetchGpu();
    await alone(async () => {
      if (this.#isVoid(choice)) return;
      const measured = { ...NOTHING };
      const old = this.#gpu;
      let gpu = old;
      try {
        if (choice.wish === "auto") {
          measured.cpu = await this.#cpu.time(new Float32Array(this.#sizes.latent));
          if (this.#isVoid(choice)) return;
          this.measured = { ...this.measured, cpu: measured.cpu };
        }
        if (!old) {
          gpu = await Gpu.build(this.#model);
          if (!this.#isVoid(choice)) await this.#compare(gpu);
        }
        measured.adapter = gpu.adapter;
        if (choice.wish === "auto" && !this.#isVoid(choice)) measured.webgpu = await gpu.time(new Float32Array(this.#sizes.latent));
        if (gpu.lost !== null) throw new VaeletError("lost", `The GPU was lost: ${gpu.lost}.`);
      } catch (error) {
        if (gpu !== old) gpu?.free();
        throw error;
      }
      if (this.#isVoid(choice)) {
        if (gpu !== old) gpu.free();
        return;
      }
      const slower = choice.wish === "auto" && measured.webgpu >= measured.cpu;
      if (slower && gpu !== old) gpu.free();
      this.#settle(slower ? null : gpu, measured, null);
    });
  }

  /** A GPU whose pictures are not the CPU's is not used. @param {import("./gpu.js").Gpu} gpu */
  async #compare(gpu) {
    const z = this.ask((model) => model.sample(1, 0, COMPARED, 1, true));
    const classes = this.#sizes.classes > 0 ? Uint32Array.from({ length: COMPARED }, (_, i) => i % this.#sizes.classes) : null;
    const images = await this.#cpu.decode(z, classes);
    const pixels = largest(images, await gpu.decode(z, classes), () => 1);
    const posterior = await this.#cpu.encode(images, classes);
    const latents = largest(posterior, await gpu.encode(images, classes), (value) => 1 + Math.abs(value));
    if (pixels <= PIXELS && latents <= LATENTS) return;
    const found = pixels <= PIXELS ? `its latents by ${latents.toPrecision(2)}` : `its pixels by ${pixels.toPrecision(2)} of 1`;
    throw new VaeletError("wrong-pictures", `The GPU (${gpu.adapter}) and the CPU give different results, ${found}, so the GPU is not used. A newer browser or graphics driver may help.`);
  }

  /** Runs on this GPU from now on, or without one on the CPU. @param {import("./gpu.js").Gpu | null} gpu */
  #settle(gpu, measured, reason) {
    const old = this.#gpu;
    this.state = "running";
    this.measured = measured;
    this.reason = reason;
    if (gpu === old) return;
    this.#gpu = gpu;
    if (gpu) {
      this.#since = performance.now();
      gpu.onLost = (loss) => this.#recover(gpu, loss);
      this.#cpu.leave();
    }
    old?.free();
    this.onMoved?.();
  }

  /** The CPU takes over at once, then another GPU is asked for. */
  #recover(gpu, loss) {
    if (gpu !== this.#gpu) return;
    console.info(`vaelet: the GPU was lost (${loss}); the CPU takes over.`);
    if (performance.now() - this.#since >= STEADY) this.#rebuilds = 0;
    this.#settle(null, { ...this.measured, webgpu: null }, `The GPU was lost (${loss}).`);
    this.state = "recovering";
    this.#begin(this.#choice.wish, (choice) => this.#rebuild(choice, loss));
  }

  async #rebuild(choice, loss) {
    while (this.#rebuilds < REBUILDS) {
      this.#rebuilds += 1;
      try {
        await this.#tryGpu(choice);
        return;
      } catch (error) {
        if (this.#isVoid(choice)) return;
        loss = error.message;
      }
    }
    this.#settle(null, this.measured, `The GPU was lost and did not come back (${loss}).`);
    this.#choice = { wish: "cpu", done: choice.done }; // so that asking again tries again
    this.onMoved?.(); // for those who show the reason
  }

  free() {
    if (this.state === "freed") return;
    this.state = "freed";
    this.onMoved = null;
    this.#gpu?.free();
    this.#gpu = null;
    this.#cpu.free();
    discard(this.#model);
  }

  /** @throws {VaeletError} where it is freed */
  check() {
    if (this.state === "freed") throw new VaeletError("freed", "This model has been freed. Load it again to use it.");
  }
}

/** The largest difference in units of its own; infinite where it is none. */
function largest(expected, found, unit) {
  if (expected.length !== found.length) return Infinity;
  let most = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const difference = Math.abs(expected[i] - found[i]) / unit(expected[i]);
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}
