/** One step of training, slowly: what each part computes, and what comes back as gradients. */

import { element, formatNumber, paperOf } from "../../parts/dom.js";
import { paintRows } from "./charts.js";

/** Most values on a side of a picture of weights. */
const SIDE = 96;
/** Latents that are written out. */
const SHOWN = 6;

/**
 * @param {(id: string) => any} $
 * @param {any} step what the worker's `follow` gives
 * @param {[number, number, number]} sides
 * @param {boolean} ink
 * @returns {HTMLElement[]} the stages, in order
 */
export function showFollowed($, step, sides, ink) {
  const area = sides[0] * sides[1] * sides[2];
  const latents = step.mean.length / (step.x.length / area);
  const picture = (values, label) => {
    const canvas = element("canvas", { className: "ink pixels" });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    paintRows(canvas, [values], sides, ink);
    return element("div", { className: "sheet" }, canvas);
  };
  const numbers = (values) => {
    const first = Array.from(values.subarray(0, Math.min(SHOWN, latents)), (value) => formatNumber(value, 2));
    return element("p", { className: "train-numbers", textContent: first.join("  ") + (latents > SHOWN ? " …" : "") });
  };
  const [reconstruction, kl] = step.losses;
  const stages = [
    ["x, the pictures", picture(step.x, "The pictures of the batch")],
    ["μ of the first one", numbers(step.mean)],
    ["σ, how sure the encoder is", numbers(step.sigma)],
    ["ε, random noise", numbers(step.epsilon)],
    ["z = μ + σε", numbers(step.z)],
    ["x̂, redrawn from z", picture(step.y, "What the decoder makes of z")],
    ["The loss", element("p", { className: "train-numbers", textContent: `${formatNumber(reconstruction, 1)} + β · ${formatNumber(kl, 2)} nats` })],
    ["What should change in x̂", signed(step.ofLogits, sides)],
  ].map(([title, content]) => element("li", {}, element("h3", { textContent: title }), content));
  $("stages").replaceChildren(...stages);

  const tensors = step.tensors.filter(({ name }) => name.endsWith(".weight")).map(({ name, shape, gradient, moved }) => {
    const pictures = [["gradient", gradient], ["moved by", moved]].map(([what, values]) => {
      const canvas = matrix(values, shape);
      canvas.setAttribute("aria-label", `${name}: ${what}`);
      return element("figure", {}, canvas, element("figcaption", { textContent: what }));
    });
    return element("div", {}, element("h3", { textContent: `${name}, ${shape.join(" × ")}` }), ...pictures);
  });
  $("tensors").replaceChildren(...tensors);
  return [...stages, $("tensors")];
}

/** Pictures of values around 0. */
function signed(values, [channels, height, width]) {
  const area = channels * height * width;
  const count = values.length / area;
  const canvas = element("canvas", { width: count * width, height, className: "pixels" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The gradient of the loss with respect to each pixel");
  const context = paperOf(canvas);
  const most = largest(values);
  for (let i = 0; i < count; i += 1) {
    const image = new ImageData(width, height);
    for (let p = 0; p < height * width; p += 1) colour(image, p, values[i * area + p] / most);
    context.putImageData(image, i * width, 0);
  }
  return element("div", { className: "sheet" }, canvas);
}

/** A tensor as a picture with a pixel for each value, or for some where there are many. */
function matrix(values, shape) {
  const columns = shape[shape.length - 1];
  const rows = values.length / columns;
  const [width, height] = [Math.min(SIDE, columns), Math.min(SIDE, rows)];
  const canvas = element("canvas", { width, height, className: "pixels" });
  canvas.setAttribute("role", "img");
  const image = new ImageData(width, height);
  const most = largest(values);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
      colour(image, y * width + x, values[at] / most);
    }
  }
  paperOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

function largest(values) {
  let most = 1e-12;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

/** Red above 0, blue below. @param {ImageData} image @param {number} pixel @param {number} share from −1 to 1 */
function colour({ data }, pixel, share) {
  const rgb = share > 0 ? [193, 54, 27] : [47, 96, 249];
  data.set([...rgb, Math.round(255 * Math.sqrt(Math.abs(share)))], 4 * pixel);
}
