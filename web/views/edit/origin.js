/**
 * Where an attribute comes from: three examples that have much of it and three that have little, the mean of each group, and
 * what the difference of the two means does to the face of the reader. Fetched when it is first asked for.
 */

import { join } from "../../api/numbers.js";
import { fill } from "../../parts/dom.js";
import { createImageGrid } from "../../parts/image-grid.js";

/** Examples in a group. */
export const GROUP = 3;

const dot = (a, b) => b.reduce((sum, value, i) => sum + value * a[i], 0);

/** @param {ArrayLike<number>[]} latents @returns {Float32Array} */
export function meanOf(latents) {
  return Float32Array.from(latents[0], (_, i) => latents.reduce((sum, z) => sum + z[i], 0) / latents.length);
}

/**
 * The examples that lie farthest along a direction, and farthest against it; and the difference of the means of both, as long as
 * the direction is from 0 to `reach` along itself.
 * @param {number[][]} latents more than twice as many as a group has
 * @param {number[]} vector
 * @param {number} reach in lengths of the vector
 * @returns {{ having: number[][], lacking: number[][], step: Float32Array }}
 */
export function groupsOf(latents, vector, reach) {
  const sorted = [...latents].sort((a, b) => dot(b, vector) - dot(a, vector));
  const [having, lacking] = [sorted.slice(0, GROUP), sorted.slice(-GROUP)];
  const low = meanOf(lacking);
  const difference = meanOf(having).map((value, i) => value - low[i]);
  const length = dot(difference, vector);
  const scale = length > 0 ? (reach * dot(vector, vector)) / length : 0;
  return { having, lacking, step: difference.map((value) => value * scale) };
}

const markup = (many, count) => `
  <div class="choice wraps" role="radiogroup" aria-label="The attribute">${Array.from({ length: count }, (_, i) => `
    <label><input type="radio" name="origin" value="${i}" ${i ? "" : "checked"}><span></span></label>`).join("")}
  </div>
  <p class="note">
    Of this model’s examples, these ${GROUP} ${many} have most of it and these ${GROUP} least. Their mean is the mean of their numbers, decoded.
    The difference of the two means is an arrow from less to more of it, and can be added to any other.
  </p>
  ${[["having", `<span class="origin-name"></span>: ${GROUP} ${many}, and their mean`], ["lacking", `Least: ${GROUP} ${many}, and their mean`], ["moved", "Before: minus the difference, as it is, plus the difference"]].map(([id, caption]) => `
    <figure class="origin-row">
      <figcaption>${caption}</figcaption>
      <div id="origin-${id}"></div>
    </figure>`).join("")}
  <p class="note">
    Six pictures are few: whatever else the two groups do not share changes too. The slider’s direction begins as this difference over
    all labelled training pictures, where most of the rest cancels out, and is then turned so that other attributes stay as they are.
  </p>
`;

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {import("../../vaelet.js").Model} options.model
 * @param {string} options.many what the model's pictures are called
 * @param {import("./edits.js").Direction[]} options.directions
 * @param {number[][]} options.latents of the examples
 * @param {number} options.first the direction to begin with
 */
export function createOrigin(host, { model, many, directions, latents, first }) {
  const $ = fill(host, markup(many, directions.length));
  const labels = [...host.querySelectorAll(".choice span")];
  labels.forEach((label, i) => {
    label.textContent = directions[i].name;
  });
  const grids = ["having", "lacking", "moved"].map((id) => createImageGrid($(`origin-${id}`), model, id === "moved" ? GROUP : GROUP + 1, $(`origin-${id}`).previousElementSibling.textContent));
  let chosen = first;
  /** @type {Float32Array} */
  let face = new Float32Array(model.latentSize);
  const showMoved = () => {
    const { vector, sure } = directions[chosen];
    const { step } = groupsOf(latents, vector, sure[1] || -sure[0]);
    grids[2].show(join([face.map((value, i) => value - step[i]), face, face.map((value, i) => value + step[i])]));
  };
  const show = () => {
    const { name, vector, sure } = directions[chosen];
    host.querySelectorAll("input")[chosen].checked = true;
    host.querySelector(".origin-name").textContent = `Most “${name}”`;
    const { having, lacking } = groupsOf(latents, vector, sure[1] || -sure[0]);
    [having, lacking].forEach((group, i) => grids[i].show(join([...group.map((z) => Float32Array.from(z)), meanOf(group)])));
    showMoved();
  };
  host.addEventListener("change", ({ target }) => {
    chosen = Number(/** @type {HTMLInputElement} */ (target).value);
    show();
  });
  show();
  return {
    /** @param {Float32Array} z of the face that is being changed */
    follow(z) {
      face = z;
      showMoved();
    },
    get idle() {
      return grids.every(({ idle }) => idle);
    },
    redraw() {
      for (const grid of grids) grid.redraw();
    },
    unmount() {
      for (const grid of grids) grid.unmount();
    },
  };
}
