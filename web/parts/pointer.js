/**
 * One mouse, pen or finger at a time on a surface, from where it is put down until it is lifted,
 * wherever that is. A pen goes before a finger: what touched first was the hand that holds it.
 */

/** A touch this wide, in CSS pixels, is the heel of a hand where a pen is in use. */
const PALM = 32;
/** Milliseconds for which a pen that was seen counts as in use. */
const IN_USE = 60_000;
/** Milliseconds after which what a touch has done stays, though a pen comes. */
const HAND = 1000;
/** Milliseconds for which a pen that was seen is in the air above the surface: then every touch is the hand's. */
const NEAR = 500;

/** As `setPointerCapture`, for a pointer that may have gone already. */
export function capture(surface, pointerId) {
  try {
    surface.setPointerCapture(pointerId);
  } catch {
    // It was lifted before we were asked.
  }
}

/**
 * @param {HTMLElement} surface with `touch-action: none`, unless it leaves a direction to the page
 * @param {object} by
 * @param {(event: PointerEvent) => void} by.start
 * @param {(event: PointerEvent) => void} by.move not for the event of `start`
 * @param {(how: "lifted" | "cancelled" | "pen") => void} by.end by the reader, by the system, or because a pen came
 * @param {() => void} [by.retract] the touch that ended last was the hand's: a pen came soon after
 * @param {(event: PointerEvent) => boolean} [by.accepts] which buttons count; the main one unless told otherwise
 */
export function onePointer(surface, { start, move, end, retract, accepts = ({ button }) => button === 0 }) {
  /** @type {PointerEvent | null} the event that the one in use began with */
  let current = null;
  let penSeen = -Infinity;
  /** When the last touch ended, unless something else came since. */
  let touched = -Infinity;
  const finish = (how, { timeStamp }) => {
    touched = current.pointerType === "touch" ? timeStamp : -Infinity;
    current = null;
    end(how);
  };
  const lookForPen = (event) => {
    if (event.pointerType !== "pen") return;
    penSeen = event.timeStamp;
    if (current?.pointerType === "touch") finish("pen", event);
    else if (event.timeStamp - touched < HAND) retract?.();
    touched = -Infinity;
  };
  const isPalm = ({ pointerType, timeStamp, width, height }) => {
    if (pointerType !== "touch") return false;
    const ago = timeStamp - penSeen;
    return ago < NEAR || (ago < IN_USE && Math.max(width, height) >= PALM);
  };
  for (const type of ["pointerenter", "pointerdown", "pointermove"]) surface.addEventListener(type, lookForPen);

  surface.addEventListener("pointerdown", (event) => {
    if (current || !accepts(event) || isPalm(event)) return;
    event.preventDefault();
    current = event;
    capture(surface, event.pointerId);
    start(event);
  });
  surface.addEventListener("pointermove", (event) => {
    if (event.pointerId !== current?.pointerId) return;
    // Some windows never tell that the button was released.
    if (event.pointerType === "mouse" && event.buttons === 0) finish("lifted", event);
    else move(event);
  });
  // Capture ends with every way of letting go: release outside, cancel, lost window.
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    surface.addEventListener(type, (/** @type {PointerEvent} */ event) => {
      if (event.pointerId === current?.pointerId) finish(type === "pointercancel" ? "cancelled" : "lifted", event);
    });
  }
}
