/** The same seed twice: pictures from where the training pictures are, and from anywhere; a slider moves the border between them. */

import { element, fill } from "../../parts/dom.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { createSlider } from "../../parts/slider.js";

const COUNT = 24;
const COLUMNS = 6;

/**
 * @param {HTMLElement} host
 * @param {import("../../vaelet.js").Model} model with a prior of its own
 * @param {string} many what its pictures are called
 */
export function createContrast(host, model, many) {
  const $ = fill(host, '<div class="sheet contrast" id="contrast-sheet"></div><div id="contrast-host"></div>');
  const { input } = model.info;
  const grids = /** @type {const} */ (["learned", "normal"]).map((prior) => {
    const part = element("div", { className: `contrast-${prior}` });
    part.style.aspectRatio = `${input.width * COLUMNS} / ${(input.height * COUNT) / COLUMNS}`;
    $("contrast-sheet").append(part);
    return { prior, grid: createImageGrid(part, model, COLUMNS, `${many} ${prior === "learned" ? `from where ${many} are` : "from anywhere"}`) };
  });
  const show = (share) => $("contrast-sheet").style.setProperty("--share", String(share));
  createSlider($("contrast-host"), {
    id: "contrast",
    label: `Where ${many} are | anywhere`,
    min: 0,
    max: 1,
    step: 0.01,
    value: 0.5,
    format: (share) => `${Math.round(100 * share)} %`,
    onInput: show,
  });
  show(0.5);
  return {
    /** @param {number} seed */
    show(seed) {
      for (const { prior, grid } of grids) grid.show(model.sample({ seed, count: COUNT, prior }));
    },
    get idle() {
      return grids.every(({ grid }) => grid.idle);
    },
    redraw: () => grids.forEach(({ grid }) => grid.redraw()),
    unmount: () => grids.forEach(({ grid }) => grid.unmount()),
  };
}
