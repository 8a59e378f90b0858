/**
 * Models whose data are texts: what latents spell, and a text as the one-hot values that the encoder reads. `Model` fetches
 * this when it is first used. `crates/model/src/format/data.rs` says what a spelling is.
 */

import { refused } from "./arguments.js";
import { VaeletError } from "./errors.js";

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

export class Texts {
  #info;

  /** @param {any} info model.json */
  constructor(info) {
    this.#info = info;
  }

  /** @param {import("./model.js").Model} model the one that was asked, for it has a class @param {Float32Array} z @param {object} [options] */
  async spell(model, z, options) {
    const spelling = spellingOf(this.#info);
    const values = await model.decode(z, options);
    return symbolsOf(spelling, values).map((places) => textOf(spelling, places));
  }

  async parse(text) {
    const spelling = spellingOf(this.#info);
    if (typeof text !== "string") throw refused("text has to be a string");
    return valuesOf(spelling, placesOf(spelling, text.trim()));
  }
}
