/** What is changed about a latent, and the way back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits, formatEdits, parseEdits } from "../../web/views/edit/edits.js";
import { createHistory } from "../../web/views/edit/history.js";

const DIRECTIONS = [
  { name: "smile", low: -2, high: 3, vector: [1, 0, 2] },
  { name: "50%: warm; @home", low: -1, high: 1, vector: [0, 1, 0] },
];

test("edits come back from their text, whatever directions are called", () => {
  const edits = { attributes: new Map([["smile", 1.5], ["50%: warm; @home", -0.25]]), latents: new Map([[0, 0], [2, -4]]) };
  assert.deepEqual(parseEdits(formatEdits(edits), DIRECTIONS, 3), edits);
  assert.equal(formatEdits(parseEdits(null, DIRECTIONS, 3)), "");
});

test("what is unknown is left out, and what is too much is held", () => {
  const { attributes, latents } = parseEdits("smile:9;frown:1;@0:1;@4:1;@2:99;@1:x;smile;:;@1:", DIRECTIONS, 3);
  assert.deepEqual([...attributes], [["smile", 3]]);
  assert.deepEqual([...latents], [[1, 4]]);
});

test("directions add up, and a latent that was set stays where it was put", () => {
  const z = Float32Array.of(1, 1, 1);
  const edits = { attributes: new Map([["smile", 2], ["50%: warm; @home", -1]]), latents: new Map([[0, 0.5]]) };
  assert.deepEqual([...applyEdits(z, edits, DIRECTIONS)], [0.5, 0, 5]);
  assert.deepEqual([...z], [1, 1, 1]);
});

test("undo and redo go through all states, and a new one ends the way forward", () => {
  const history = createHistory("a");
  history.push("b");
  history.push("c");
  assert.deepEqual([history.undo(), history.undo(), history.undo()], ["b", "a", "a"]);
  assert.equal(history.redo(), "b");
  history.push("d");
  assert.equal(history.canRedo, false);
  assert.deepEqual([history.redo(), history.undo()], ["d", "b"]);
});

test("changes of one control in a row are one, and those of two are two", () => {
  const history = createHistory(0);
  for (let i = 1; i <= 10; i += 1) history.push(i, "smile");
  history.push(11, "turn");
  assert.deepEqual([history.undo(), history.undo()], [10, 0]);
  assert.equal(history.canUndo, false);
});
