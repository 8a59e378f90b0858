/** Planes through latents, and pictures under a frame. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ZOOMS, placementFor, shift, zoomTo } from "../../web/parts/crop.js";
import { CORNERS, gridOf, latentAt, limitsOf, partsOf, placeOf, settle, sharesAt, trianglePlane, wholePlane } from "../../web/views/map/plane.js";

const close = (found, expected, message) => found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5, `${message ?? ""} ${found} for ${expected}`));

test("the corners of a triangle are its latents, and the shares say so", () => {
  const ends = [[1, 2, 3, 4], [0, -1, 0, 1], [5, 5, -5, 0]].map((z) => Float32Array.from(z));
  const plane = trianglePlane(...ends);
  CORNERS.forEach((corner, i) => {
    close([...latentAt(plane, corner)], [...ends[i]]);
    close(sharesAt(corner), [0, 1, 2].map((j) => Number(i === j)));
  });
  const shares = sharesAt([0.3, 0.1]);
  close([shares.reduce((sum, share) => sum + share)], [1]);
  close([...latentAt(plane, [0.3, 0.1])], [0, 1, 2, 3].map((k) => shares.reduce((sum, share, i) => sum + share * ends[i][k], 0)));
});

test("places and parts of the square are two names of the same", () => {
  const { extent } = wholePlane([[-1, 4], [3, 5], [0, 4.5]]);
  for (const parts of [[0, 0], [1, 1], [0.25, 0.7]]) close(partsOf(extent, placeOf(extent, parts)), parts);
  const [[low, high]] = limitsOf(extent);
  assert.ok(low <= -1 && high >= 3, `${low}, ${high}`);
});

test("a place that is chosen lies in the square, on a step, and is never −0", () => {
  const { extent } = wholePlane();
  assert.deepEqual(settle(extent, [99, -99]), [3, -3]);
  assert.deepEqual(settle(extent, [0.013, -0.004]), [0.02, 0]);
  assert.ok(Object.is(settle(extent, [0, -0.004])[1], 0));
});

test("a grid goes row by row from the upper left", () => {
  const grid = gridOf(wholePlane(), 2);
  close([...grid], [-1.5, 1.5, 1.5, 1.5, -1.5, -1.5, 1.5, -1.5]);
});

const PICTURE = { width: 400, height: 300 };

test("to begin with a picture covers its frame", () => {
  assert.deepEqual(placementFor(PICTURE), { x: 200, y: 150, zoom: 0, tilt: 0 });
  const tall = placementFor({ width: 300, height: 900 });
  assert.ok(tall.y < 450 && tall.y >= 150, `${tall.y}`);
});

test("a picture follows the hand, turned or not, and its edge stays in the frame's middle at most", () => {
  const place = placementFor(PICTURE);
  const there = shift(PICTURE, place, 1, 0.1, -0.05);
  close([there.x, there.y], [170, 165]);
  const turned = { ...place, tilt: Math.PI / 2 };
  const moved = shift(PICTURE, turned, 1, 0.1, 0);
  close([moved.x, moved.y], [200, 180]);
  const far = shift(PICTURE, place, 1, -99, 99);
  assert.deepEqual([far.x, far.y], [400, 0]);
});

test("zooming leaves the point under the fingers where it is", () => {
  const place = placementFor(PICTURE);
  const about = [0.2, -0.1];
  const near = zoomTo(PICTURE, place, 1, 1, about);
  /** The picture's point that is there. */
  const under = ({ x, y, zoom }) => about.map((part, i) => [x, y][i] + (part * 300) / 2 ** zoom);
  close(under(near), under(place));
  assert.equal(zoomTo(PICTURE, place, 1, 99).zoom, ZOOMS.max);
});
