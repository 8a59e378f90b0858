/** What the page says of the two losses of a judge. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { sayBalance } from "../../web/views/train/balance.js";

const all = (value) => Array.from({ length: 40 }, () => value);

test("a judge that has won, one that guesses, and one that goes on are told apart", () => {
  assert.match(sayBalance(all(0.01), all(5)), /knows almost every made picture.*steady/);
  assert.match(sayBalance(all(0.69), all(0.69)), /hardly tell.*steady/);
  assert.match(sayBalance(all(0.4), all(1.2)), /Neither.*steady/);
});

test("only the last losses count, and those that swing are called so", () => {
  const begun = Array.from({ length: 120 }, (_, i) => (i < 60 ? 0.01 : 0.5));
  assert.match(sayBalance(begun, all(1)), /Neither.*steady/);
  const swinging = Array.from({ length: 40 }, (_, i) => (i % 2 ? 0.2 : 2));
  assert.match(sayBalance(all(0.4), swinging), /unsteady/);
});

test("a few steps say nothing yet", () => assert.equal(sayBalance([0.7], [0.7]), ""));
