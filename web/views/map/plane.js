/**
 * A plane through the space of latents, z = o + x · a₁ + y · a₂, and the square of it that a map
 * shows. Places are [x, y] in the plane, y upwards; parts are [left, top] of the square, in [0, 1].
 */

import { clamp } from "../../api/numbers.js";

/** Without test images to go by: where nearly all of N(0, 1) lies. */
const REACH = 3;
/** How much wider the square is than most of the test images need. */
const MARGIN = 1.08;
/** Places are multiples of this, so that sliders, words and links say the same number. */
export const STEP = 0.02;

const ROOT3 = Math.sqrt(3);
/** Corners of a triangle with sides of 2 about [0, 0]. */
export const CORNERS = [
  [-1, -1 / ROOT3],
  [1, -1 / ROOT3],
  [0, 2 / ROOT3],
];
/** The square that shows it, with some room around. @type {Plane["extent"]} */
export const TRIANGLE = { x: 0, y: 0.3, half: 1.3 };

/**
 * @typedef {object} Plane
 * @property {ArrayLike<number>} origin o
 * @property {[ArrayLike<number>, ArrayLike<number>]} axes a₁ and a₂
 * @property {{ x: number, y: number, half: number }} extent the square: its centre, and half of its side
 */

/** All there is where latents have two dimensions. @param {[number, number][]} [places] of test images */
export function wholePlane(places) {
  return { origin: [0, 0], axes: [[1, 0], [0, 1]], extent: extentOf(places) };
}

/** The plane of an atlas. @param {Pick<Plane, "origin" | "axes">} plane @param {[number, number][]} [places] of test images */
export function componentsPlane({ origin, axes }, places) {
  return { origin, axes, extent: extentOf(places) };
}

/** The plane through three latents, which lie at the `CORNERS`. */
export function trianglePlane(a, b, c) {
  const origin = a.map((_, i) => (a[i] + b[i] + c[i]) / 3);
  const across = a.map((_, i) => (b[i] - a[i]) / 2);
  const up = c.map((_, i) => ((c[i] - origin[i]) * ROOT3) / 2);
  return { origin, axes: [across, up], extent: TRIANGLE };
}

/** How much of each corner there is at a place; together 1. */
export function sharesAt([x, y]) {
  const third = 1 / 3;
  return [third - x / 2 - y / (2 * ROOT3), third + x / 2 - y / (2 * ROOT3), third + y / ROOT3];
}

/** @param {Plane} plane @param {number[]} place @returns {Float32Array} z */
export function latentAt({ origin, axes: [across, up] }, [x, y]) {
  return Float32Array.from(origin, (o, i) => o + x * across[i] + y * up[i]);
}

/** The latents of a grid over the square, row by row: each of the place in the middle of its cell. */
export function gridOf(plane, side) {
  const size = plane.origin.length;
  const all = new Float32Array(side * side * size);
  for (let i = 0; i < side * side; i += 1) {
    const middle = [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side];
    all.set(latentAt(plane, placeOf(plane.extent, middle)), i * size);
  }
  return all;
}

/** The place at these parts of the square. @param {Plane["extent"]} extent @param {number[]} parts */
export function placeOf({ x, y, half }, [left, top]) {
  return [x + (2 * left - 1) * half, y + (1 - 2 * top) * half];
}

/** Where in the square a place is. @param {Plane["extent"]} extent @param {number[]} place */
export function partsOf({ x, y, half }, [px, py]) {
  return [0.5 + (px - x) / (2 * half), 0.5 - (py - y) / (2 * half)];
}

/** Lowest and highest x, and y. @returns {number[][]} */
export function limitsOf({ x, y, half }) {
  return [x, y].map((middle) => [tidy(middle - half), tidy(middle + half)]);
}

/** The nearest place to this one that is in the square and on a step. */
export function settle(extent, place) {
  return limitsOf(extent).map(([low, high], i) => {
    const step = Math.round(place[i] / STEP) * STEP;
    return tidy(clamp(step, low, high)) || 0; // no −0
  });
}

/** Room for all but the outermost hundredth of the places on each side. */
function extentOf(places) {
  if (!places) return { x: 0, y: 0, half: REACH };
  const [x, y] = [0, 1].map((axis) => {
    const sorted = places.map((place) => place[axis]).sort((p, q) => p - q);
    const last = sorted.length - 1;
    return [sorted[Math.floor(0.01 * last)], sorted[Math.ceil(0.99 * last)]];
  });
  const half = Math.max(x[1] - x[0], y[1] - y[0], 1) / 2;
  const tenth = (value) => tidy(Math.round(10 * value) / 10);
  return { x: tenth((x[0] + x[1]) / 2), y: tenth((y[0] + y[1]) / 2), half: tenth(MARGIN * half) };
}

/** Without the dust of binary fractions. */
function tidy(value) {
  return Number(value.toFixed(2));
}
