/**
 * What there is to see before the weights are: ten digits that are written as
 * the bytes arrive, above a progress bar that counts them.
 */

import { DIGITS } from "./examples.js";

const SIZE = 64;
const PEN = 0.08;
const megabytes = (bytes) => (bytes / 1e6).toFixed(2);

/** @param {(id: string) => HTMLElement} find */
export function createLoading(find) {
  const context = find("loading-digits").getContext("2d");
  context.canvas.width = SIZE * DIGITS.length;
  context.canvas.height = SIZE;
  context.scale(SIZE, SIZE);
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });

  return {
    start() {
      find("loading").hidden = false;
      find("loading-progress").removeAttribute("value"); // how much there is comes with model.json
      find("loading-bytes").textContent = "";
      write(context, 0);
    },
    /** @param {import("./vaelet.js").Progress} progress */
    show({ loaded, total }) {
      find("loading-progress").value = loaded / total;
      find("loading-bytes").textContent = `${megabytes(loaded)} of ${megabytes(total)} MB`;
      write(context, loaded / total);
    },
    end() {
      find("loading").hidden = true;
    },
  };
}

/** Writes this part of the line that makes up all ten digits. */
function write(context, part) {
  context.clearRect(0, 0, DIGITS.length, 1);
  const strokes = DIGITS.flatMap((digit, i) => digit.map((points) => points.map(([x, y]) => [x + i, y])));
  let left = Math.round(part * strokes.reduce((sum, points) => sum + points.length, 0));
  for (const points of strokes) {
    if (left <= 0) return;
    context.beginPath();
    for (const point of points.slice(0, left)) context.lineTo(...point);
    context.stroke();
    left -= points.length;
  }
}
