/**
 * Canvases that show images of the model. They hold one canvas pixel per image
 * pixel and are enlarged by CSS, so that a frame costs no more than the image.
 */

/**
 * Gives a canvas room for `columns` × `rows` images.
 * @param {HTMLCanvasElement} canvas
 * @param {{ width: number, height: number }} input of model.json: the size of one image
 */
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
