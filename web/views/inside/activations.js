/**
 * What the layers of a network write, as pictures: a tile for each channel of a layer that keeps
 * height and width, a bar for each value of one that does not. The more ink, the larger the value;
 * every layer has its own scale, and of the numbers that an encoder ends with μ and log σ² each have theirs.
 */

import { clamp } from "../../api/numbers.js";
import { inSlices } from "../../api/slices.js";
import { element, paperOf } from "../../parts/dom.js";
import { imageOf, inkImage } from "../../parts/picture.js";

/** Tiles are at least this many canvas pixels wide, and this far apart. */
const TILE = 96;
const GAP = 8;
/** Rows of channels that are shown. */
const ROWS = 2;
/** Channels in a row: where there is little room, and where there is more. */
const COLUMNS = [8, 16];
/** Layers of so few channels are pictures themselves, and shown larger. */
const FEW = 3;
const WIDE = 560;
/** Zero is shown as this much ink, so that an idle channel is still seen to be there. */
const FLOOR = 0.06;

/**
 * @typedef {{ height: number, width: number, channels: number, values: Float32Array }} Activation
 * @typedef {{ row: number, column: number, channel: number }} Place
 */

/**
 * @param {HTMLElement} host receives a figure for each layer; three of them are seen at first
 * @param {object} options
 * @param {object[]} options.layers of model.json
 * @param {boolean} [options.picture] the last layer writes pixels in [0, 1]
 * @param {boolean} [options.ink] pictures are ink on paper
 * @param {(layer: number, place: Place) => void} options.onPoint the reader points at a number of a layer
 */
export function createLayers(host, { layers, picture = false, ink = false, onPoint }) {
  const kinds = kindsOf(layers);
  let columns = COLUMNS[0];
  let all = false;
  const more = element("button", { type: "button", hidden: true });
  host.after(more);
  /** @type {Activation[]} */
  let shown = [];

  /** Goes up with every drawing: the newest takes the place of one that is not done. */
  let turn = 0;

  const draw = () => {
    while (host.children.length > shown.length) host.lastChild.remove();
    while (host.children.length < shown.length) host.append(figure());
    const last = shown.length - 1;
    const isSeen = (i) => all || [0, Math.floor(last / 2), last].includes(i);
    [...host.children].forEach((node, i) => node.toggleAttribute("hidden", !isSeen(i)));
    more.hidden = shown.length <= 3;
    more.textContent = all ? "Show three layers" : `Show all ${shown.length} layers`;
    more.setAttribute("aria-expanded", String(all));
    const current = (turn += 1);
    let next = 0;
    return inSlices(() => {
      if (current !== turn || next === shown.length) return false;
      if (isSeen(next)) drawLayer(shown[next], next);
      next += 1;
      return true;
    });
  };
  const drawLayer = (layer, i) => {
    const [caption, sheet] = /** @type {HTMLElement[]} */ ([...host.children[i].children]);
    const [canvas] = /** @type {HTMLCanvasElement[]} */ ([...sheet.children]);
    const isPicture = picture && i === shown.length - 1;
    const count = isFlat(layer) ? layer.channels : channelsShown(layer, columns);
    // The number of layers is the engine's; what they are called, as far as the file agrees with it.
    const kind = kinds.length === shown.length ? `, ${kinds[i]}` : "";
    caption.textContent = `Layer ${i + 1}${kind}: ${describe(layer, count, isPicture, !picture && i === shown.length - 1)}`;
    canvas.setAttribute("aria-label", caption.textContent);
    canvas.classList.toggle("ink", isPicture);
    sheet.style.setProperty("--fill", String(isFlat(layer) ? 1 : Math.min(1, count / columnsFor(layer, columns))));
    if (isFlat(layer)) drawBars(canvas, layer);
    else drawTiles(canvas, layer, { count, columns, draw: isPicture ? pixelTile(ink) : answerTile(layer) });
  };

  const layout = new ResizeObserver(() => {
    const next = COLUMNS[host.clientWidth < WIDE ? 0 : 1];
    if (next === columns) return;
    columns = next;
    draw();
  });
  layout.observe(host);

  more.addEventListener("click", () => {
    all = !all;
    draw();
  });

  // One number, pointed at by mouse, finger or keys
  const mark = element("span", { className: "probe-mark" });
  const point = (canvas, place) => {
    const i = [...host.children].findIndex((node) => node.contains(canvas));
    const layer = shown[i];
    if (!layer) return;
    const { perRow, across, down, gap } = tilesOf(canvas, layer, columns);
    const [width, height] = [across / layer.width, down / layer.height];
    const left = (place.channel % perRow) * (across + gap) + place.column * width;
    const top = Math.floor(place.channel / perRow) * (down + gap) + place.row * height;
    // The canvas fills its sheet but for the padding.
    const style = { left: canvas.offsetLeft + (left / canvas.width) * canvas.offsetWidth, top: canvas.offsetTop + (top / canvas.height) * canvas.offsetHeight, width: (width / canvas.width) * canvas.offsetWidth, height: (height / canvas.height) * canvas.offsetHeight };
    for (const [name, value] of Object.entries(style)) mark.style.setProperty(name, `${value}px`);
    canvas.after(mark);
    places.set(canvas, place);
    onPoint(i, place);
  };
  /** Where the reader last pointed, in each canvas. @type {WeakMap<HTMLCanvasElement, Place>} */
  const places = new WeakMap();
  const layerOf = (canvas) => shown[[...host.children].findIndex((node) => node.contains(canvas))];
  for (const type of ["pointermove", "pointerdown"]) {
    host.addEventListener(type, (/** @type {PointerEvent} */ event) => {
      if (!(event.target instanceof HTMLCanvasElement)) return;
      const canvas = event.target;
      const layer = layerOf(canvas);
      if (!layer) return;
      const box = canvas.getBoundingClientRect();
      const [x, y] = [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
      const { perRow, across, down, gap, count } = tilesOf(canvas, layer, columns);
      const [i, j] = [Math.floor(x / (across + gap)), Math.floor(y / (down + gap))];
      const channel = j * perRow + i;
      const [column, row] = [Math.floor(((x - i * (across + gap)) / across) * layer.width), Math.floor(((y - j * (down + gap)) / down) * layer.height)];
      if (i >= 0 && i < perRow && channel >= 0 && channel < count && column >= 0 && column < layer.width && row >= 0 && row < layer.height) point(canvas, { row, column, channel });
    });
  }
  host.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!(event.target instanceof HTMLCanvasElement)) return;
    const canvas = event.target;
    const layer = layerOf(canvas);
    const [dx, dy, dc] = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [0, 0, -1], PageDown: [0, 0, 1] }[event.key] ?? [];
    if (dx === undefined || !layer) return;
    event.preventDefault();
    const { row, column, channel } = places.get(canvas) ?? { row: Math.floor(layer.height / 2), column: Math.floor(layer.width / 2), channel: 0 };
    // Of bars the arrows choose one.
    const step = isFlat(layer) ? dx + dy + dc : dc;
    const { count } = tilesOf(canvas, layer, columns);
    point(canvas, { row: clamp(row + dy, 0, layer.height - 1), column: clamp(column + dx, 0, layer.width - 1), channel: clamp(channel + step, 0, count - 1) });
  });

  return {
    /** @param {Activation[]} activations @returns {Promise<void>} once all are drawn, or newer ones have come */
    show(activations) {
      shown = activations;
      return draw();
    },
    unmount() {
      turn += 1;
      layout.disconnect();
    },
  };
}

/** How the tiles, or bars, of a layer lie in its canvas: sizes in its pixels. */
function tilesOf(canvas, layer, columns) {
  if (isFlat(layer)) return { perRow: layer.channels, across: canvas.width / layer.channels, down: canvas.height, gap: 0, count: layer.channels };
  const count = channelsShown(layer, columns);
  const scale = Math.ceil(TILE / layer.width);
  return { perRow: Math.min(columnsFor(layer, columns), count), across: layer.width * scale, down: layer.height * scale, gap: GAP, count };
}

const isFlat = ({ height, width }) => height * width === 1;
const columnsFor = ({ channels }, columns) => (channels <= FEW ? columns / 4 : columns);
const channelsShown = ({ channels }, columns) => Math.min(channels, ROWS * columns);

function describe({ height, width, channels }, count, isPicture, isLast) {
  if (height * width === 1) return `${channels} numbers${isLast ? ", the left half μ, the right half log σ²" : ""}`;
  const all = `${height} × ${width}, ${channels} ${channels === 1 ? "channel" : "channels"}`;
  if (isPicture && channels === 3) return `${all}: red, green and blue`;
  return count < channels ? `${all}, the first ${count} shown` : all;
}

/** What the layers are, in the order in which they write. */
function kindsOf(layers) {
  return layers.flatMap((layer) => {
    if (layer.type === "reshape") return [];
    if (layer.type !== "residual") return [NAMES[layer.type] ?? "layer"];
    const inner = kindsOf(layer.layers);
    return inner.map((kind, i) => (i === inner.length - 1 ? `${kind} with a skip connection` : kind));
  });
}

const NAMES = { conv2d: "convolution", conv_transpose2d: "transposed convolution", linear: "linear" };

function figure() {
  const canvas = element("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-description", "Arrow keys choose a number, Page Up and Page Down a channel.");
  return element("figure", { className: "layer" }, element("figcaption"), element("div", { className: "sheet" }, canvas));
}

/** Values of one channel. */
function channelOf({ values, channels }, channel) {
  return Float32Array.from({ length: values.length / channels }, (_, i) => values[i * channels + channel]);
}

/** How a channel's answers become an image: the square root brings out the weaker ones. */
function answerTile({ values, width, height }) {
  const largest = values.reduce((most, value) => Math.max(most, value), 1e-6);
  const inkOf = (value) => FLOOR + (1 - FLOOR) * Math.sqrt(Math.max(0, value) / largest);
  return (channel) => inkImage(channel.map(inkOf), width, height);
}

function pixelTile(ink) {
  return (channel, { width, height }) => (ink ? inkImage(channel, width, height) : imageOf(channel, { channels: 1, width, height }, false));
}

function drawTiles(canvas, layer, { count, columns, draw }) {
  const { width, height } = layer;
  const { perRow, across, down } = tilesOf(canvas, layer, columns);
  canvas.width = perRow * (across + GAP) - GAP;
  canvas.height = Math.ceil(count / perRow) * (down + GAP) - GAP;
  const context = paperOf(canvas);
  context.imageSmoothingEnabled = false;
  const tile = new OffscreenCanvas(width, height); // taking from an element would lay out the page first
  const tileContext = paperOf(tile);
  for (let i = 0; i < count; i += 1) {
    tileContext.putImageData(draw(channelOf(layer, i), layer), 0, 0);
    context.drawImage(tile, (i % perRow) * (across + GAP), Math.floor(i / perRow) * (down + GAP), across, down);
  }
}

/** Bars from a line in the middle, up where positive. */
function drawBars(canvas, { values }) {
  const [step, half] = [Math.max(4, Math.round(1536 / values.length)), 64];
  canvas.width = values.length * step;
  canvas.height = 2 * half;
  const context = paperOf(canvas);
  context.fillStyle = "#fff";
  const middle = values.length / 2;
  const scales = [values.subarray(0, middle), values.subarray(middle)].map((part) => part.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6));
  values.forEach((value, i) => {
    const [scale, ink] = i < middle ? [scales[0], 0.9] : [scales[1], 0.45];
    const height = (half * value) / scale;
    context.globalAlpha = ink;
    context.fillRect(i * step + step / 8, half - Math.max(0, height), 0.75 * step, Math.abs(height));
  });
  context.globalAlpha = 0.3;
  context.fillRect(0, half - 1, canvas.width, 2);
}
