/** What is read of an atlas that may be anything. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readAtlas } from "../../web/models/atlas.js";

const ITEMS = { thumbnails: "atlas.png", texts: [], columns: 40, side: 28, labels: [3], credits: [], plane: [[1, 2]] };
const smile = { name: "smile", low: -1, high: 2, vector: [1, 0] };
const atlas = (parts) => readAtlas({ format: "vaelet-atlas/1", ...parts }, 2);
const NOTHING = { directions: [], followed: [undefined, undefined], examples: [], plane: null, items: null };

test("what is no atlas gives nothing", () => {
  for (const text of ["null", "7", "[]", "{}", '{"format":"vaelet-atlas/2","items":{}}', '{"format":"vaelet-atlas/1","directions":{},"examples":7,"plane":[],"items":"x"}']) {
    assert.deepEqual(readAtlas(JSON.parse(text), 2), NOTHING, text);
  }
});

test("a direction has a name of its own, a vector that fits and a range around 0", () => {
  const bad = [null, {}, { ...smile, name: "" }, { ...smile, name: 7 }, { ...smile, vector: [1] }, { ...smile, vector: [1, null] }, { ...smile, low: 0, high: 0 }, { ...smile, low: 1 }, { ...smile, high: "2" }];
  assert.deepEqual(atlas({ directions: [...bad, smile, { ...smile, high: 3 }] }).directions, [smile]);
});

test("the factor that a latent follows is a name, or not known", () => {
  for (const [followed, expected] of [[[null, "size"], [undefined, "size"]], [["row"], ["row", undefined]], [["", 7, "size"], [undefined, undefined]], ["ab", [undefined, undefined]], [{ 0: "size" }, [undefined, undefined]]]) {
    assert.deepEqual(atlas({ followed }).followed, expected, JSON.stringify(followed));
  }
});

test("examples and the plane have as many numbers as the model has latents", () => {
  assert.deepEqual(atlas({ examples: [{ z: [1, 2] }, { z: [1] }, { z: [1, "2"] }] }).examples, [{ z: [1, 2] }]);
  const plane = { origin: [0, 0], axes: [[1, 0], [0, 1]] };
  assert.deepEqual(atlas({ plane }).plane, plane);
  for (const damaged of [{ ...plane, origin: [0] }, { ...plane, axes: [[1, 0]] }, { ...plane, axes: [[1, 0], [0]] }]) assert.equal(atlas({ plane: damaged }).plane, null);
});

test("test images come whole or not at all", () => {
  assert.deepEqual(atlas({ items: ITEMS }).items, ITEMS);
  for (const damage of [{ thumbnails: "../../x.png" }, { thumbnails: 7 }, { columns: 0 }, { side: 2 }, { labels: [3, 4] }, { labels: [-1] }, { credits: [7] }, { plane: [] }, { plane: [[1]] }, { plane: [[1, null]] }]) {
    assert.equal(atlas({ items: { ...ITEMS, ...damage } }).items, null, JSON.stringify(damage));
  }
});
