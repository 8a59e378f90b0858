/**
 * Where faces are in a photo. The detector (`cascade.js`) slides over the photo at many sizes; what several windows
 * agree on is a face. It only finds the place: whether a model can redraw what is there, its own error says (`fit.js`).
 */

import { inSlices } from "../api/slices.js";
import { CASCADE } from "./cascade.js";

import { paperOf } from "./dom.js";
/** The side of the detector's window. */
const WINDOW = 24;
/** The longer side at which a photo is searched: a face of a twelfth of it is found. */
const SEARCHED = 288;
/** From one size to the next. */
const GROWTH = 1.15;
/** Windows that have to agree. */
const AGREE = 3;

/**
 * @typedef {{ x: number, y: number, width: number, height: number, set: Int32Array, values: [number, number] }} Tree
 * @typedef {{ threshold: number, trees: Tree[] }} Stage
 * @typedef {{ x: number, y: number, side: number, votes: number }} Face its middle and side in pixels of the photo, and how many windows agree
 */

/** @type {Stage[] | undefined} */
let cascade;

/** @returns {Stage[]} */
function unpack() {
  const data = new DataView(Uint8Array.from(atob(CASCADE), (letter) => letter.charCodeAt(0)).buffer);
  const stages = [];
  let at = 0;
  while (at < data.byteLength) {
    const count = data.getUint8(at);
    const threshold = data.getFloat32(at + 1, true);
    at += 5;
    const trees = [];
    for (let i = 0; i < count; i += 1, at += 40) {
      const [x, y, width, height] = [0, 1, 2, 3].map((j) => data.getUint8(at + j));
      const set = Int32Array.from({ length: 8 }, (_, j) => data.getInt32(at + 4 + 4 * j, true));
      trees.push(/** @type {Tree} */ ({ x, y, width, height, set, values: [36, 38].map((j) => data.getInt16(at + j, true) / 16384) }));
    }
    stages.push({ threshold, trees });
  }
  return stages;
}

/** Sums over all pixels above and to the left, one row and column more than there are pixels. @param {ArrayLike<number>} grey */
export function sumsOf(grey, width, height) {
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y += 1) {
    let row = 0;
    for (let x = 0; x < width; x += 1) {
      row += grey[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  }
  return sums;
}

/** Whether every stage takes the window at this place for a face. @param {Stage[]} stages @param {Float64Array} sums @param {number} stride */
function isFace(stages, sums, stride, left, top) {
  for (const { threshold, trees } of stages) {
    let total = 0;
    for (const { x, y, width, height, set, values } of trees) {
      const block = (i, j) => {
        const at = (top + y + j * height) * stride + left + x + i * width;
        return sums[at] - sums[at + width] - sums[at + height * stride] + sums[at + height * stride + width];
      };
      const middle = block(1, 1);
      // Clockwise from the upper left.
      const pattern =
        (block(0, 0) >= middle ? 128 : 0) | (block(1, 0) >= middle ? 64 : 0) | (block(2, 0) >= middle ? 32 : 0) | (block(2, 1) >= middle ? 16 : 0) |
        (block(2, 2) >= middle ? 8 : 0) | (block(1, 2) >= middle ? 4 : 0) | (block(0, 2) >= middle ? 2 : 0) | (block(0, 1) >= middle ? 1 : 0);
      total += set[pattern >> 5] & (1 << (pattern & 31)) ? values[0] : values[1];
    }
    if (total < threshold) return false;
  }
  return true;
}

/** Windows that lie on one another, as one face each; the surest first. @param {{ x: number, y: number, side: number }[]} windows @returns {Face[]} */
export function agreeing(windows) {
  const groups = [];
  for (const window of windows) {
    const near = groups.find(({ mean }) => Math.hypot(mean.x - window.x, mean.y - window.y) < 0.25 * mean.side && Math.abs(Math.log2(window.side / mean.side)) < 0.5);
    if (!near) {
      groups.push({ mean: { ...window }, votes: 1 });
      continue;
    }
    near.votes += 1;
    for (const key of /** @type {const} */ (["x", "y", "side"])) near.mean[key] += (window[key] - near.mean[key]) / near.votes;
  }
  return groups.filter(({ votes }) => votes >= AGREE).map(({ mean, votes }) => ({ ...mean, votes })).sort((a, b) => b.votes * b.side - a.votes * a.side);
}

/**
 * @param {import("./crop.js").Picture} picture
 * @param {() => boolean} isWanted the search ends early where it is not
 * @returns {Promise<Face[]>} the surest and largest first
 */
export async function findFaces({ width, height, levels }, isWanted) {
  cascade ??= unpack();
  const stages = cascade;
  const windows = [];
  let scale = Math.min(1, SEARCHED / Math.max(width, height));
  await inSlices(() => {
    const [w, h] = [width, height].map((side) => Math.round(side * scale));
    if (Math.min(w, h) < WINDOW || !isWanted()) return false;
    const context = paperOf(new OffscreenCanvas(w, h));
    context.imageSmoothingQuality = "high";
    context.drawImage(levels.findLast((level) => level.width >= w) ?? levels[0], 0, 0, w, h);
    const { data } = context.getImageData(0, 0, w, h);
    const sums = sumsOf(Float32Array.from({ length: w * h }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]), w, h);
    for (let top = 0; top + WINDOW <= h; top += 1) {
      for (let left = 0; left + WINDOW <= w; left += 1) {
        if (isFace(stages, sums, w + 1, left, top)) windows.push({ x: (left + WINDOW / 2) / scale, y: (top + WINDOW / 2) / scale, side: WINDOW / scale });
      }
    }
    scale /= GROWTH;
    return true;
  });
  return agreeing(windows);
}
