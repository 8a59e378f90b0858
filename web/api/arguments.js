/**
 * What callers give, checked before anything is done with it: the program itself trusts its
 * arguments. What cannot be used is a `VaeletError` that names the argument.
 */

import { VaeletError } from "./errors.js";

/** Most numbers in one answer: 256 MB of them. */
const MOST = 2 ** 26;
/** Rounding may lead a little beyond the ends of [0, 1]. */
const ROUNDING = 1e-4;

/** An argument that cannot be used. @param {string} problem */
export function refused(problem) {
  return new VaeletError("bad-input", `${problem}.`);
}

/** A value as a sentence shows it. */
function shown(value) {
  if (typeof value === "string") return `"${value.slice(0, 40)}"`;
  if (value === null || value === undefined || ["number", "boolean"].includes(typeof value)) return String(value);
  return `a value of type ${Array.isArray(value) ? "Array" : (value.constructor?.name ?? typeof value)}`;
}

/** The options of a call: an object, or nothing. */
export function optionsOf(options) {
  if (options === undefined) return {};
  if (options === null || typeof options !== "object") throw refused(`The options have to be an object, not ${shown(options)}`);
  return options;
}

/** A whole number of a range; what is not given is `fallback`. */
export function whole(name, value, fallback, low, high = Number.MAX_SAFE_INTEGER) {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw refused(`${name} has to be a whole number from ${low} to ${high}, not ${shown(value)}`);
}

/** A finite number; what is not given is `fallback`. */
export function finite(name, value, fallback, low = -Infinity) {
  if (value === undefined && fallback !== undefined) return fallback;
  if (Number.isFinite(value) && value >= low) return value;
  throw refused(`${name} has to be a number${low === -Infinity ? "" : ` from ${low} on`}, not ${shown(value)}`);
}

/** One of several words; what is not given is the first. @template {string} T @param {T[]} words @returns {T} */
export function word(name, value, words) {
  if (value === undefined) return words[0];
  if (words.includes(value)) return value;
  throw refused(`${name} has to be ${words.map((one) => `"${one}"`).join(" or ")}, not ${shown(value)}`);
}

/** A function, or nothing. */
export function callback(name, value) {
  if (value === undefined || value === null || typeof value === "function") return value ?? undefined;
  throw refused(`${name} has to be a function, not ${shown(value)}`);
}

/**
 * Numbers, of which `size` make one item: as many items as `count`, or any number from one on. An
 * array of numbers will do; the answer is a `Float32Array`.
 * @param {string} name
 * @param {unknown} values
 * @param {number} size
 * @param {{ count?: number, picture?: boolean }} [options] a picture's numbers lie in [0, 1]
 * @returns {Float32Array}
 */
export function numbers(name, values, size, { count, picture = false } = {}) {
  if (!isList(values)) throw refused(`${name} has to be a Float32Array, not ${shown(values)}`);
  const { length } = values;
  const fits = count === undefined ? length > 0 && length % size === 0 : length === count * size;
  if (!fits) {
    const expected = count === undefined ? `a multiple of ${size}` : `${count * size}`;
    throw refused(`${name} has ${length} numbers, where ${expected} were expected${length === 0 ? "" : `: ${size} for each ${picture ? "image" : "latent"}`}`);
  }
  const floats = values instanceof Float32Array ? values : Float32Array.from(/** @type {number[]} */ (values), (value) => (typeof value === "number" ? value : NaN));
  const wrong = floats.findIndex(picture ? (value) => !(value >= -ROUNDING && value <= 1 + ROUNDING) : (value) => !Number.isFinite(value));
  if (wrong >= 0) throw refused(`${name}[${wrong}] is ${shown(values[wrong])}, where ${picture ? "a number from 0 to 1" : "a finite number"} was expected`);
  return floats;
}

/** @param {unknown} values @returns {values is Float32Array | number[]} an array, of whatever it may be */
function isList(values) {
  return Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView));
}

/** Refuses what would be more numbers than there is memory for. @param {number} count items @param {number} size numbers in each */
export function checkRoom(count, size) {
  if (count * size <= MOST) return;
  throw new VaeletError("too-large", `${count} at once would be ${count * size} numbers; at most ${MOST} fit. Ask for fewer at a time.`);
}

/** A canvas that can be drawn into. @returns {HTMLCanvasElement} */
export function drawable(canvas) {
  // A canvas of another document is none of this one's classes.
  if (canvas?.nodeName !== "CANVAS" || typeof canvas.getContext !== "function") {
    throw refused(`canvas has to be a canvas element, not ${shown(canvas)}`);
  }
  if (canvas.width === 0 || canvas.height === 0) throw undrawable("its width or height is 0");
  return canvas;
}

/** A canvas that cannot be drawn into. @param {string} reason */
export function undrawable(reason) {
  return new VaeletError("canvas", `This canvas cannot be drawn into: ${reason}.`);
}
