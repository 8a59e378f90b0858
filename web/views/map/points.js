/**
 * The test images of an atlas on a map: as thumbnails that do not hide one another, as points
 * coloured by class, and the nearest one to a place.
 */

import { fileOf } from "../../api/files.js";
import { fetchFile } from "../../api/network.js";
import { element, paperOf } from "../../parts/dom.js";
import { shape } from "../../parts/svg.js";
import { partsOf } from "./plane.js";

/** Pixels left out on each side of a thumbnail. */
const RIM = 1;
/** Classes with a colour of their own; views.css has them. */
const COLOURS = 10;
/** Between the names of classes on the map, as a part of its width. */
const APART = 0.05;
const ROUNDS = 30;

/** Index of the place nearest to this one. @param {import("../../models/atlas.js").Items} items @param {number[]} place @param {Iterable<number>} [among] indices to choose from */
export function nearestOf({ plane }, [x, y], among = plane.keys()) {
  let best = 0;
  let shortest = Infinity;
  for (const i of among) {
    const distance = Math.hypot(plane[i][0] - x, plane[i][1] - y);
    if (distance >= shortest) continue;
    shortest = distance;
    best = i;
  }
  return best;
}

/** Indices of items whose squares, `size` wide in the plane, do not overlap: the earlier goes before the later. */
export function spreadOut({ plane }, size) {
  const chosen = [];
  plane.forEach(([x, y], i) => {
    if (chosen.every((j) => Math.max(Math.abs(plane[j][0] - x), Math.abs(plane[j][1] - y)) >= size)) chosen.push(i);
  });
  return chosen;
}

/** The picture with all thumbnails, fetched when first asked for. @param {import("../../models/atlas.js").Items} items @param {URL} folder of the model */
export function createThumbnails({ thumbnails, columns, side, plane }, folder) {
  /** @type {ImageBitmap | undefined} */
  let image;

  /** Draws one into a square of this width about a point, but for its rim, where JPEG mixes it with the space between. */
  const stamp = (context, index, /** @type {number[]} */ [x, y], width) => {
    const at = (cell) => cell * (side + 1) + RIM;
    const inner = side - 2 * RIM;
    context.drawImage(image, at(index % columns), at(Math.floor(index / columns)), inner, inner, x - width / 2, y - width / 2, width, width);
  };

  const sheet = {
    /** @type {"none" | "loading" | "loaded" | "failed"} */
    status: "none",
    /** Calls back once there is something to draw, or never will be. */
    load(onSettled) {
      if (sheet.status !== "none") return;
      sheet.status = "loading";
      const settle = (status) => () => {
        sheet.status = status;
        onSettled();
      };
      fetchFile(fileOf(folder, thumbnails))
        .then(({ bytes }) => createImageBitmap(new Blob([/** @type {BlobPart} */ (bytes)])))
        .then((bitmap) => (image = bitmap))
        .then(settle("loaded"), settle("failed"));
    },
    /** One, over a whole canvas. */
    show(canvas, index) {
      if (sheet.status !== "loaded") return;
      canvas.width = canvas.height = side;
      stamp(paperOf(canvas), index, [side / 2, side / 2], side);
    },
    /** Each in its place, a part `size` of the canvas wide. @param {number[]} indices @param {boolean} ink */
    scatter(canvas, indices, extent, size, ink) {
      if (sheet.status !== "loaded") return;
      const context = paperOf(canvas);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.imageSmoothingQuality = "high";
      context.globalCompositeOperation = ink ? "lighten" : "source-over"; // ink on ink, with no paper between
      for (const i of indices) {
        const place = partsOf(extent, plane[i]).map((part) => part * canvas.width);
        stamp(context, i, place, size * canvas.width);
      }
    },
  };
  return sheet;
}

/**
 * Points coloured by class, the class written where its middle is.
 * @param {Pick<import("../../models/atlas.js").Items, "plane" | "labels">} items
 * @param {import("./plane.js").Plane["extent"]} extent
 * @param {boolean} rings whether the prior is a circle here: one and two standard deviations about 0
 */
export function createPoints({ plane, labels }, extent, rings) {
  const svg = shape("svg", { class: "points", viewBox: "0 0 100 100", "aria-hidden": "true" });
  const at = (place) => partsOf(extent, place).map((part) => (100 * part).toFixed(2));
  // Lines of no length with round caps: one path for a class, however many points it has.
  for (const label of classesOf(labels)) {
    const places = plane.filter((_, i) => labels[i] === label);
    svg.append(shape("path", { "data-class": label % COLOURS, d: places.map((place) => `M${at(place).join(" ")}h0`).join("") }));
  }
  const [cx, cy] = at([0, 0]);
  if (rings) svg.append(...[1, 2].map((radius) => shape("circle", { cx, cy, r: (50 * radius) / extent.half })));
  const middles = middlesOf({ plane, labels }).map((place) => partsOf(extent, place));
  pushApart(middles).forEach(([left, top], i) => {
    const name = shape("text", { x: 100 * left, y: 100 * top });
    name.textContent = classesOf(labels)[i];
    svg.append(name);
  });
  return svg;
}

/** The middle of each class. @param {Pick<import("../../models/atlas.js").Items, "plane" | "labels">} items @returns {number[][]} */
export function middlesOf({ plane, labels }) {
  return classesOf(labels).map((label) => [0, 1].map((axis) => median(plane.filter((_, i) => labels[i] === label).map((place) => place[axis]))));
}

/** The middle of the class that is farthest from all others; nothing where there are no classes. */
export function clearest(items) {
  const middles = middlesOf(items);
  const room = (place) => Math.min(...middles.filter((other) => other !== place).map(([x, y]) => Math.hypot(x - place[0], y - place[1])));
  return [...middles].sort((a, b) => room(b) - room(a))[0];
}

/** Which colour is which class. */
export function createLegend({ labels }) {
  const list = element("ul", { className: "legend" });
  list.setAttribute("aria-label", "Colours of the classes");
  for (const label of classesOf(labels)) {
    const entry = element("li", {}, element("i"), String(label));
    entry.dataset.class = label % COLOURS;
    list.append(entry);
  }
  return list;
}

function classesOf(labels) {
  return [...new Set(labels)].sort((a, b) => a - b);
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Moves what would lie on one another to the sides, so that each can be read. @param {number[][]} places */
function pushApart(places) {
  for (let round = 0; round < ROUNDS; round += 1) {
    places.forEach((p, i) => {
      for (const q of places.slice(0, i)) {
        const [dx, dy] = [p[0] - q[0], p[1] - q[1]];
        const distance = Math.hypot(dx, dy);
        if (distance >= APART || distance === 0) continue;
        const push = (APART / distance - 1) / 4;
        p[0] += push * dx;
        p[1] += push * dy;
        q[0] -= push * dx;
        q[1] -= push * dy;
      }
    });
  }
  return places;
}
