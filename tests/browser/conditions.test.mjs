/**
 * Conditional models: what the API makes of classes, on both runtimes, and what readers do with letters.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { drawStrokes, maxDifference, pageTests, ready, settle, state, useBrowser, withPage } from "./harness.mjs";

const LETTERS = "#/sample?model=letters&backend=cpu";

describe("conditional models", () => {
  const env = useBrowser({ webgpu: true });

  test("both runtimes draw the class that they are given", () =>
    withPage(env, "#/sample?model=digits-beta-1&backend=cpu", async (page) => {
      await ready(page);
      const found = await page.evaluate(async () => {
        const [cpu, gpu] = await Promise.all(["cpu", "webgpu"].map((backend) => vaelet.loadModel("models/letters", { backend })));
        const z = cpu.sample({ seed: 3, count: 2 });
        const one = z.slice(0, cpu.latentSize);
        const list = (values) => Array.from(values);
        const [each, chosen, first] = await Promise.all([cpu.decode(z, { classes: [5, 36] }), cpu.given(5).decode(one), cpu.decode(one)]);
        const { mean } = await cpu.encode(first, { classes: 0 });
        const { mean: other } = await cpu.encode(first, { classes: 40 });
        const onGpu = await gpu.decode(z, { classes: [5, 36] });
        const codes = await Promise.all(
          [() => cpu.decode(z, { classes: 62 }), () => cpu.decode(z, { classes: [1] }), () => cpu.decode(one, { classes: -1 }), () => cpu.given(1.5), () => vaelet.model.decode(vaelet.model.sample(), { classes: 0 }), () => vaelet.model.given(0)].map(async (call) => {
            try {
              await call();
              return "nothing";
            } catch (error) {
              return error.code;
            }
          }),
        );
        const answer = { backend: gpu.backend, each: list(each), onGpu: list(onGpu), chosen: list(chosen), first: list(first), mean: list(mean), other: list(other), codes };
        cpu.free();
        gpu.free();
        return answer;
      });
      assert.equal(found.backend, "webgpu");
      assert.deepEqual(found.each.slice(0, found.chosen.length), found.chosen);
      assert.ok(maxDifference(found.chosen, found.first) > 0.5, "another class is another picture");
      assert.ok(maxDifference(found.mean, found.other) > 0.01, "the encoder reads the class");
      assert.ok(maxDifference(found.each, found.onGpu) < 2e-3);
      assert.deepEqual(found.codes, Array(6).fill("bad-input"));
    }));

  const onPage = pageTests(env, "cpu");

  onPage("letters: the chosen character, the alphabet and the word are in the address", LETTERS, async (page) => {
    const picture = () => page.locator("#samples canvas").first().evaluate((canvas) => canvas.toDataURL());
    const ink = (selector) => page.locator(selector).first().evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 0 && value > 128).length;
    });
    assert.equal(await page.locator("#class option").count(), 62);
    await page.waitForSelector("#alphabet canvas:nth-child(5)");
    const before = await picture();
    await page.selectOption("#class", "g");
    await page.waitForFunction(() => location.hash.includes("class=g"));
    await settle(page);
    assert.notEqual(await picture(), before);
    const width = () => page.locator("#line").evaluate((canvas) => canvas.width);
    await page.waitForFunction(() => document.querySelector("#line").width > 50);
    const old = await width();
    await page.fill("#line-text", "Hi 5");
    await page.waitForFunction((was) => document.querySelector("#line").width !== was, old);
    await page.waitForFunction(() => location.hash.includes("word="));
    assert.ok((await ink("#line")) > 100);
    await page.reload();
    await ready(page);
    assert.equal(await page.inputValue("#class"), "g");
    assert.equal(await page.inputValue("#line-text"), "Hi 5");
    assert.equal((await state(page)).seed, 7);
  });

  onPage("letters: one that is drawn gives the others its style, and is in the address", LETTERS, async (page) => {
    const row = () => page.locator("#alphabet canvas").nth(1).evaluate((canvas) => canvas.toDataURL());
    await page.waitForSelector("#alphabet canvas:nth-child(5)");
    await settle(page);
    const before = await row();
    await drawStrokes(page, [[[0.3, 0.85], [0.5, 0.15], [0.7, 0.85]], [[0.38, 0.6], [0.62, 0.6]]], "#letter-pad");
    await page.waitForFunction(() => location.hash.includes("letter="));
    await page.waitForFunction((was) => document.querySelectorAll("#alphabet canvas")[1].toDataURL() !== was, before);
    await page.reload();
    await ready(page);
    assert.equal(await page.isVisible("#letter-invite"), false);
    assert.equal(await page.isDisabled("#letter-clear"), false);
    await page.click("#letter-clear");
    await page.waitForFunction(() => !location.hash.includes("letter="));
  });

  onPage("letters: a morph shows the typeface between the ends", `${LETTERS.replace("sample", "morph")}&t=0.5&class=R`, async (page) => {
    await page.waitForSelector("#alphabet canvas:nth-child(5)");
    assert.match(await page.textContent("#alphabet-host figcaption"), /Every character/);
  });

  test("models without a condition do not fetch the larger program", () =>
    withPage(env, "#/sample?model=digits&backend=cpu", async (page) => {
      await ready(page);
      assert.equal(await page.isVisible("#condition"), false);
      assert.equal(await page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("vaelet-web-full"))), false);
    }));
});
