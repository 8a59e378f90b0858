/**
 * Many pictures at once: rows of decoded latents, drawn one after the other. While the latents
 * change faster than they can be drawn, the newest win and no work queues up.
 */

import { element, oncePerFrame } from "./dom.js";
import { sizeFor } from "./picture.js";

/** Milliseconds after which no frame is waited for: a hidden page shows none. */
const FRAME = 100;

/** Resolves once the browser has shown what was drawn. */
function shown() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, FRAME);
  });
}

/**
 * @param {HTMLElement} host receives the rows
 * @param {import("../vaelet.js").Model} model
 * @param {number} columns
 * @param {string} label what a screen reader hears
 */
export function createImageGrid(host, model, columns, label) {
  const { input } = model.info;
  let perRow = columns;
  /** @type {Float32Array} */
  let z = new Float32Array(0);
  /** The class of each, where they are not all of the model's. @type {number[] | undefined} */
  let given;
  const rowsOf = () => /** @type {HTMLCanvasElement[]} */ ([...host.children]);
  /** Rows that show something older than `z`. */
  let stale = [];
  let working = false;
  let isFirst = true;
  let unmounted = false;
  host.classList.add("image-grid");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", label);

  const draw = oncePerFrame(async () => {
    if (working) return; // the newest latents are taken up row by row
    working = true;
    try {
      // No frame is waited for: a GPU takes a row at once, and the CPU takes its breaks itself. But the first row is
      // shown before the others are drawn.
      while (stale.length > 0 && !unmounted) {
        await drawRow(stale.shift());
        if (isFirst) await shown();
        isFirst = false;
      }
    } finally {
      working = false;
    }
  });
  const drawRow = async (row) => {
    const [first, end] = [row * perRow, (row + 1) * perRow];
    const latents = z.subarray(first * model.latentSize, end * model.latentSize);
    await model.present(rowsOf()[row], latents, { columns: perRow, classes: given?.slice(first, end) });
  };

  const redraw = () => {
    const rows = Math.ceil(z.length / (perRow * model.latentSize));
    while (host.children.length > rows) host.lastChild.remove();
    while (host.children.length < rows) host.append(element("canvas", { className: "live ink pixels" }));
    for (const row of rowsOf()) {
      if (row.width !== input.width * perRow) sizeFor(row, input, perRow);
    }
    // What is half done goes on from where it is, so that every row gets its turn.
    const order = Array.from({ length: rows }, (_, i) => i);
    const next = stale[0] ?? 0;
    stale = [...order.slice(next), ...order.slice(0, next)];
    draw();
  };

  return {
    /** Latents, row by row. @param {Float32Array} latents @param {number[]} [classes] one for each, in a model with a condition */
    show(latents, classes) {
      z = latents;
      given = classes;
      redraw();
    },
    /** How many pictures stand in a row. */
    set columns(count) {
      if (count === perRow) return;
      perRow = count;
      redraw();
    },
    get columns() {
      return perRow;
    },
    /** Whether everything that was asked for is drawn. */
    get idle() {
      return stale.length === 0 && !working;
    },
    redraw,
    /** Draws into fresh canvases, for a model that is not the view's own and has moved. */
    renew() {
      host.replaceChildren();
      redraw();
    },
    unmount() {
      unmounted = true;
      draw.cancel();
    },
  };
}
