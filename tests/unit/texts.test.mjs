import assert from "node:assert/strict";
import { test } from "node:test";
import { placesOf, sharesOf, spellingOf, symbolsOf, textOf, valuesOf } from "../../web/api/texts.js";
import { classNamer } from "../../web/parts/class-name.js";

const INFO = { data: { kind: "sequence", symbols: ["", "a", "b", "ab", " "], end: 0, capitals: true }, input: { channels: 5, height: 1, width: 4 } };
const spelling = spellingOf(INFO);

test("a text becomes columns with a one each, and comes back", () => {
  const places = placesOf(spelling, "B ab");
  assert.deepEqual(places, [2, 4, 3]); // the longest symbol that fits
  const values = valuesOf(spelling, places);
  assert.deepEqual(Array.from({ length: 4 }, (_, t) => [0, 1, 2, 3, 4].map((v) => values[v * 4 + t])), [[0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [1, 0, 0, 0, 0]]);
  const both = Float32Array.from([...values, ...valuesOf(spelling, [1, 1, 1, 1])]);
  assert.deepEqual(symbolsOf(spelling, both).map((one) => textOf(spelling, one)), ["b ab", "aaaa"]);
});

test("what follows an end is no part of a text", () => {
  assert.equal(textOf(spelling, [1, 0, 2, 2]), "a");
  assert.equal(textOf(spelling, [0, 2, 2, 2]), "");
});

test("what a model cannot read gets a sentence", () => {
  assert.throws(() => placesOf(spelling, "aß"), { code: "bad-input", message: '"ß" is none of the symbols of this model, which are a, b, ab, a space.' });
  assert.throws(() => placesOf(spelling, ""), { code: "bad-input", message: /empty/ });
  assert.throws(() => placesOf(spelling, "a a a"), { code: "bad-input", message: /5 symbols; this model reads up to 4/ });
});

test("a model.json that spells nothing is refused", () => {
  const wrong = (data, input = {}) => assert.throws(() => spellingOf({ data: { ...INFO.data, ...data }, input: { ...INFO.input, ...input } }), { name: "VaeletError" });
  wrong({ kind: "sound" });
  wrong({ symbols: "abc" });
  wrong({ symbols: ["", "a", "a", "b", "c"] });
  wrong({ symbols: ["a", "", "b", "c", "d"] });
  wrong({ symbols: ["", "a"] });
  wrong({ end: 5 });
  wrong({ end: 0.5 });
  wrong({}, { height: 2 });
});

test("shares are a softmax over the symbols of each place", () => {
  const shares = sharesOf(spelling, Float32Array.from({ length: 20 }, (_, i) => (i % 4 === 0 ? 1000 : 0) * (i === 4 ? 1 : 0)));
  const column = (t) => [0, 1, 2, 3, 4].map((v) => shares[v * 4 + t]);
  assert.deepEqual(column(0), [0, 1, 0, 0, 0]);
  for (const share of column(1)) assert.ok(Math.abs(share - 0.2) < 1e-6);
});

test("countries are called by their names, other classes as they are", () => {
  assert.equal(classNamer({ name: "country" })("JP"), "Japan");
  assert.equal(classNamer({ name: "country" })("Wales"), "Wales");
  assert.equal(classNamer({ name: "font" })("JP"), "JP");
});
