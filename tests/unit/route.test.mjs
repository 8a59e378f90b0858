/** Addresses: what is read is what was written, and nothing that people type does harm. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_SEED, VIEWS, change, formatHash, newSeed, numberParam, parseHash, seedParam, wordParam } from "../../web/parts/route.js";

test("an address comes back as it was", () => {
  for (const view of VIEWS) {
    const params = new URLSearchParams([["model", "a b&c=d?e"], ["edits", "smile:1.5;@12:0.53"]]);
    const read = parseHash(formatHash(view, params));
    assert.equal(read.view, view);
    assert.equal(read.params.toString(), params.toString());
  }
  assert.equal(formatHash("draw", new URLSearchParams()), "#/draw");
});

test("what is no address is the first view", () => {
  for (const hash of ["", "#", "#/", "#/nowhere", "#?a=1", "#/%", "#//draw"]) assert.equal(parseHash(hash).view, "sample", hash);
  assert.deepEqual(["#/check", "#/learn?a=1", "#/train?seed=1", "#/draw"].map((hash) => parseHash(hash).page), ["check", "learn", "train", null]);
  assert.equal(parseHash("#draw?seed=1").view, "draw");
});

test("numbers are held within their limits, and what is none gives the fallback", () => {
  const of = (text) => numberParam(new URLSearchParams([["t", text]]), "t", 0.5, 0, 1);
  assert.deepEqual(["0.25", "-3", "7", "1e3"].map(of), [0.25, 0, 1, 1]);
  for (const text of ["", " ", "x", "NaN", "Infinity", "1,5"]) assert.equal(of(text), 0.5, text);
  assert.equal(numberParam(new URLSearchParams(), "t", 0.5, 0, 1), 0.5);
});

test("seeds are integers that the generator takes", () => {
  const of = (text) => seedParam(new URLSearchParams([["seed", text]]), "seed", 7);
  assert.deepEqual(["3", "-3", "2.6", "99999999999", "seed"].map(of), [3, 0, 3, MAX_SEED, 7]);
  for (let i = 0; i < 100; i += 1) assert.ok(newSeed() >= 0 && newSeed() < 100_000);
});

test("a word is one of those that there are", () => {
  const words = ["auto", "cpu"];
  assert.deepEqual(["cpu", "gpu", ""].map((text) => wordParam(new URLSearchParams([["backend", text]]), "backend", words)), ["cpu", "auto", "auto"]);
});

test("null takes a parameter out, zero does not", () => {
  assert.equal(change(new URLSearchParams("a=1&b=2"), { a: null, b: 0, c: "x" }).toString(), "b=0&c=x");
});
