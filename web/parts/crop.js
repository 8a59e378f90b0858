/**
 * Pictures of any size, cut to what a model takes. A picture is kept at halving sizes, so that any
 * cut of it starts from one little larger than itself: no aliasing, and no waiting while it is moved.
 */

import { clamp } from "../api/numbers.js";
import { element, paperOf } from "./dom.js";

/** The longest side that is kept; no crop needs more. */
const LONGEST = 2048;
/** Below this the halving ends. */
const SHORTEST = 128;
/** A crop is drawn at 2^HALVINGS times its size, then halved as often. */
const HALVINGS = 2;

/** How far a picture can be enlarged, as powers of 2. */
export const ZOOMS = { min: -1.5, max: 3.5 };

/**
 * @typedef {{ width: number, height: number, levels: HTMLCanvasElement[] }} Picture the largest level first
 *
 * @typedef {object} Placement how a picture lies under the frame
 * @property {number} x of the picture's point, in its pixels, that is in the middle of the frame
 * @property {number} y
 * @property {number} zoom as a power of 2; at 0 the picture just covers the frame
 * @property {number} tilt in radians, clockwise
 */

/**
 * Reads a picture the right way up, on white where it is transparent.
 * @param {Blob} file
 * @returns {Promise<Picture>} rejects where the file is no picture that this browser knows
 */
export async function readPicture(file) {
  const whole = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(whole.width, whole.height));
  const [width, height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
  const bitmap = scale < 1 ? await createImageBitmap(whole, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" }) : whole;
  const levels = [scaled(bitmap, width, height)];
  while (Math.max(levels.at(-1).width, levels.at(-1).height) > SHORTEST) levels.push(halved(levels.at(-1)));
  bitmap.close();
  whole.close();
  return { width, height, levels };
}

/** Whether a canvas gives back what was put on it, but for a little: some browsers give noise instead. */
export function readsBack() {
  const image = new ImageData(16, 16);
  image.data.forEach((_, i) => {
    image.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256;
  });
  const context = paperOf(element("canvas", { width: 16, height: 16 }));
  context.putImageData(image, 0, 0);
  return context.getImageData(0, 0, 16, 16).data.every((value, i) => Math.abs(value - image.data[i]) <= 8);
}

/** Where a picture lies to begin with: all of its shorter side, and of a tall one rather the upper part. */
export function placementFor({ width, height }) {
  const spare = Math.max(0, height - width);
  return { x: width / 2, y: (height - spare) / 2 + 0.3 * spare, zoom: 0, tilt: 0 };
}

/** Moves the picture by parts of the frame's width. @param {Picture} picture @param {Placement} placement */
export function shift(picture, placement, aspect, dx, dy) {
  const scale = scaleOf(picture, placement, aspect);
  const [cos, sin] = [Math.cos(placement.tilt), Math.sin(placement.tilt)];
  return {
    ...placement,
    x: clamp(placement.x - (dx * cos + dy * sin) / scale, 0, picture.width),
    y: clamp(placement.y - (dy * cos - dx * sin) / scale, 0, picture.height),
  };
}

/** Zooms about a point, given from the middle of the frame in parts of its width. @param {Picture} picture @param {Placement} placement @param {number} aspect @param {number} zoom @param {number[]} [point] */
export function zoomTo(picture, placement, aspect, zoom, [px, py] = [0, 0]) {
  const centred = shift(picture, placement, aspect, -px, -py);
  return shift(picture, { ...centred, zoom: clamp(zoom, ZOOMS.min, ZOOMS.max) }, aspect, px, py);
}

/** Draws what the frame shows of a picture into all of a canvas. @param {HTMLCanvasElement} canvas */
export function paintCrop(canvas, picture, placement) {
  const { width, height } = canvas;
  const scale = width * scaleOf(picture, placement, height / width);
  const level = picture.levels.findLast((canvas) => canvas.width >= scale * picture.width) ?? picture.levels[0];
  const context = paperOf(canvas);
  context.resetTransform();
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.translate(width / 2, height / 2);
  context.rotate(placement.tilt);
  context.scale(scale, scale);
  context.translate(-placement.x, -placement.y);
  context.drawImage(level, 0, 0, picture.width, picture.height);
}

/** What the frame shows, at the size of a model's input. @returns {HTMLCanvasElement} */
export function crop(picture, placement, { width, height }) {
  const factor = 2 ** HALVINGS;
  let canvas = element("canvas", { width: factor * width, height: factor * height });
  paintCrop(canvas, picture, placement);
  for (let i = 0; i < HALVINGS; i += 1) canvas = halved(canvas);
  return canvas;
}

/** Frame widths for one pixel of the picture. `aspect` is the frame's height in parts of its width. */
function scaleOf({ width, height }, { zoom }, aspect) {
  return 2 ** zoom * Math.max(1 / width, aspect / height);
}

/** Where one pixel is made of four, the browser's plain smoothing is their mean. */
function halved(canvas) {
  return scaled(canvas, Math.ceil(canvas.width / 2), Math.ceil(canvas.height / 2));
}

function scaled(image, width, height) {
  const canvas = element("canvas", { width, height });
  const context = paperOf(canvas);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return canvas;
}
