/** What is done with numbers everywhere. */

/** The value, or the end of the range that it lies beyond. @param {number} value @param {number} low @param {number} high */
export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/**
 * Arrays one after the other, in one; the array itself where there is only one.
 * @template {Float32Array | Uint8Array} [T=Float32Array]
 * @param {T[]} arrays
 * @returns {T}
 */
export function join(arrays) {
  if (arrays.length === 1) return arrays[0];
  const Type = /** @type {new (length: number) => T} */ (arrays[0]?.constructor ?? Float32Array);
  const all = new Type(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of arrays) {
    all.set(values, at);
    at += values.length;
  }
  return all;
}
