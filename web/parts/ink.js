/**
 * Drawings as data: a stroke is a list of [x, y] with the pad's edges at 0 and
 * 1. A drawing fits into a link once its strokes are thinned to the points
 * that matter, so a teacher can pass on exactly this digit.
 */

/** Thinning may move a line by this part of the pad's width: a third of a pixel of the 28×28 image. */
const TOLERANCE = 0.008;
/** Coordinates are two base-36 digits; the range leaves room for strokes that leave the pad. */
const STEPS = 36 ** 2 - 1;
const LOW = -0.5;
const RANGE = 2;
/** Longer drawings stay out of the address bar. */
const MAX_LENGTH = 8000;

/** @param {number[][][]} strokes @returns {string} empty where there is nothing, or too much, to write */
export function encodeInk(strokes) {
  const text = strokes.map((points) => simplify(points).map(encodePoint).join("")).join(".");
  return text.length <= MAX_LENGTH ? text : "";
}

/** @param {string | null} text @returns {number[][][]} leaves out what is no stroke */
export function decodeInk(text) {
  return (text ?? "")
    .slice(0, MAX_LENGTH)
    .split(".")
    .filter((stroke) => /^([0-9a-z]{4})+$/.test(stroke))
    .map((stroke) => stroke.match(/.{4}/g).map(decodePoint));
}

function encodePoint(point) {
  return point
    .map((value) => Math.round(Math.min(1, Math.max(0, (value - LOW) / RANGE)) * STEPS))
    .map((step) => step.toString(36).padStart(2, "0"))
    .join("");
}

function decodePoint(text) {
  return [text.slice(0, 2), text.slice(2)].map((digits) => (parseInt(digits, 36) / STEPS) * RANGE + LOW);
}

/** Ramer–Douglas–Peucker: drops points that lie on the line between their neighbours. */
function simplify(points) {
  if (points.length < 3) return points;
  const first = points[0];
  const last = points[points.length - 1];
  let farthest = 0;
  let distance = 0;
  for (let i = 1; i < points.length - 1; i += 1) {
    const d = distanceToSegment(points[i], first, last);
    if (d > distance) [farthest, distance] = [i, d];
  }
  if (distance <= TOLERANCE) return [first, last];
  return [...simplify(points.slice(0, farthest + 1)).slice(0, -1), ...simplify(points.slice(farthest))];
}

function distanceToSegment([x, y], [ax, ay], [bx, by]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length && Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}
