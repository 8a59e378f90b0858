/**
 * A surface that follows the pointer: mouse, pen or finger, from where it is put down until it is
 * lifted, wherever that is.
 */

/**
 * @param {HTMLElement} surface with `touch-action: none`
 * @param {(at: [number, number], event: PointerEvent) => void} onMove the place as parts of width and height, in [0, 1]
 * @param {() => void} [onLift]
 */
export function follow(surface, onMove, onLift) {
  let pointer = null;
  const move = (event) => {
    const box = surface.getBoundingClientRect();
    const part = (at, start, length) => Math.min(1, Math.max(0, (at - start) / length));
    onMove([part(event.clientX, box.left, box.width), part(event.clientY, box.top, box.height)], event);
  };
  surface.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault();
    pointer = event.pointerId;
    surface.setPointerCapture(pointer);
    move(event);
  });
  surface.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) move(event);
  });
  const lift = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    onLift?.();
  };
  // Capture ends with every way of letting go: release outside, cancel, lost window.
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) surface.addEventListener(type, lift);
}
