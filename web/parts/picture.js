/**
 * Images of a model as pictures of the page. Canvases hold one canvas pixel per image pixel and
 * are enlarged by CSS, so that a frame costs no more than the image. Pixels are `[C, H, W]` in
 * [0, 1], as the model has them.
 */

import { element, paperOf } from "./dom.js";

/**
 * Gives a canvas room for `columns` × `rows` images.
 * @param {HTMLCanvasElement} canvas
 * @param {{ width: number, height: number }} input of model.json: the size of one image
 */
export function sizeFor(canvas, { width, height }, columns = 1, rows = 1) {
  canvas.width = width * columns;
  canvas.height = height * rows;
}

/** Paints an image into a canvas of the class `ink`, `left` and `top` pixels from its corner. */
export function paintPicture(canvas, pixels, { input, ink }, left = 0, top = 0) {
  const image = ink ? inkImage(pixels, input.width, input.height) : imageOf(pixels, input, false);
  paperOf(canvas).putImageData(image, left, top);
}

/** Grey ink as white of that opacity. */
export function inkImage(pixels, width, height) {
  const image = new ImageData(width, height);
  const { data } = image;
  data.fill(255);
  for (let i = 0; i < width * height; i += 1) data[4 * i + 3] = Math.round(255 * pixels[i]);
  return image;
}

/** An image of a model, opaque; digits as black ink on white. */
export function imageOf(pixels, { channels, width, height }, ink) {
  const image = new ImageData(width, height);
  const area = width * height;
  for (let i = 0; i < area; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      const value = pixels[Math.min(c, channels - 1) * area + i];
      image.data[4 * i + c] = Math.round(255 * (ink ? 1 - value : value));
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** The reverse: what a canvas shows, as pixels of the model. @param {CanvasRenderingContext2D} context */
export function pixelsOf(context, { channels, width, height }) {
  const { data } = context.getImageData(0, 0, width, height);
  const area = width * height;
  return Float32Array.from({ length: channels * area }, (_, i) => {
    const at = 4 * (i % area);
    if (channels === 3) return data[at + Math.floor(i / area)] / 255;
    return (0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]) / 255;
  });
}

/** A canvas `scale` times as large as the image. @returns {OffscreenCanvas} */
export function enlarge(image, scale) {
  const small = element("canvas", { width: image.width, height: image.height });
  paperOf(small).putImageData(image, 0, 0);
  const large = new OffscreenCanvas(image.width * scale, image.height * scale);
  const context = paperOf(large);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, large.width, large.height);
  return large;
}

/** How much larger than the model's a picture is that is saved: about 512 pixels a side. */
export function savedScale({ width }) {
  return Math.max(1, Math.round(512 / width));
}

/** At once: what a canvas on the page is asked for, browsers put off until they are idle. @param {OffscreenCanvas} canvas */
export function pngOf(canvas) {
  return canvas.convertToBlob({ type: "image/png" });
}

/** Hands a file to the reader. @param {Blob} blob */
export function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
