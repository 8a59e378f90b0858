/**
 * The drawing pad: mouse, pen and touch through Pointer Events. Strokes are
 * kept as lines, so undo is exact and fast movements leave no gaps. The encoder gets the lines
 * too, never what the browser painted.
 */

import { normalizeStrokes } from "../vaelet.js";
import { paperOf } from "./dom.js";
import { PEN, addStroke, distanceToSegment, onPad, simplify } from "./ink.js";
import { inkImage } from "./picture.js";
import { onePointer } from "./pointer.js";

const SHOWN = 560;
/** Points nearer to the last one than this, of the pad's width, say nothing. */
const NEAR = 0.001;
/** From so many points on a stroke is thinned while it is being drawn. */
const MANY = 4096;
/** Steps that can be undone. */
const REMEMBERED = 200;
/** The button of a pen that its other end is. */
const ERASER = 5;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} options
 * @param {() => void} options.onInk something changed, maybe in the middle of a stroke
 * @param {() => void} options.onCommit a stroke ended, or the content was replaced
 */
export function createPad(canvas, { onInk, onCommit }) {
  let shown = surface(canvas);
  canvas.tabIndex = -1;

  /** @type {{ example: Example | null, strokes: number[][][], demo?: boolean }} */
  let content = { example: null, strokes: [] };
  const past = [];
  /** The strokes as they were when the last of them was no more than a spot: perhaps a hand's. @type {number[][][] | null} */
  let withSpot = null;
  /** @type {{ points: number[][], erases: boolean, limit: number } | null} the stroke being drawn */
  let pen = null;

  const replace = (next) => {
    pen = null;
    content = next;
    paint(shown, content);
    onInk();
    onCommit();
  };
  const remember = () => {
    past.push({ ...content, strokes: [...content.strokes] });
    if (past.length > REMEMBERED) past.shift();
  };

  const extend = (events) => {
    const box = canvas.getBoundingClientRect();
    for (const { clientX, clientY } of events) {
      const point = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
      const last = pen.points.at(-1);
      // A pad without a size, or a coalesced event without a place.
      if (!point.every(Number.isFinite)) continue;
      if (last && Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAR) continue;
      pen.points.push(point);
      if (pen.erases) erase(pen.points.slice(-2));
      else drawLine(shown, pen.points.slice(-2));
    }
    if (pen.points.length > pen.limit) {
      pen.points.splice(0, pen.points.length, ...simplify(pen.points));
      pen.limit = Math.max(MANY, 2 * pen.points.length);
    }
    onInk();
  };
  /** Takes away the strokes that a line crosses. @param {number[][]} line */
  const erase = ([from, to = from]) => {
    const touches = (stroke) => stroke.some((point, i) => crosses(from, to, stroke[Math.max(0, i - 1)], point));
    const left = content.strokes.filter((stroke) => !touches(stroke));
    if (left.length === content.strokes.length) return;
    content.strokes = left;
    paint(shown, content);
  };

  // The browser may lose what it has drawn, but not what was drawn.
  canvas.addEventListener("contextrestored", () => {
    shown = surface(canvas);
    paint(shown, content);
  });
  onePointer(canvas, {
    accepts: ({ button }) => button === 0 || button === ERASER,
    start(event) {
      canvas.focus({ preventScroll: true }); // so that keys for undo reach the view
      if (content.demo) {
        // What drew itself makes room for the reader.
        content = { example: null, strokes: [] };
        paint(shown, content);
      }
      remember();
      pen = { points: [], erases: event.button === ERASER, limit: MANY };
      if (!pen.erases) content.strokes.push(pen.points);
      extend([event]); // a click is a dot
    },
    move(event) {
      if (!pen) return; // something else was put on the pad meanwhile
      const moves = event.getCoalescedEvents?.() ?? [];
      extend(moves.length ? moves : [event]);
    },
    end(how) {
      if (!pen) return;
      const { points, erases } = pen;
      pen = null;
      const before = content.strokes.filter((stroke) => stroke !== points);
      const isSpot = points.every(([x, y]) => Math.hypot(x - points[0][0], y - points[0][1]) < PEN);
      if (erases && before.length === past.at(-1).strokes.length) past.pop(); // nothing was erased
      if (erases || points.length === 0) content.strokes = before;
      // The mark of a hand is none of the drawing; a line that the system broke off is.
      else if (how === "pen" || (how === "cancelled" && isSpot)) content = past.pop();
      // What is on the pad is what a link can hold.
      else content.strokes = addStroke(before, points);
      withSpot = isSpot && how === "lifted" && !erases ? content.strokes : null;
      paint(shown, content);
      onInk();
      onCommit();
    },
    retract() {
      if (withSpot === content.strokes) replace(past.pop());
    },
  });

  return {
    /** The drawing's strokes. */
    get strokes() {
      return content.strokes;
    },
    /** The example under the strokes. */
    get example() {
      return content.example;
    },
    get empty() {
      return !content.example && content.strokes.length === 0;
    },
    get canUndo() {
      return past.length > 0;
    },
    /** Shows an example or strokes instead of what is there; `undo` brings it back. */
    show({ example = null, strokes = [] }) {
      remember();
      replace({ example, strokes: strokes.reduce(addStroke, []) });
    },
    /** Whether what is on the pad is only there until the reader draws. */
    get isDemo() {
      return content.demo === true;
    },
    /** Like `show`, as the state to start from; strokes are those of a link, as they are. A `demo` goes with the reader's first stroke. */
    restore(next) {
      past.length = 0;
      replace({ example: null, strokes: [], ...next });
    },
    clear() {
      if (this.empty) return;
      this.show({});
    },
    undo() {
      if (past.length) replace(past.pop());
    },
    /**
     * What is on the pad as the encoder sees it, 28×28; `null` where there is nothing. An untouched
     * example is given as it is. @returns {Float32Array | null}
     */
    read() {
      const under = content.example?.pixels;
      const strokes = onPad(content.strokes);
      return (strokes.length > 0 ? normalizeStrokes(strokes, { under }) : under) ?? null;
    },
  };
}

/** @typedef {{ label: string, pixels?: Float32Array }} Example */

/** Whether an eraser that goes from `a` to `b` meets the ink of a line from `c` to `d`. */
function crosses(a, b, c, d) {
  const side = ([px, py], [qx, qy], [x, y]) => Math.sign((qx - px) * (y - py) - (qy - py) * (x - px));
  if (side(a, b, c) !== side(a, b, d) && side(c, d, a) !== side(c, d, b)) return true;
  const nearest = [distanceToSegment(a, c, d), distanceToSegment(b, c, d), distanceToSegment(c, a, b), distanceToSegment(d, a, b)];
  return Math.min(...nearest) < PEN / 2;
}

function surface(canvas) {
  canvas.width = SHOWN;
  canvas.height = SHOWN;
  const context = paperOf(canvas);
  context.scale(SHOWN, SHOWN);
  context.lineWidth = PEN;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = "#fff";
  context.fillStyle = "#fff";
  return context;
}

function paint(context, { example, strokes }) {
  context.clearRect(0, 0, 1, 1);
  if (example?.pixels) {
    const side = Math.sqrt(example.pixels.length);
    const small = new OffscreenCanvas(side, side); // taking from an element would lay out the page first
    paperOf(small).putImageData(inkImage(example.pixels, side, side), 0, 0);
    context.drawImage(small, 0, 0, 1, 1);
  }
  for (const points of strokes) if (points.length > 0) drawLine(context, points);
}

/** @param {CanvasRenderingContext2D} context @param {number[][]} points */
function drawLine(context, [first, ...rest]) {
  context.beginPath();
  if (rest.length === 0) {
    context.arc(first[0], first[1], PEN / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(first[0], first[1]);
  for (const [x, y] of rest) context.lineTo(x, y);
  context.stroke();
}
