/**
 * Models whose data are texts: what latents spell, and a text as the one-hot values that the encoder reads. `Model` fetches
 * this when it is first used. `crates/model/src/format/data.rs` says what a spelling is.
 */

import { refused, whole } from "./arguments.js";
import { VaeletError } from "./errors.js";
import { join } from "./numbers.js";

/**
 * @typedef {object} Spelling
 * @property {string[]} symbols
 * @property {number} end the symbol that ends a text and fills what is left
 * @property {boolean} capitals whether symbols stand for letters of either case
 * @property {number} columns most symbols of a text
 */

/** How a model's texts are spelled: its model.json is as little trusted as any file. @param {any} info @returns {Spelling} */
export function spellingOf({ data, input }) {
  if (data?.kind !== "sequence") throw refused("The data of this model are no texts");
  const { symbols, end, capitals = false } = data;
  const isSymbol = (symbol, i) => typeof symbol === "string" && (symbol !== "" || i === end);
  const good = Array.isArray(symbols) && symbols.length === input.channels && symbols.every(isSymbol) && new Set(symbols).size === symbols.length;
  if (!good || input.height !== 1) throw new VaeletError("bad-model", "The model cannot be used: data.symbols of its model.json have to be different texts, one for each channel of its input, which has a height of 1.");
  if (!Number.isInteger(end) || end < 0 || end >= symbols.length) throw new VaeletError("bad-model", "The model cannot be used: data.end of its model.json has to be the place of a symbol.");
  return { symbols, end, capitals: capitals === true, columns: input.width };
}

/** The likeliest symbol at each place. @param {Spelling} spelling @param {Float32Array} values [N, V, 1, T], as `decode` gives them @returns {number[][]} */
export function symbolsOf({ symbols, columns }, values) {
  const size = symbols.length * columns;
  return Array.from({ length: values.length / size }, (_, n) =>
    Array.from({ length: columns }, (_, t) => {
      let best = 0;
      for (let v = 1; v < symbols.length; v += 1) {
        if (values[n * size + v * columns + t] > values[n * size + best * columns + t]) best = v;
      }
      return best;
    }),
  );
}

/** The text of symbols up to the first that ends it. @param {Spelling} spelling @param {number[]} places */
export function textOf({ symbols, end }, places) {
  const length = places.indexOf(end);
  return places.slice(0, length < 0 ? places.length : length).map((place) => symbols[place]).join("");
}

/**
 * The symbols of a text, without an end: of those that fit at a place the longest.
 * @param {Spelling} spelling @param {string} text @returns {number[]}
 */
export function placesOf({ symbols, end, capitals, columns }, text) {
  const known = [...symbols.keys()].filter((place) => place !== end).sort((a, b) => symbols[b].length - symbols[a].length);
  const written = capitals ? text.toLowerCase() : text;
  const places = [];
  for (let at = 0; at < written.length; ) {
    const place = known.find((one) => written.startsWith(symbols[one], at));
    if (place === undefined) throw refused(`"${String.fromCodePoint(written.codePointAt(at) ?? 0)}" is none of the symbols of this model, which are ${named(symbols, end)}`);
    places.push(place);
    at += symbols[place].length;
  }
  if (places.length === 0) throw refused("The text is empty; write something");
  if (places.length > columns) throw refused(`The text has ${places.length} symbols; this model reads up to ${columns}`);
  return places;
}

/** Symbols in a sentence. */
function named(symbols, end) {
  const all = symbols.filter((_, i) => i !== end);
  const letters = all.filter((symbol) => /^\p{L}$/u.test(symbol));
  const others = all.filter((symbol) => !letters.includes(symbol)).map((symbol) => (symbol === " " ? "a space" : symbol));
  const runs = letters.length > 3 && letters.join("") === "abcdefghijklmnopqrstuvwxyz" ? ["a to z"] : letters;
  const list = [...runs, ...others];
  return list.length > 40 ? `${list.slice(0, 40).join(" ")} and ${list.length - 40} more` : list.join(list.length > 12 ? " " : ", ");
}

/** One-hot values [V, 1, T] of a text. @param {Spelling} spelling @param {number[]} places */
export function valuesOf({ symbols, end, columns }, places) {
  const values = new Float32Array(symbols.length * columns);
  for (let t = 0; t < columns; t += 1) values[(places[t] ?? end) * columns + t] = 1;
  return values;
}

/** The probability of each symbol at each place, [V, 1, T]. @param {Spelling} spelling @param {Float32Array} logits of one text */
export function sharesOf({ symbols, columns }, logits) {
  const shares = new Float32Array(logits.length);
  for (let t = 0; t < columns; t += 1) {
    const column = symbols.map((_, v) => logits[v * columns + t]);
    const top = Math.max(...column);
    const sum = column.reduce((all, value) => all + Math.exp(value - top), 0);
    column.forEach((value, v) => (shares[v * columns + t] = Math.exp(value - top) / sum));
  }
  return shares;
}

/** Whether a decoder reads the symbols that it has written. @param {{ type: string, layers?: any[] }[]} layers */
export function readsText(layers) {
  return layers.some(({ type, layers: inner }) => type === "context" || (inner && readsText(inner)));
}

export class Texts {
  #info;

  /** @param {any} info model.json */
  constructor(info) {
    this.#info = info;
  }

  /**
   * @param {import("./model.js").Model} model the one that was asked, for it has a class @param {Float32Array} z
   * @param {{ begins?: string }} [options] and what `decode` takes
   */
  async spell(model, z, options) {
    const spelling = spellingOf(this.#info);
    const values = await model.decode(z, options);
    const begun = begunOf(spelling, options);
    return symbolsOf(spelling, values).map((places) => textOf(spelling, [...begun, ...places.slice(begun.length)]));
  }

  async parse(text) {
    const spelling = spellingOf(this.#info);
    if (typeof text !== "string") throw refused("text has to be a string");
    return valuesOf(spelling, placesOf(spelling, text.trim()));
  }

  /** The symbols of texts that are given as values [N, V, 1, T]. @param {Float32Array} values */
  async symbols(values) {
    return Uint32Array.from(symbolsOf(spellingOf(this.#info), values).flat());
  }

  /** The symbols of so many texts so far; null where none are given. @param {{ written?: ArrayLike<number> } | undefined} options @param {number} count */
  async written(options, count) {
    if (options?.written === undefined) return null;
    const { columns } = spellingOf(this.#info);
    if (!readsText(this.#info.decoder)) throw refused("The decoder of this model reads no text, so it takes nothing written");
    const list = Array.from(options.written);
    if (list.length !== count * columns) throw refused(`written has ${list.length} numbers, where ${count * columns} were expected: a symbol for each place`);
    return Uint32Array.from(list, (value) => whole("written", value, NaN, 0, 2 ** 31));
  }

  /**
   * Logits of the texts that latents spell. A decoder that reads what it has written is asked for all places at once, and
   * again with what it gave, until that stays. So each text is what writing the likeliest symbol one after another
   * gives (`latent::settle` in `crates/model`). A beginning that is given stays, and the rest is written to it.
   * @param {(z: Float32Array, classes: Uint32Array | null, written?: Uint32Array) => Promise<Float32Array>} run asks the decoder
   * @param {Float32Array} z @param {Uint32Array | null} classes
   * @param {{ written?: ArrayLike<number>, begins?: string }} [options] the symbols of the texts, or how they begin
   */
  async decode(run, z, classes, options) {
    const latent = this.#info.latents.reduce((sum, { size }) => sum + size, 0);
    const count = z.length / latent;
    const given = await this.written(options, count);
    if (given) return run(z, classes, given);
    const reads = readsText(this.#info.decoder);
    if (!reads && !options?.begins) return run(z, classes);
    const spelling = spellingOf(this.#info);
    const begun = begunOf(spelling, options);
    if (!reads) throw refused("The decoder of this model reads no text, so it cannot go on from a beginning");
    const { columns, symbols } = spelling;
    const size = symbols.length * columns;
    const logits = new Float32Array(count * size);
    const start = [...begun, ...Array(columns - begun.length).fill(symbols.length)]; // no symbol yet
    const written = Array.from({ length: count }, () => start);
    let open = [...written.keys()];
    // After so many turns that many places are right, and the last turn finds it so.
    for (let turn = 0; open.length > 0 && turn <= columns; turn += 1) {
      const rows = /** @type {Float32Array} */ (join(open.map((item) => z.subarray(item * latent, (item + 1) * latent))));
      const part = await run(rows, classes && Uint32Array.from(open, (item) => classes[item]), Uint32Array.from(open.flatMap((item) => written[item])));
      const better = symbolsOf(spelling, part).map((places) => [...begun, ...places.slice(begun.length)]);
      open = open.filter((item, i) => {
        logits.set(part.subarray(i * size, (i + 1) * size), item * size);
        const isSettled = better[i].every((place, t) => place === written[item][t]);
        written[item] = better[i];
        return !isSettled;
      });
    }
    return logits;
  }
}

/** The symbols of a beginning; none where none is given. @param {Spelling} spelling @param {{ begins?: string } | undefined} options */
function begunOf(spelling, options) {
  return options?.begins ? placesOf(spelling, options.begins) : [];
}
