/** A surface whose content is moved by mouse, pen, finger and arrow keys, and zoomed by two fingers, the wheel, + and −. */

import { capture } from "./pointer.js";

/** Of the frame's width: how far an arrow key moves the picture. */
const NUDGE = 1 / 64;
/** Powers of 2 that + and − zoom by. */
const ZOOM_STEP = 0.1;

/**
 * @param {HTMLElement} frame
 * @param {object} by
 * @param {(dx: number, dy: number) => void} by.shift parts of the frame's width
 * @param {(by: number, at?: number[]) => void} by.zoom powers of 2, about a point given from the middle
 */
export function panAndZoom(frame, { shift: move, zoom }) {
  /** @type {Map<number, number[]>} where each finger is, from the middle, in parts of the width */
  const fingers = new Map();
  const at = ({ clientX, clientY }) => {
    const box = frame.getBoundingClientRect();
    return [(clientX - box.left) / box.width - 0.5, (clientY - box.top - box.height / 2) / box.width];
  };
  const centre = () => [0, 1].map((axis) => [...fingers.values()].reduce((sum, point) => sum + point[axis], 0) / fingers.size);
  const span = () => {
    const [[ax, ay], [bx, by]] = fingers.values();
    return Math.hypot(ax - bx, ay - by);
  };
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || fingers.size === 2) return;
    capture(frame, event.pointerId);
    fingers.set(event.pointerId, at(event));
  });
  frame.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = { centre: centre(), span: fingers.size === 2 && span() };
    fingers.set(event.pointerId, at(event));
    const [x, y] = centre();
    move(x - before.centre[0], y - before.centre[1]);
    if (before.span > 0 && span() > 0) zoom(Math.log2(span() / before.span), [x, y]);
  });
  // Capture ends with every way of letting go: release outside, cancel, lost window.
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    frame.addEventListener(type, (/** @type {PointerEvent} */ { pointerId }) => fingers.delete(pointerId));
  }
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(-event.deltaY / (event.deltaMode === 0 ? 400 : 12), at(event));
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 4 * NUDGE : NUDGE;
    const step = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    const power = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": -ZOOM_STEP }[event.key];
    if (!step && !power) return;
    event.preventDefault();
    if (step) move(step[0], step[1]);
    else zoom(power);
  });
}
