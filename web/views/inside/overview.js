/** The whole machine in one row, with the numbers of this picture: each stage leads to its part below. */

import { element, formatNumber, paperOf } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { setAttributes, shape } from "../../parts/svg.js";

/** Numbers that are drawn, at most, and where they are cut off. */
const MOST = 64;
const LIMIT = 3;

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {{ channels: number, height: number, width: number }} options.input
 * @param {boolean} options.ink whether pictures are ink on paper
 * @param {number} options.latents
 * @param {(id: string) => void} options.goTo shows a part
 */
export function createOverview(host, { input, ink, latents, goTo }) {
  const picture = () => {
    const canvas = element("canvas", { className: "ink pixels" });
    sizeFor(canvas, input);
    return canvas;
  };
  const bars = (term) => {
    const path = shape("path", {});
    const svg = shape("svg", { viewBox: `0 ${-LIMIT} ${Math.min(MOST, latents)} ${2 * LIMIT}`, preserveAspectRatio: "none", "data-term": term });
    svg.append(path);
    return { svg, path };
  };
  const [x, back] = [picture(), picture()];
  const [means, numbers] = [bars("mean"), bars("z")];
  const loss = element("output", { textContent: "–" });
  const stages = [
    ["input", "picture x", x, "x"],
    ["encoder", "encoder", element("span", { className: "funnel" }), "encoder"],
    ["posterior", "μ ± σ", means.svg, "mean"],
    ["sampling", "z", numbers.svg, "z"],
    ["decoder", "decoder", element("span", { className: "funnel is-opening" }), "decoder"],
    ["loss", "redrawn x̂", back, "back"],
    ["loss", "loss", loss, "loss"],
  ];
  host.append(...stages.map(([part, name, shown, term]) => {
    const button = element("button", { type: "button", onclick: () => goTo(`part-${part}`) }, element("span", { className: "overview-shown" }, shown), element("span", { textContent: name }));
    button.setAttribute("data-term", term);
    return button;
  }));
  const drawBars = ({ path }, values, spread) => {
    const line = (value, i) => `M${i + 0.5} ${-Math.min(LIMIT, value + (spread?.[i] ?? 0))}V${spread ? -Math.max(-LIMIT, value - spread[i]) : 0}`;
    setAttributes(path, { d: Array.from(values.subarray(0, MOST), line).join("") });
  };
  return {
    /** @param {{ pixels: Float32Array, image: Float32Array, mean: Float32Array, logVar: Float32Array, z: Float32Array, loss: number | null }} state */
    show({ pixels, image, mean, logVar, z, loss: nats }) {
      paintPicture(x, pixels, { input, ink });
      paintPicture(back, image, { input, ink });
      drawBars(means, mean, logVar.map((value) => Math.exp(Math.min(80, value) / 2)));
      drawBars(numbers, z);
      loss.textContent = nats === null ? "–" : `${formatNumber(nats, 1)} nats`;
    },
    clear() {
      for (const canvas of [x, back]) paperOf(canvas).clearRect(0, 0, canvas.width, canvas.height);
      for (const { path } of [means, numbers]) path.removeAttribute("d");
      loss.textContent = "–";
    },
  };
}
