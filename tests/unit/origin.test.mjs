/** Where an attribute comes from: which examples are shown, and what their difference is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { GROUP, groupsOf, meanOf } from "../../web/views/edit/origin.js";

test("a mean is taken number by number", () => {
  assert.deepEqual([...meanOf([[0, 4], [2, 6], [4, 8]])], [2, 6]);
});

test("groups lie at both ends of a direction, and their difference reaches as far along it as asked", () => {
  const latents = Array.from({ length: 12 }, (_, i) => [i - 5, (i * 7) % 5]);
  const vector = [0.5, 0];
  const { having, lacking, step } = groupsOf(latents, vector, 2);
  assert.deepEqual(having.map(([x]) => x), [6, 5, 4]);
  assert.deepEqual(lacking.map(([x]) => x).sort((a, b) => a - b), [-5, -4, -3]);
  assert.equal(having.length, GROUP);
  assert.ok(Math.abs(step[0] - 2 * 0.5) < 1e-6);
});

test("where all examples are alike there is no difference to add", () => {
  const { step } = groupsOf(Array.from({ length: 9 }, () => [1, 1]), [1, 0], 1);
  assert.deepEqual([...step], [0, 0]);
});
