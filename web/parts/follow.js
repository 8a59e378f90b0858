/** A surface that follows the pointer: mouse, pen or finger. */

import { clamp } from "../api/numbers.js";
import { onePointer } from "./pointer.js";

/**
 * @param {HTMLElement} surface with `touch-action: none`
 * @param {(at: [number, number], event: PointerEvent) => void} onMove the place as parts of width and height, in [0, 1]
 * @param {() => void} [onLift]
 */
export function follow(surface, onMove, onLift = () => {}) {
  const move = (event) => {
    const box = surface.getBoundingClientRect();
    if (!box.width || !box.height) return; // hidden meanwhile
    const part = (at, start, length) => clamp((at - start) / length, 0, 1);
    onMove([part(event.clientX, box.left, box.width), part(event.clientY, box.top, box.height)], event);
  };
  onePointer(surface, { start: move, move, end: onLift });
}
