/** Seeded noise, halves, and how far two runtimes are apart. */

/**
 * Numbers in ±√3, of mean 0 and variance 1; equal seeds give equal numbers everywhere (mulberry32).
 * @param {number} seed
 * @param {number} length
 * @returns {Float32Array}
 */
export function noise(seed, length) {
  let state = seed * 0x9e3779b9;
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (((bits ^ (bits >>> 14)) >>> 0) / 2 ** 31 - 1) * Math.sqrt(3);
  });
}

const word = new DataView(new ArrayBuffer(4));

/** The bits of the f16 next to a number of its normal range; 0 below that. @param {number} value */
export function halfOf(value) {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const sign = (bits >>> 16) & 0x8000;
  if (exponent <= 0) return sign;
  return sign | (((exponent << 10) | ((bits >>> 13) & 0x3ff)) + ((bits >>> 12) & 1));
}

/**
 * The largest difference, of values beyond ±1 in parts of them; infinite where the lengths differ
 * or a value is no number.
 * @param {ArrayLike<number>} found
 * @param {ArrayLike<number>} expected
 */
export function largestDifference(found, expected) {
  if (found.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < found.length; i += 1) {
    const difference = Math.abs(found[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
