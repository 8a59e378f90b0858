/** A card to pass on: a picture as the network draws it, the numbers that it is drawn from, and where to find it. No photo is on it. */

import { subjectOf } from "../models/subject.js";
import { paperOf } from "../parts/dom.js";
import { enlarge, imageOf, pngOf } from "../parts/picture.js";

/** Sizes in pixels. */
export const WIDTH = 600;
const EDGE = 40;
const SIDE = WIDTH - 2 * EDGE;
const CODE = 90;
export const HEIGHT = EDGE + SIDE + 24 + CODE + 96;
/** Bars are cut off at ± this. */
const LIMIT = 3;

/**
 * @param {import("../vaelet.js").Model} model
 * @param {Float32Array} z of the picture
 * @param {string} address of the page
 * @returns {Promise<Blob>} a PNG
 */
export async function cardOf(model, z, address) {
  const { info } = model;
  const { one, ink } = subjectOf(info);
  const picture = enlarge(imageOf(await model.decode(z), info.input, ink), Math.max(1, Math.round(SIDE / info.input.width)));
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = paperOf(canvas);
  const box = (colour, left, top, width, height) => {
    context.fillStyle = colour;
    context.fillRect(left, top, width, height);
  };
  box("#faf8f4", 0, 0, WIDTH, HEIGHT);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, EDGE, EDGE, SIDE, SIDE);
  const middle = EDGE + SIDE + 24 + CODE / 2;
  const step = SIDE / z.length;
  box("#dcd7cd", EDGE, middle, SIDE, 1);
  z.forEach((value, i) => {
    const height = (Math.max(-LIMIT, Math.min(LIMIT, value)) / LIMIT) * (CODE / 2);
    box("#a8361b", EDGE + (i + 0.15) * step, middle - Math.max(0, height), 0.7 * step, Math.abs(height));
  });
  const write = (text, font, colour, y) => {
    context.font = font;
    context.fillStyle = colour;
    context.fillText(text, EDGE, y, SIDE);
  };
  write(`A ${one}, drawn from these ${z.length} numbers`, "24px Georgia, serif", "#1d1b18", HEIGHT - 56);
  write(address, "16px system-ui, sans-serif", "#615c54", HEIGHT - 28);
  return pngOf(canvas);
}
