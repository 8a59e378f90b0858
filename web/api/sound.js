/**
 * Models whose pictures are sounds: a picture heard, and a sound as a picture. `Model` fetches this when
 * it is first used. The arithmetic lives in the program `vaelet-sound-web`; it works in slices.
 */

import start, * as glue from "../../vaelet-sound-web.js";
import { finite, numbers, optionsOf, refused } from "./arguments.js";
import { secondProgram } from "./second.js";
import { inSlices, inTurn } from "./slices.js";

/** Its classes. @type {any} */
const program = glue;
const { load, call } = secondProgram(start, "makes sounds", "vaelet-sound-web");

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
