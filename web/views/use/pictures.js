/**
 * Real pictures of a model: the test images that its card shows, and the thumbnails of its atlas, as
 * pixels of the model; and what is done to a picture to make it strange, small, or noisy.
 */

import { fileOf } from "../../api/files.js";
import { fetchFile } from "../../api/network.js";
import { inSlices } from "../../api/slices.js";
import { element, paperOf } from "../../parts/dom.js";
import { readsBack } from "../../parts/crop.js";
import { imageOf, pixelsOf } from "../../parts/picture.js";

/** Pictures in a row of the card's test images, of which every other row is reconstructions. */
const COLUMNS = 10;
const ROWS = 3;

/** @param {URL} folder @param {string} name */
async function bitmapOf(folder, name) {
  const { bytes } = await fetchFile(fileOf(folder, name));
  return createImageBitmap(new Blob([/** @type {BlobPart} */ (bytes)]));
}

/** Cuts a picture out of a sheet, at the size of the model's input. */
function cut(sheet, context, input, [left, top], [width, height]) {
  context.imageSmoothingQuality = "high";
  context.drawImage(sheet, left, top, width, height, 0, 0, input.width, input.height);
  return pixelsOf(context, input);
}

const paperFor = ({ width, height }) => paperOf(element("canvas", { width, height }));

/** Makes so many things, with the page's turn in between. @template T @param {number} count @param {(i: number) => T} make @param {AbortSignal} [signal] @returns {Promise<T[]>} */
export async function makeAll(count, make, signal) {
  /** @type {T[]} */
  const all = [];
  await inSlices(() => {
    signal?.throwIfAborted();
    if (all.length < count) all.push(make(all.length));
    return all.length < count;
  });
  return all;
}

/** Test images that were published with the model; none where there are none, or canvases give back noise. @param {URL} folder @param {{ channels: number, width: number, height: number }} input @returns {Promise<Float32Array[]>} */
export async function testPictures(folder, input) {
  if (!readsBack()) return [];
  const sheet = await bitmapOf(folder, `reconstructions.${input.channels === 3 ? "jpg" : "png"}`).catch(() => null);
  const { width, height } = input;
  if (!sheet || sheet.width !== COLUMNS * (width + 1) - 1 || sheet.height !== 2 * ROWS * (height + 1) - 1) return [];
  const context = paperFor(input);
  const pictures = await makeAll(COLUMNS * ROWS, (i) => cut(sheet, context, input, [(i % COLUMNS) * (width + 1), 2 * Math.floor(i / COLUMNS) * (height + 1)], [width, height]));
  sheet.close();
  return pictures;
}

/** The pictures of an atlas, one at a time: smaller ones are enlarged. @param {URL} folder @param {import("../../models/atlas.js").Items} items @returns {Promise<(i: number) => Float32Array>} */
export async function itemPictures(folder, { thumbnails, columns, side }, input) {
  const sheet = await bitmapOf(folder, thumbnails);
  const context = paperFor(input);
  return (i) => cut(sheet, context, input, [(i % columns) * (side + 1), Math.floor(i / columns) * (side + 1)], [side, side]);
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ways to make a picture strange, by their names. @type {Record<string, { name: string, change: (pixels: Float32Array, input: { width: number, height: number }) => Float32Array }>} */
export const ODD = {
  square: {
    name: "A grey square",
    change: (pixels, { width, height }) => pixels.map((value, i) => {
      const [x, y] = [i % width, Math.floor(i / width) % height];
      return x >= 0.55 * width && x < 0.8 * width && y >= 0.2 * height && y < 0.45 * height ? 0.5 : value;
    }),
  },
  row: {
    name: "A dead row",
    change: (pixels, { width, height }) => pixels.map((value, i) => (Math.floor(i / width) % height === Math.floor(0.45 * height) ? 0 : value)),
  },
  inverted: { name: "Inverted", change: (pixels) => pixels.map((value) => 1 - value) },
  flipped: {
    name: "Upside down",
    change: (pixels, { width, height }) => pixels.map((_, i) => {
      const plane = Math.floor(i / (width * height)) * width * height;
      return pixels[plane + (height - 1 - (Math.floor(i / width) % height)) * width + (i % width)];
    }),
  },
  noise: {
    name: "Noise",
    change: (pixels) => {
      const random = randomOf(5);
      return pixels.map(() => random());
    },
  },
  empty: { name: "Empty", change: (pixels) => pixels.map(() => 0) },
};

/** A picture with Gaussian noise, cut to [0, 1] as a file cuts it. */
export function withNoise(pixels, deviation, seed) {
  const random = randomOf(seed);
  return pixels.map((value) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.min(1, Math.max(0, value + deviation * normal));
  });
}

/** A picture of which a share of pixels has become black or white. */
export function withSpecks(pixels, share, seed, area) {
  const random = randomOf(seed);
  const specks = Array.from({ length: area }, () => (random() < share ? Math.round(random()) : null));
  return pixels.map((value, i) => specks[i % area] ?? value);
}

/** A picture as it comes back from a JPEG file of its size. @param {number} quality 1 to 100 @returns {Promise<Float32Array>} */
export async function savedAsJpeg(pixels, input, quality) {
  const context = new OffscreenCanvas(input.width, input.height).getContext("2d", { willReadFrequently: true });
  context.putImageData(imageOf(pixels, input, false), 0, 0);
  const bitmap = await createImageBitmap(await context.canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 }));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return pixelsOf(/** @type {any} */ (context), input);
}

/** The median of each pixel's 3 × 3 neighbours. */
export function median(pixels, { width, height }) {
  const area = width * height;
  const near = new Float32Array(9);
  return pixels.map((_, i) => {
    const [plane, x, y] = [i - (i % area), i % width, Math.floor((i % area) / width)];
    for (let k = 0; k < 9; k += 1) {
      const u = Math.min(width - 1, Math.max(0, x + (k % 3) - 1));
      const v = Math.min(height - 1, Math.max(0, y + Math.floor(k / 3) - 1));
      near[k] = pixels[plane + v * width + u];
    }
    return near.sort()[4];
  });
}

/** The means of `scale` × `scale` pixels. */
export function shrink(pixels, { channels, width, height }, scale) {
  const [w, h] = [width / scale, height / scale];
  const small = new Float32Array(channels * w * h);
  pixels.forEach((value, i) => {
    const [plane, x, y] = [Math.floor(i / (width * height)), i % width, Math.floor(i / width) % height];
    small[plane * w * h + Math.floor(y / scale) * w + Math.floor(x / scale)] += value / scale ** 2;
  });
  return small;
}

/** A small picture at full size: as squares, or by cubic convolution (Keys 1981). @param {"nearest" | "bicubic"} how */
export function stretch(small, { channels, width, height }, scale, how) {
  const [w, h] = [width / scale, height / scale];
  const weights = (t) => [-0.5 * t ** 3 + t ** 2 - 0.5 * t, 1.5 * t ** 3 - 2.5 * t ** 2 + 1, -1.5 * t ** 3 + 2 * t ** 2 + 0.5 * t, 0.5 * t ** 3 - 0.5 * t ** 2];
  const along = (side, count) => Array.from({ length: count }, (_, i) => {
    if (how === "nearest") return [[Math.floor(i / scale), 1]];
    const at = (i + 0.5) / scale - 0.5;
    const first = Math.floor(at);
    return weights(at - first).map((weight, k) => [Math.min(side - 1, Math.max(0, first - 1 + k)), weight]);
  });
  const [columns, rows] = [along(w, width), along(h, height)];
  return Float32Array.from({ length: channels * width * height }, (_, i) => {
    const plane = Math.floor(i / (width * height)) * w * h;
    let sum = 0;
    for (const [y, b] of rows[Math.floor(i / width) % height]) for (const [x, a] of columns[i % width]) sum += a * b * small[plane + y * w + x];
    return Math.min(1, Math.max(0, sum));
  });
}

/** Peak signal-to-noise ratio in decibels. */
export function psnr(a, b) {
  const square = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;
  return -10 * Math.log10(Math.max(square, 1e-9));
}

/** A PSNR in words. */
export const decibels = (a, b) => `${psnr(a, b).toFixed(1)} dB`;
