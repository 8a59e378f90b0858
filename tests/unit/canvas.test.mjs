import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const WEB = new URL("../../web/", import.meta.url);

/** While a GPU compiles a model's kernels, a page that asks the browser for a canvas on the GPU stands still. */
test("every canvas that is drawn into lies in memory", () => {
  const scripts = readdirSync(WEB, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  const found = scripts.flatMap((name) => {
    const lines = readFileSync(new URL(name, WEB), "utf8").split("\n");
    return lines.filter((line) => /getContext\("2d"/.test(line) && !line.includes("willReadFrequently")).map((line) => `${name}: ${line.trim()}`);
  });
  assert.ok(scripts.length > 50);
  assert.deepEqual(found, []);
});
