/**
 * The drawing pad: mouse, pen and touch through Pointer Events. Strokes are
 * kept as lines, so undo is exact and fast movements leave no gaps, and are
 * drawn twice: large for the reader, small for the encoder to read.
 */

import { element } from "./dom.js";
import { decodeInk, encodeInk } from "./ink.js";
import { inkImage } from "./picture.js";

/** Width of the pen, of the pad's width: about two pixels once a digit is scaled to 20×20. */
const PEN = 0.09;
const SHOWN = 560;
const READ = 140;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} options
 * @param {() => void} options.onInk something changed, maybe in the middle of a stroke
 * @param {() => void} options.onCommit a stroke ended, or the content was replaced
 */
export function createPad(canvas, { onInk, onCommit }) {
  let shown = surface(canvas, SHOWN);
  canvas.tabIndex = -1;
  const read = surface(element("canvas"), READ, { willReadFrequently: true });
  const ink = new Float32Array(READ * READ);

  /** @type {{ example: Example | null, strokes: number[][][] }} */
  let content = { example: null, strokes: [] };
  const past = [];
  /** @type {{ id: number, points: number[][] } | null} the stroke being drawn */
  let pen = null;

  const replace = (next) => {
    pen = null;
    content = next;
    for (const context of [shown, read]) paint(context, content);
    onInk();
    onCommit();
  };
  const remember = () => past.push({ ...content, strokes: [...content.strokes] });

  const extend = (events) => {
    const box = canvas.getBoundingClientRect();
    for (const { clientX, clientY } of events) {
      pen.points.push([(clientX - box.left) / box.width, (clientY - box.top) / box.height]);
      for (const context of [shown, read]) drawLine(context, pen.points.slice(-2));
    }
    onInk();
  };

  // The browser may lose what it has drawn, but not what was drawn.
  canvas.addEventListener("contextrestored", () => {
    shown = surface(canvas, SHOWN);
    paint(shown, content);
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (pen || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true }); // so that keys for undo reach the view
    canvas.setPointerCapture(event.pointerId);
    remember();
    pen = { id: event.pointerId, points: [] };
    content.strokes.push(pen.points);
    extend([event]); // a click is a dot
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pen?.id) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    extend(moves.length ? moves : [event]);
  });
  const lift = (event) => {
    if (event.pointerId !== pen?.id) return;
    // What is on the pad is what a link can hold.
    pen.points.splice(0, pen.points.length, ...decodeInk(encodeInk([pen.points]))[0]);
    pen = null;
    for (const context of [shown, read]) paint(context, content);
    onInk();
    onCommit();
  };
  // Capture ends with every way of letting go: release outside, cancel, lost window.
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(type, lift);

  return {
    /** The drawing's strokes; setting them replaces everything. */
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
    show(next) {
      remember();
      replace({ example: null, strokes: [], ...next });
    },
    /** Like `show`, as the state to start from. */
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
     * What is on the pad, as grey ink in [0, 1]. An untouched example is given as it is
     * (`normalized`), strokes as the small picture of the pad.
     */
    read() {
      if (content.example?.pixels && content.strokes.length === 0) return { normalized: content.example.pixels };
      const { data } = read.getImageData(0, 0, READ, READ);
      for (let i = 0; i < ink.length; i += 1) ink[i] = data[4 * i + 3] / 255;
      return { pixels: ink, width: READ, height: READ };
    },
  };
}

/** @typedef {{ label: string, pixels?: Float32Array }} Example */

function surface(canvas, size, options) {
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d", options);
  context.scale(size, size);
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
    const small = element("canvas", { width: side, height: side });
    small.getContext("2d").putImageData(inkImage(example.pixels, side, side), 0, 0);
    context.drawImage(small, 0, 0, 1, 1);
  }
  for (const points of strokes) drawLine(context, points);
}

function drawLine(context, [first, ...rest]) {
  context.beginPath();
  if (rest.length === 0) {
    context.arc(...first, PEN / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...first);
  for (const point of rest) context.lineTo(...point);
  context.stroke();
}
