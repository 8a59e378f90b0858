/**
 * Models whose pictures are sounds: a picture heard, and a sound as a picture. `Model` fetches this when
 * it is first used. The arithmetic lives in the program `vaelet-sound-web`; it works in slices.
 */

import start, * as glue from "../../vaelet-sound-web.js";
import { finite, numbers, optionsOf, refused } from "./arguments.js";
import { VaeletError, isCrash, stackOf, understood } from "./errors.js";
import { within } from "./network.js";
import { inSlices, inTurn } from "./slices.js";

/** Milliseconds that the program may take to come. */
const PATIENCE = 60_000;

/** Its classes. @type {any} */
const program = glue;
/** @type {Promise<any> | undefined} */
let loading;
/** Where the program's stack ends now. @type {WebAssembly.Global} */
let stack;

function load() {
  loading ??= within(start(), PATIENCE, () => new Error("nothing came")).then(
    (exports) => (stack = stackOf(exports)),
    (cause) => {
      loading = undefined; // so that the next attempt starts afresh
      throw new VaeletError("network", "The program that makes sounds (vaelet-sound-web.js and vaelet-sound-web_bg.wasm) could not be loaded. Check the connection, and try again; if this page was published again meanwhile, reload it.", { cause });
    },
  );
  return loading;
}

/** @template T @param {() => T} question @returns {T} */
function call(question) {
  const top = stack.value;
  try {
    return question();
  } catch (error) {
    if (isCrash(error)) stack.value = top;
    throw understood(error);
  }
}

export class Sounds {
  #info;
  #decode;
  /** The program's description of the pictures. @type {Promise<any> | null} */
  #scale = null;

  /** @param {any} info model.json @param {(z: Float32Array) => Promise<Float32Array>} decode */
  constructor(info, decode) {
    this.#info = info;
    this.#decode = decode;
  }

  /** Fetches the program, so that the first sound comes at once. */
  async prepareSound() {
    await this.#read();
  }

  async speak(z) {
    const { height, width } = this.#info.input;
    const [scale, picture] = await Promise.all([this.#read(), this.#decode(z)]);
    if (picture.length !== height * width) throw refused(`z has to be one latent, not ${picture.length / (height * width)}`);
    const speaking = call(() => scale.speak(picture));
    await inSlices(() => call(() => speaking.step()));
    return { samples: call(() => speaking.finish()), rate: call(() => scale.rate()) };
  }

  async listen(samples, options) {
    const { rate } = optionsOf(options);
    if (rate === undefined) throw refused("rate has to be given, the samples in a second");
    const hertz = finite("rate", rate, undefined, 0);
    const sound = numbers("samples", samples, 1);
    const scale = await this.#read();
    return inTurn(() => call(() => scale.listen(sound, hertz)));
  }

  free() {
    this.#scale?.then((scale) => scale.free(), () => {});
  }

  #read() {
    this.#scale ??= this.#open().catch((error) => {
      this.#scale = null; // so that the next call tries again
      throw error;
    });
    return this.#scale;
  }

  async #open() {
    const { data, input } = this.#info;
    if (data?.kind !== "sound") throw refused("The pictures of this model are no sounds");
    await load();
    return call(() => program.Sound.read(JSON.stringify(data), input.height, input.width));
  }
}
