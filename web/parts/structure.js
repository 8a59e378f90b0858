/**
 * Molecules drawn as structures. The library smiles-drawer finds where atoms stand and which side of a ring a
 * double bond is on; here that becomes an SVG of two dozen nodes, whose colours follow the page's light or dark
 * and which needs no styles, because an article's policy may allow none.
 */

import { Parser, SvgDrawer } from "../../vaelet-structures.js";

const SVG = "http://www.w3.org/2000/svg";
/** Pixels of a bond where nothing is scaled. */
const BOND = 30;
const FONT = 13;
/** Least size of a drawing, so that small molecules are not drawn larger than others. */
const LEAST = { width: 6 * BOND, height: 4.5 * BOND };
const MARGIN = 6;
/** Room that a letter keeps free of bonds. */
const GAP = 0.62 * FONT;
/** Structures that are kept: those of a wall, and of the walls before it. */
const MOST = 600;
/** On white and on black, each read easily. */
const COLOURS = {
  N: "light-dark(#1a5fb4, #83b6f5)",
  O: "light-dark(#c01c28, #ff8a80)",
  S: "light-dark(#7d5a00, #e8b923)",
  F: "light-dark(#1b7339, #62d08d)",
  Cl: "light-dark(#1b7339, #62d08d)",
  Br: "light-dark(#96400c, #ffae70)",
  P: "light-dark(#96400c, #ffae70)",
};
const WIDTHS = { O: 0.78, S: 0.67, P: 0.67, F: 0.61, I: 0.28, Cl: 0.94, Br: 1, H: 0.72 };

/**
 * @typedef {{ x: number, y: number }} Point
 * @typedef {{ x: number, y: number, element: string, parts: string[], direction: string }} Label
 * @typedef {{ lines: [Point, Point][], labels: Label[], dots: Point[] }} Structure
 */

/** Takes down what the library would draw, in place of its own SVG. */
class Recorder {
  /** @type {Structure} */
  structure = { lines: [], labels: [], dots: [] };

  drawLine(line) {
    const [from, to] = [line.getLeftVector(), line.getRightVector()];
    this.structure.lines.push([{ x: from.x, y: from.y }, { x: to.x, y: to.y }]);
  }

  drawText(x, y, element, hydrogens, direction, _isTerminal, charge, isotope) {
    const atom = `${isotope ? raised(isotope) : ""}${element}${chargeText(charge ?? 0)}`;
    const parts = hydrogens > 0 ? [atom, hydrogens > 1 ? `H${lowered(hydrogens)}` : "H"] : [atom];
    this.structure.labels.push({ x, y, element, parts, direction });
  }

  drawPoint(x, y) {
    this.structure.dots.push({ x, y });
  }

  // What structures without stereochemistry and highlights do not have, and what is done below.
  determineDimensions() {}
  getBondColor() {}
  constructSvg() {}
}

const digits = (number, zero) => [...String(Math.abs(number))].map((digit) => String.fromCodePoint(zero + Number(digit))).join("");
const lowered = (number) => digits(number, 0x2080);
const raised = (number) => [...String(number)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("");
const chargeText = (charge) => (charge === 0 ? "" : `${Math.abs(charge) > 1 ? raised(Math.abs(charge)) : ""}${charge > 0 ? "⁺" : "⁻"}`);

/** Newest last. @type {Map<string, SVGSVGElement>} */
const drawn = new Map();

/**
 * A molecule's structure as an SVG, which is the caller's own.
 * @param {string} smiles
 * @param {string} label what a screen reader hears
 * @returns {SVGSVGElement}
 */
export function structureOf(smiles, label) {
  let picture = drawn.get(smiles);
  if (!picture) {
    picture = pictureOf(layOut(smiles));
    drawn.set(smiles, picture);
    if (drawn.size > MOST) drawn.delete(drawn.keys().next().value);
  }
  const own = /** @type {SVGSVGElement} */ (picture.cloneNode(true));
  own.setAttribute("aria-label", label);
  return own;
}

/** @param {string} smiles @returns {Structure} */
function layOut(smiles) {
  const drawer = new SvgDrawer({ bondLength: BOND, compactDrawing: false, explicitHydrogens: true }, false);
  const recorder = new Recorder();
  drawer.svgWrapper = recorder;
  if (smiles) drawer.draw(Parser.parse(smiles), document.createElementNS(SVG, "svg"), "light");
  return recorder.structure;
}

const widthOf = (text) => {
  const letters = text.match(/^[A-Z][a-z]?/)?.[0] ?? text;
  return FONT * ((WIDTHS[letters] ?? 0.72) + 0.4 * (text.length - letters.length));
};

/** What a label covers. @param {Label} label */
function boxOf({ x, y, parts: [atom, ...rest], direction }) {
  const half = widthOf(atom) / 2;
  const box = { left: x - half, right: x + half, top: y - FONT / 2, bottom: y + FONT / 2 };
  const further = rest.reduce((sum, part) => sum + widthOf(part), 0);
  if (direction === "left") box.left -= further;
  else if (direction === "up") box.top -= rest.length * FONT;
  else if (direction === "down") box.bottom += rest.length * FONT;
  else box.right += further;
  return box;
}

/** @param {Structure} structure @returns {SVGSVGElement} */
function pictureOf({ lines, labels, dots }) {
  const boxes = [
    ...labels.map(boxOf),
    ...lines.flat().map(({ x, y }) => ({ left: x, right: x, top: y, bottom: y })),
  ];
  const edge = (side, pick) => (boxes.length > 0 ? pick(...boxes.map((box) => box[side])) : 0);
  const [left, right, top, bottom] = [edge("left", Math.min), edge("right", Math.max), edge("top", Math.min), edge("bottom", Math.max)];
  const width = Math.max(LEAST.width, right - left + 2 * MARGIN);
  const height = Math.max(LEAST.height, bottom - top + 2 * MARGIN);
  const svg = node("svg", {
    viewBox: [(left + right - width) / 2, (top + bottom - height) / 2, width, height].map((value) => value.toFixed(1)).join(" "),
    role: "img",
    class: "structure",
  });
  const path = lines.map((line) => clip(line, labels)).filter(Boolean);
  const stroke = { fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round" };
  svg.append(node("path", { ...stroke, d: path.map(([a, b]) => `M${a.x.toFixed(1)} ${a.y.toFixed(1)}L${b.x.toFixed(1)} ${b.y.toFixed(1)}`).join("") }));
  for (const { x, y } of dots) svg.append(node("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: "1.2", fill: "currentColor" }));
  svg.append(...labels.map(textOf));
  return svg;
}

/** A bond without the part that would run through a letter. @param {[Point, Point]} line @param {Label[]} labels */
function clip([from, to], labels) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  let [start, end] = [0, length];
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  for (const { x, y, parts: [atom] } of labels) {
    const radius = Math.max(GAP, widthOf(atom) / 2 + 1.5);
    const along = (x - from.x) * dx + (y - from.y) * dy;
    const reach = radius ** 2 - ((x - from.x) * dy - (y - from.y) * dx) ** 2;
    if (reach <= 0) continue;
    // Only where the bond ends in the letter: one that passes by crosses what it has to cross.
    if (along < length / 3) start = Math.max(start, along + Math.sqrt(reach));
    else if (along > (2 * length) / 3) end = Math.min(end, along - Math.sqrt(reach));
  }
  if (!(end > start)) return null;
  const at = (t) => ({ x: from.x + t * dx, y: from.y + t * dy });
  return [at(start), at(end)];
}

/** @param {Label} label */
function textOf({ x, y, element, parts, direction }) {
  const [atom, ...rest] = parts;
  const half = widthOf(atom) / 2;
  const isUpright = direction === "up" || direction === "down";
  const text = node("text", {
    x: (isUpright ? x : direction === "left" ? x + half : x - half).toFixed(1),
    y: (y + 0.36 * FONT).toFixed(1),
    "text-anchor": isUpright ? "middle" : direction === "left" ? "end" : "start",
    "font-size": String(FONT),
    "font-family": "Arial, Helvetica, sans-serif",
    fill: COLOURS[element] ?? "currentColor",
  });
  if (!isUpright) {
    text.textContent = (direction === "left" ? parts.toReversed() : parts).join("");
    return text;
  }
  text.textContent = atom;
  for (const part of rest) {
    const line = node("tspan", { x: x.toFixed(1), dy: direction === "up" ? "-0.95em" : "0.95em" });
    line.textContent = part;
    text.append(line);
  }
  return text;
}

function node(name, attributes) {
  const one = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  return one;
}
