/**
 * Drawings as data: a stroke is a list of [x, y] with the pad's edges at 0 and
 * 1. A drawing fits into a link once its strokes are thinned to the points
 * that matter, so a teacher can pass on exactly this digit.
 */

import { clamp } from "../api/numbers.js";
import { MAX_LENGTH, RANGE, round } from "./ink-text.js";

/** Width of the pen, of the pad's width. */
export const PEN = 0.09;
/** Thinning may move a line by this part of the pad's width: a third of a pixel of the 28×28 image. */
const TOLERANCE = 0.008;
/** The same in parts of a stroke's own size: a small drawing is scaled up. */
const FINE = 1 / 80;
/** Cells in a row of the grid over the pad in which ink is counted: four to a pixel of the 28×28 image. */
const GRID = 112;

/**
 * Strokes with another, as far as it lies on the pad, thinned and rounded to what a link can hold.
 * Where all of them are too long for one they become coarser together, and then those are left out that hardly add ink.
 * @param {number[][][]} strokes @param {number[][]} points
 */
export function addStroke(strokes, points) {
  let all = [...strokes, ...onPad([points]).map((piece) => simplify(piece, toleranceOf(piece)).map(round))];
  const isLong = () => all.reduce((sum, { length }) => sum + 4 * length + 1, -1) > MAX_LENGTH;
  for (let tolerance = TOLERANCE; isLong() && tolerance < RANGE; tolerance *= 1.5) {
    all = all.map((stroke) => simplify(stroke, tolerance));
  }
  // So many strokes cover the pad several times: most lie under others.
  for (let cells = 1; isLong(); cells *= 2) all = withInk(all, cells);
  return all;
}

/** Strokes that add ink to at least so many cells of the grid that those before them have left free. */
function withInk(strokes, cells) {
  const inked = new Uint8Array(GRID * GRID);
  return strokes.filter((points) => {
    const free = new Set();
    eachCell(points, (cell) => inked[cell] || free.add(cell));
    if (free.size < cells) return false;
    for (const cell of free) inked[cell] = 1;
    return true;
  });
}

/** Visits the cells of the grid that a stroke inks, some of them several times. */
function eachCell(points, visit) {
  const radius = (PEN / 2) * GRID;
  const reach = Math.floor(radius);
  const disc = [];
  for (let y = -reach; y <= reach; y += 1) for (let x = -reach; x <= reach; x += 1) if (Math.hypot(x, y) <= radius) disc.push([x, y]);
  points.forEach((to, i) => {
    const from = points[Math.max(0, i - 1)];
    const steps = Math.max(1, Math.ceil((Math.hypot(to[0] - from[0], to[1] - from[1]) * GRID) / 2));
    for (let step = 1; step <= steps; step += 1) {
      const [x, y] = from.map((value, axis) => Math.round((value + (step / steps) * (to[axis] - value)) * GRID));
      for (const [dx, dy] of disc) if (x + dx >= 0 && x + dx < GRID && y + dy >= 0 && y + dy < GRID) visit((y + dy) * GRID + x + dx);
    }
  });
}

/** The parts of strokes that can be seen on the pad, half a pen beyond its edge included. */
export function onPad(strokes) {
  const pieces = [];
  for (const points of strokes) {
    let piece = null;
    points.forEach((point, i) => {
      if (i === 0 && points.length > 1) return;
      const from = points[Math.max(0, i - 1)];
      const [start, end] = partOnPad(from, point);
      if (start > end) {
        piece = null;
        return;
      }
      const at = (part) => (part === 1 ? point : from.map((value, axis) => value + part * (point[axis] - value)));
      if (!piece || start > 0) pieces.push((piece = points.length > 1 ? [at(start)] : []));
      piece.push(at(end));
      if (end < 1) piece = null;
    });
  }
  return pieces;
}

/** Where a line comes onto the pad and where it leaves it, in parts of the line; the first is larger where it never does (Liang and Barsky 1984). */
function partOnPad(from, to) {
  let [start, end] = [0, 1];
  for (const axis of [0, 1]) {
    const way = to[axis] - from[axis];
    const edges = [-PEN / 2, 1 + PEN / 2].map((edge) => edge - from[axis]);
    if (way === 0) {
      if (edges[0] > 0 || edges[1] < 0) return [1, 0];
    } else {
      const [near, far] = edges.map((edge) => edge / way).sort((a, b) => a - b);
      start = Math.max(start, near);
      end = Math.min(end, far);
    }
  }
  return [start, end];
}

function toleranceOf(points) {
  const extents = [0, 1].map((axis) => {
    const along = points.map((point) => point[axis]);
    return along.reduce((a, b) => Math.max(a, b)) - along.reduce((a, b) => Math.min(a, b));
  });
  return Math.min(TOLERANCE, FINE * Math.max(...extents));
}

/**
 * Ramer–Douglas–Peucker: drops points that lie on the line between their neighbours. Without
 * recursion: a long scribble would go too deep.
 */
export function simplify(points, tolerance = TOLERANCE) {
  if (points.length < 3) return points;
  const kept = new Set([0, points.length - 1]);
  const spans = [[0, points.length - 1]];
  while (spans.length > 0) {
    const [first, last] = spans.pop();
    let farthest = 0;
    let distance = tolerance;
    for (let i = first + 1; i < last; i += 1) {
      const d = distanceToSegment(points[i], points[first], points[last]);
      if (d > distance) [farthest, distance] = [i, d];
    }
    if (!farthest) continue;
    kept.add(farthest);
    spans.push([first, farthest], [farthest, last]);
  }
  return points.filter((_, i) => kept.has(i));
}

/** Of a point to a line between two others. */
export function distanceToSegment([x, y], [ax, ay], [bx, by]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length && clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1);
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}
