/** The numbers of a picture as a chart that can be dragged: what the picture is made of. */

import { createPosterior } from "../../parts/posterior.js";

/**
 * @param {HTMLElement} host receives the chart
 * @param {HTMLElement} readout receives the number that was chosen
 * @param {number} size of a latent
 * @param {(z: Float32Array, done: boolean) => void} onChange the reader moves a number, and at last has let go
 */
export function createNumbers(host, readout, size, onChange) {
  /** @type {Float32Array} */
  let z = new Float32Array(size);
  const show = () => chart.show({ mean: z, z });
  const chart = createPosterior(host, readout, size, {
    onDrag(i, value) {
      z = z.map((old, j) => (i === j ? value : old));
      show();
      onChange(z, false);
    },
    onDrop: () => onChange(z, true),
  });
  return {
    /** @param {Float32Array} latent */
    show(latent) {
      z = latent;
      show();
    },
  };
}
