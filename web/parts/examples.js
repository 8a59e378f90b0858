/**
 * Digits to try without a pointer: the model's own examples where it carries
 * pictures, otherwise ten digits kept here as strokes, as a hand would draw them.
 */

const arc = (cx, cy, rx, ry, from, to, steps = 36) =>
  Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });

/** Strokes of the digits 0 to 9; angles run clockwise from the right. */
export const DIGITS = [
  [arc(0.5, 0.5, 0.2, 0.32, -80, 280)],
  [[[0.42, 0.26], [0.53, 0.18], [0.5, 0.82]]],
  [[...arc(0.48, 0.34, 0.18, 0.16, -165, 30), [0.3, 0.79], [0.72, 0.78]]],
  [[...arc(0.47, 0.33, 0.17, 0.15, -150, 90), ...arc(0.46, 0.65, 0.2, 0.17, -90, 150)]],
  [[[0.36, 0.2], [0.29, 0.55], [0.7, 0.53]], [[0.64, 0.22], [0.6, 0.84]]],
  [[[0.36, 0.2], [0.33, 0.47], ...arc(0.46, 0.62, 0.2, 0.19, -110, 150)], [[0.36, 0.2], [0.68, 0.19]]],
  [[[0.58, 0.17], [0.43, 0.34], ...arc(0.5, 0.65, 0.17, 0.17, -195, 165)]],
  [[[0.29, 0.22], [0.7, 0.21], [0.56, 0.5], [0.46, 0.82]]],
  [[...arc(0.5, 0.33, 0.15, 0.15, -60, -270), ...arc(0.5, 0.66, 0.18, 0.17, -90, 270), ...arc(0.5, 0.33, 0.15, 0.15, 90, -60)]],
  [[...arc(0.5, 0.36, 0.17, 0.17, -10, -370), [0.65, 0.55], [0.57, 0.84]]],
];

/** @typedef {{ label: string, pixels?: Float32Array, strokes: number[][][] }} Example */

/**
 * One example for each label, in the order of the labels.
 * @param {import("../vaelet.js").ModelInfo} info
 * @returns {Example[]}
 */
export function examplesOf({ examples = [] }) {
  if (examples.length === 0) return DIGITS.map((strokes, digit) => ({ label: String(digit), strokes }));
  const first = new Map([...examples].reverse().map(({ label, pixels }) => [label, pixels]));
  return [...first]
    .sort(([a], [b]) => Number(a) - Number(b) || (a < b ? -1 : 1))
    .map(([label, pixels]) => ({ label, pixels: Float32Array.from(pixels, (value) => value / 255), strokes: [] }));
}

/** `count` of the items, evenly spread: examples come sorted by class. */
export function spread(items, count) {
  const some = Math.min(count, items.length);
  return Array.from({ length: some }, (_, i) => items[Math.floor((i * items.length) / some)]);
}
