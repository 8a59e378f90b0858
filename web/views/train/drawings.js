/** The reader's own drawings: a pad, the drawings so far, and their place in this browser. */

import { element, paperOf } from "../../parts/dom.js";
import { inkImage } from "../../parts/picture.js";
import { createPad } from "../../parts/pad.js";
import { keepDrawings, keptDrawings } from "./saved.js";

const SIDE = 28;
/** Most drawings. */
const MOST = 500;

/**
 * @param {(id: string) => any} $
 * @param {{ onChange: () => void }} hooks
 */
export function createDrawings($, { onChange }) {
  /** @type {Float32Array[]} */
  const list = [];
  let isReady = false;
  const pad = createPad($("pad"), {
    onInk() {
      $("invite").hidden = !pad.empty;
      showKeys();
    },
    onCommit: () => showKeys(),
  });

  function showKeys() {
    $("add").disabled = !isReady || pad.empty || list.length >= MOST;
    $("undo").disabled = !pad.canUndo;
    $("clear").disabled = pad.empty;
  }

  function changed() {
    $("count").textContent = list.length === 0 ? "No drawing yet." : `${list.length} ${list.length === 1 ? "drawing" : "drawings"}.`;
    keepDrawings(list);
    onChange();
  }

  function add() {
    const drawing = isReady && !pad.empty ? pad.read() : null;
    if (!drawing || list.length >= MOST) return;
    list.push(drawing);
    $("thumbs").append(thumbnail(drawing));
    pad.restore({});
    changed();
  }

  function thumbnail(drawing) {
    const canvas = element("canvas", { width: SIDE, height: SIDE, className: "ink" });
    paperOf(canvas).putImageData(inkImage(drawing, SIDE, SIDE), 0, 0);
    const button = element("button", { type: "button" }, canvas);
    button.setAttribute("aria-label", "Delete this drawing");
    const item = element("li", {}, button);
    button.addEventListener("click", () => {
      const next = item.nextElementSibling ?? item.previousElementSibling;
      list.splice(list.indexOf(drawing), 1);
      item.remove();
      changed();
      (next?.querySelector("button") ?? $("pad")).focus();
    });
    return item;
  }

  $("add").addEventListener("click", add);
  $("undo").addEventListener("click", () => pad.undo());
  $("clear").addEventListener("click", () => pad.clear());
  $("pad").addEventListener("keydown", (event) => {
    if (event.key === "Enter") add();
    if ((event.ctrlKey || event.metaKey) && event.key === "z") pad.undo();
  });

  return {
    /** The drawings, 28×28 each, in [0, 1]. */
    list,
    /** The program that normalises strokes is there. */
    ready() {
      isReady = true;
      showKeys();
    },
    /** Brings back what was drawn before. */
    async restore() {
      for (const drawing of await keptDrawings()) {
        list.push(drawing);
        $("thumbs").append(thumbnail(drawing));
      }
      $("count").textContent = list.length === 0 ? "No drawing yet." : `${list.length} drawings.`;
      showKeys();
    },
  };
}
