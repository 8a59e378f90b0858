/** The pictures that are learned from: digits that come with the page, and the reader's own. */

import { VaeletError } from "../../api/errors.js";
import { fetchFile } from "../../api/network.js";
import { element, paperOf } from "../../parts/dom.js";

/** Digits in a row of the picture that has them all, and their sides. */
const COLUMNS = 100;
const SIDE = 28;
/** Digits that are not learned from. */
const HELD_OUT = 500;
/** Side of a reader's own pictures. */
const OWN = 32;
/** Most pictures that are opened. */
const MOST = 4000;

/**
 * @typedef {object} Data
 * @property {Uint8Array} pixels [N, H, W, C]
 * @property {number} heldOut how many of the last are measured only
 * @property {[number, number, number]} sides channels, height, width
 * @property {Uint8Array | null} labels the class of each, where there are classes
 * @property {string} one
 * @property {string} many
 * @property {string} credit
 * @property {string} licence
 * @property {string} name what it is called in the model's description
 */

/** 10,000 digits of MNIST. @param {(share: number) => void} [onProgress] @returns {Promise<Data>} */
export async function fetchDigits(onProgress) {
  const url = new URL("../../data/digits.png", import.meta.url);
  const { bytes } = await fetchFile(url, { onBytes: (loaded) => onProgress?.(Math.min(1, loaded / 1.7e6)) });
  const { width, height, values } = await greyOf(bytes);
  // The last rows hold the class of each digit.
  const count = COLUMNS * Math.floor(height / SIDE);
  if (width !== COLUMNS * SIDE || count < HELD_OUT) throw new VaeletError("bad-input", "The picture with the digits is another one than this page was made for. Reload the page.");
  const pixels = new Uint8Array(count * SIDE * SIDE);
  for (let i = 0; i < count; i += 1) {
    const [left, top] = [(i % COLUMNS) * SIDE, Math.floor(i / COLUMNS) * SIDE];
    for (let y = 0; y < SIDE; y += 1) {
      const from = (top + y) * width + left;
      pixels.set(values.subarray(from, from + SIDE), (i * SIDE + y) * SIDE);
    }
  }
  const labels = values.slice(count * SIDE * SIDE, count * SIDE * SIDE + count);
  return { pixels, heldOut: HELD_OUT, sides: [1, SIDE, SIDE], labels, one: "digit", many: "digits", name: "10,000 digits of MNIST", credit: "Trained on MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0", licence: "CC BY-SA 3.0" };
}

/**
 * A grey PNG without filters, as the trainer writes it. No canvas reads it, because some browsers add noise there.
 * @param {Uint8Array} png
 */
async function greyOf(png) {
  const view = new DataView(png.buffer, png.byteOffset);
  const parts = [];
  let [width, height] = [0, 0];
  for (let at = 8; at + 12 <= png.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IHDR") [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (type === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const stream = new Blob(/** @type {BlobPart[]} */ (parts)).stream().pipeThrough(new DecompressionStream("deflate"));
  const lines = new Uint8Array(await new Response(stream).arrayBuffer());
  const values = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) values.set(lines.subarray(y * (width + 1) + 1, (y + 1) * (width + 1)), y * width);
  return { width, height, values };
}

/** A reader's drawings. @param {Float32Array[]} drawings @returns {Data} */
export function dataOfDrawings(drawings) {
  const pixels = new Uint8Array(drawings.length * SIDE * SIDE);
  drawings.forEach((drawing, i) => pixels.set(drawing.map((value) => Math.round(255 * value)), SIDE * SIDE * i));
  return { pixels, heldOut: 0, sides: [1, SIDE, SIDE], labels: null, one: "sign", many: "signs", name: `${drawings.length} drawings`, credit: "Trained on drawings of its author", licence: "the author's to choose" };
}

/**
 * Pictures from files, each cut to its largest square in the middle.
 * @param {File[]} files
 * @param {(share: number) => void} onProgress
 * @returns {Promise<{ data: Data, skipped: string[] }>} and the names of what is no picture
 */
export async function dataOfFiles(files, onProgress) {
  const canvas = element("canvas", { width: OWN, height: OWN });
  const context = paperOf(canvas);
  const squares = [];
  const skipped = [];
  for (const [i, file] of files.slice(0, MOST).entries()) {
    try {
      const whole = await createImageBitmap(file, { imageOrientation: "from-image" });
      const side = Math.min(whole.width, whole.height);
      const [left, top] = [(whole.width - side) / 2, (whole.height - side) / 2];
      const small = await createImageBitmap(whole, left, top, side, side, { resizeWidth: OWN, resizeHeight: OWN, resizeQuality: "high" });
      whole.close();
      context.fillStyle = "#fff";
      context.fillRect(0, 0, OWN, OWN);
      context.drawImage(small, 0, 0);
      small.close();
      const { data } = context.getImageData(0, 0, OWN, OWN);
      const square = new Uint8Array(3 * OWN * OWN);
      for (let p = 0; p < OWN * OWN; p += 1) square.set(data.subarray(4 * p, 4 * p + 3), 3 * p);
      squares.push(square);
    } catch {
      skipped.push(file.name);
    }
    onProgress((i + 1) / Math.min(files.length, MOST));
  }
  const pixels = new Uint8Array(squares.length * 3 * OWN * OWN);
  squares.forEach((square, i) => pixels.set(square, i * square.length));
  const data = { pixels, heldOut: 0, sides: /** @type {[number, number, number]} */ ([3, OWN, OWN]), labels: null, one: "picture", many: "pictures", name: `${squares.length} pictures`, credit: "Trained on pictures of its author", licence: "the author's to choose" };
  return { data, skipped };
}

/** A drawing as `[C, H, W]` of what the network takes. @param {Data} data @param {number} i @returns {Float32Array} */
export function pictureOf({ pixels, sides: [channels, height, width] }, i) {
  const area = height * width;
  return Float32Array.from({ length: channels * area }, (_, at) => pixels[(i * area + (at % area)) * channels + Math.floor(at / area)] / 255);
}
