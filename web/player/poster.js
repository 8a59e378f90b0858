/**
 * What there is to see before the weights are: the model's own samples of seed 7, a picture
 * of 8 × 8 that was published with it, laid out as the grid of the view Sample will be.
 */

import { fileOf, isKept } from "../api/files.js";
import { element } from "../parts/dom.js";
import { SAMPLES } from "../parts/source.js";

const SIDE = 8;

/** Pictures in a row of the grid, by its width; each divides the number of pictures. */
const COLUMNS = [
  [900, 12],
  [560, 10],
  [340, 6],
  [0, 5],
];

/** @param {number} width in CSS pixels */
export function columnsFor(width) {
  return COLUMNS.find(([least]) => width >= least)[1];
}

/** Where the samples of a model are; nowhere for one that the reader keeps. Only texts have more than three channels. @param {URL} folder @param {{ channels: number }} input */
export function posterOf(folder, { channels }) {
  const url = fileOf(folder, `samples.${channels > 3 ? "txt" : channels === 3 ? "jpg" : "png"}`);
  return isKept(url) ? null : url;
}

/**
 * Fills `host` with the samples that the picture at `url` holds; the place is taken before the picture has come.
 * @param {HTMLElement} host
 * @param {URL} url
 * @param {{ width: number }} input of the model, in pixels
 * @param {number} rows the most that are shown
 */
export function showPoster(host, url, { width }, rows) {
  const columns = columnsFor(host.clientWidth);
  host.style.setProperty("--columns", String(columns));
  const at = (place) => `${(100 * place) / (SIDE - 1)}%`;
  const cells = Array.from({ length: Math.min(SAMPLES, rows * columns) }, (_, i) => {
    const cell = element("span", { className: "ink" });
    cell.style.backgroundImage = `url("${url.href}")`;
    cell.style.backgroundSize = `${100 * (SIDE + (SIDE - 1) / width)}%`; // a pixel lies between two pictures
    cell.style.backgroundPosition = `${at(i % SIDE)} ${at(Math.floor(i / SIDE))}`;
    cell.addEventListener("click", () => cell.classList.toggle("is-large")); // something to do until the weights are there
    return cell;
  });
  host.replaceChildren(...cells);
}
