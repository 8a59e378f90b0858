/**
 * Drawings as text for the address: each coordinate is two base-36 digits, a stroke ends with a full stop.
 */

import { clamp } from "../api/numbers.js";

/** Coordinates are two base-36 digits; the range leaves room for strokes that leave the pad. */
const STEPS = 36 ** 2 - 1;
const LOW = -0.5;
export const RANGE = 2;
/** What browsers and chat programs take in an address, with all else that stands in it. */
export const MAX_LENGTH = 8000;

/** @param {number[][][]} strokes as `addStroke` gives them @returns {string} empty where there is nothing */
export function encodeInk(strokes) {
  return strokes.map((points) => points.map(encodePoint).join("")).join(".");
}

/** @param {string | null} text @returns {number[][][]} leaves out what is no stroke */
export function decodeInk(text) {
  return (text ?? "")
    .slice(0, MAX_LENGTH)
    .split(".")
    .filter((stroke) => /^([0-9a-z]{4})+$/.test(stroke))
    .map((stroke) => stroke.match(/.{4}/g).map(decodePoint));
}

const toStep = (value) => Math.round(clamp((value - LOW) / RANGE, 0, 1) * STEPS);
const fromStep = (step) => (step / STEPS) * RANGE + LOW;
/** What a link can hold of a point. */
export const round = (point) => point.map((value) => fromStep(toStep(value)));

function encodePoint(point) {
  return point.map((value) => toStep(value).toString(36).padStart(2, "0")).join("");
}

function decodePoint(text) {
  return [text.slice(0, 2), text.slice(2)].map((digits) => fromStep(parseInt(digits, 36)));
}
