/**
 * Canvases that show images of the model. They hold one canvas pixel per image
 * pixel and are enlarged by CSS, so that a frame costs no more than the image.
 */

/** @param {import("./vaelet.js").Model["info"]} info @returns {{ width: number, height: number }} pixels of one image */
export function imageSize(info) {
  const [height, width] = info.input?.shape?.slice(-2) ?? [28, 28];
  return { width, height };
}

/** Gives a canvas room for `columns` × `rows` images. */
export function sizeFor(canvas, { width, height }, columns = 1, rows = 1) {
  canvas.width = width * columns;
  canvas.height = height * rows;
}

/** Paints grey pixels in [0, 1] into a canvas of the same size. */
export function paintPixels(canvas, pixels) {
  const context = canvas.getContext("2d");
  context.putImageData(inkImage(pixels, canvas.width, canvas.height), 0, 0);
}

/** Grey ink as white of that opacity. */
export function inkImage(pixels, width, height) {
  const image = new ImageData(width, height);
  pixels.forEach((value, i) => {
    image.data.fill(255, 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = Math.round(255 * value);
  });
  return image;
}
