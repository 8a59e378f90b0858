/**
 * Drawing a digit: the pad with undo, clear and ten digits to try, as the address has it. The view
 * brings the markup: `pad`, `invite`, `undo`, `clear` and `examples`.
 */

import { inTurn } from "../api/slices.js";
import { afterPause, element } from "./dom.js";
import { examplesOf } from "./examples.js";
import { decodeInk, encodeInk } from "./ink-text.js";
import { createPad } from "./pad.js";

/** Milliseconds that a demo takes. */
const DEMO = 900;

/**
 * @param {(id: string) => any} $
 * @param {object} options
 * @param {import("../vaelet.js").Model} options.model
 * @param {URLSearchParams} options.params
 * @param {(changes: object) => void} options.setParams
 * @param {string | null} [options.first] label of the example on the pad where the address has nothing
 * @param {number[][][]} [options.demo] or strokes that draw themselves then
 * @param {() => void} options.onInk something changed, maybe in the middle of a stroke
 */
export function createDrawing($, { model, params, setParams, first = null, demo, onInk }) {
  const examples = examplesOf(model.info);
  const remember = afterPause(() => {
    const label = pad.example?.label ?? null;
    const untouched = label === first && pad.strokes.length === 0;
    setParams({ example: untouched ? null : label, ink: (!pad.isDemo && encodeInk(pad.strokes)) || null });
  }, 300);
  const pad = createPad($("pad"), {
    onInk() {
      $("invite").hidden = !pad.empty;
      onInk();
    },
    onCommit() {
      $("undo").disabled = !pad.canUndo;
      $("clear").disabled = pad.empty;
      remember();
    },
  });

  $("undo").addEventListener("click", () => pad.undo());
  $("clear").addEventListener("click", () => pad.clear());
  $("pad").addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key !== "z") return;
    event.preventDefault();
    pad.undo();
  });
  for (const example of examples) {
    const button = element("button", { type: "button", className: "example", textContent: example.label });
    button.dataset.example = example.label;
    button.setAttribute("aria-label", `Try a ${example.label}`);
    button.addEventListener("click", () => pad.show(contentOf(example)));
    $("examples").append(button);
  }

  /** Whether the pad has what the address has. */
  let started = false;
  const start = () => {
    const strokes = decodeInk(params.get("ink"));
    const labelled = (text) => examples.find(({ label }) => label === text);
    const example = labelled(params.get("example")) ?? (strokes.length ? undefined : labelled(first));
    const content = example ? contentOf(example) : {};
    pad.restore(strokes.length ? { ...content, strokes } : content);
    if (demo && pad.empty) play(performance.now());
    else started = true;
    remember.cancel();
  };
  /** Draws the demo, a little more with each frame. @param {number} began */
  const play = (began) => {
    const isFirst = pad.empty;
    if (started || !(isFirst || pad.isDemo)) {
      started = true; // the reader was faster
      return;
    }
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const part = still ? 1 : Math.min(1, (performance.now() - began) / DEMO);
    let points = Math.ceil(part * demo.flat().length);
    const strokes = demo.map((stroke) => {
      const some = stroke.slice(0, points);
      points = Math.max(0, points - stroke.length);
      return some;
    });
    pad.restore({ strokes: strokes.filter((stroke) => stroke.length > 0), demo: true });
    remember.cancel();
    if (part < 1) requestAnimationFrame(() => play(began));
    else started = true;
  };

  return {
    pad,
    /** Puts what the address has on the pad, and calls `onInk`: not in the task that has built the view, for painting lays the page out. */
    start: () => inTurn(() => started || start()),
    get started() {
      return started;
    },
    /** The drawing as the encoder sees it; `null` where there is none. @returns {Float32Array | null} */
    read: () => pad.read(),
    unmount() {
      started = true; // nobody wants it any more
      remember.flush();
    },
  };
}

/** @param {import("./examples.js").Example} example Those with pixels lie under the strokes; those made of strokes are a drawing like any other. */
function contentOf({ label, pixels, strokes }) {
  return pixels ? { example: { label, pixels } } : { strokes: strokes.map((points) => [...points]) };
}
