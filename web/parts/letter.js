/**
 * A letter drawn by hand, as the encoder of a typeface model sees it: as tall and at the place of the
 * model's average one, in the middle, with a pen of a given width.
 */

import { clamp } from "../api/numbers.js";
import { distanceToSegment } from "./ink.js";

/** What is ink, of 1. */
const INK = 0.5;

/**
 * @param {number[][][]} strokes points [x, y], y downwards, in any unit
 * @param {Float32Array} average the model's average picture of the character, [H, W], 1 is ink
 * @param {{ width: number, height: number }} input
 * @param {number} pen its width in pixels
 * @returns {Float32Array | null} [H, W] in [0, 1]; nothing where there are no strokes
 */
export function letterOf(strokes, average, { width, height }, pen) {
  const points = strokes.flat();
  if (points.length === 0) return null;
  const rows = Array.from({ length: height }, (_, y) => y).filter((y) => average.subarray(y * width, (y + 1) * width).some((value) => value > INK));
  const [top, bottom] = rows.length > 0 ? [rows[0], rows.at(-1) + 1] : [height / 4, (3 * height) / 4];
  const [left, right, upper, lower] = [0, 1].flatMap((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  // A flat drawing must not become wider than the picture.
  const scale = Math.min((bottom - top - pen) / Math.max(1e-6, lower - upper), (width - 2 * pen) / Math.max(1e-6, right - left));
  const [middleX, middleY] = [(left + right) / 2, (upper + lower) / 2];
  const placed = ([x, y]) => [width / 2 + (x - middleX) * scale, (top + bottom) / 2 + (y - middleY) * scale];
  const pixels = new Float32Array(width * height);
  for (const stroke of strokes) {
    const line = stroke.map(placed);
    line.forEach((to, i) => inkSegment(pixels, { width, height }, line[Math.max(0, i - 1)], to, pen / 2));
  }
  return pixels;
}

/** Inks the pixels whose centres are within `radius` of a segment, with a soft edge of one pixel. */
function inkSegment(pixels, { width, height }, from, to, radius) {
  const reach = radius + 1;
  const range = (axis, side) => [Math.max(0, Math.floor(Math.min(from[axis], to[axis]) - reach)), Math.min(side - 1, Math.ceil(Math.max(from[axis], to[axis]) + reach))];
  const [x0, x1] = range(0, width);
  const [y0, y1] = range(1, height);
  for (let y = y0; y <= y1; y += 1) {
    for (let x = x0; x <= x1; x += 1) {
      const ink = clamp(radius + 0.5 - distanceToSegment([x + 0.5, y + 0.5], from, to), 0, 1);
      pixels[y * width + x] = Math.max(pixels[y * width + x], ink);
    }
  }
}
