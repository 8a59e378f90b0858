/**
 * The page `#/train`: somebody draws signs, sees them learned, keeps the model, and shows it in an article; and
 * what happens where there is too little, or where they leave and come back.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { audit, correlation, drawStrokes, startArticle, useBrowser, withPage } from "./harness.mjs";

/** A circle, a cross and a zigzag, as strokes. */
const SIGNS = [
  [Array.from({ length: 13 }, (_, i) => [0.5 + 0.3 * Math.sin(i / 2), 0.5 - 0.3 * Math.cos(i / 2)])],
  [[[0.2, 0.2], [0.8, 0.8]], [[0.8, 0.2], [0.2, 0.8]]],
  [[[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]]],
];
/** How much a sign and what the article's model redraws of it have to look alike. */
const RESEMBLANCE = 0.6;

/** The same sign as a hand draws it the next time. */
const varied = (strokes, i) => strokes.map((points) => points.map(([x, y]) => [x + 0.03 * Math.sin(i + 3 * y), y + 0.03 * Math.cos(2 * i + 3 * x)]));

async function drawSigns(page, count) {
  const before = await page.locator("#thumbs li").count();
  await page.locator("#pad").scrollIntoViewIfNeeded();
  for (let i = before; i < before + count; i += 1) {
    await drawStrokes(page, varied(SIGNS[i % SIGNS.length], i));
    await page.locator("#add:enabled").click();
  }
  await page.waitForFunction((count) => document.querySelectorAll("#thumbs li").length === count, before + count);
}

const stepsOf = (page) => page.evaluate(() => vaelet.training.steps);
const atLeast = (page, steps) => page.waitForFunction((steps) => vaelet.training.steps >= steps || !document.querySelector("#problem").hidden, steps);
const started = (page) => page.waitForFunction(() => window.vaelet?.training);

/** Files of a zip that stores them as they are. @param {Buffer} zip */
function unzip(zip) {
  const files = {};
  for (let at = 0; zip.readUInt32LE(at) === 0x04034b50; ) {
    const [size, name] = [zip.readUInt32LE(at + 18), zip.readUInt16LE(at + 26)];
    files[zip.toString("utf8", at + 30, at + 30 + name)] = zip.subarray(at + 30 + name, at + 30 + name + size);
    at += 30 + name + size;
  }
  return files;
}

describe("training in the page", () => {
  const env = useBrowser({ webgpu: false });

  test("thirty signs are drawn on a phone, learned, kept, and shown in an article", async () => {
    let files;
    await withPage(env, "#/train?data=drawings", async (page) => {
      await started(page);
      await drawSigns(page, 30);
      await page.click("#run");
      await atLeast(page, 400);
      await page.click("#run");
      await page.waitForFunction(() => !vaelet.training.running);
      assert.equal(await page.isHidden("#problem"), true, await page.textContent("#problem-text"));
      assert.match(await page.textContent("#status"), /steps/);
      await page.fill("#name", "My signs");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
      assert.equal(download.suggestedFilename(), "my-signs.zip");
      files = unzip(await readFile(await download.path()));
      assert.deepEqual(Object.keys(files), ["my-signs/model.json", "my-signs/weights.safetensors", "my-signs/README.txt"]);

      // Kept in this browser it opens like any other model.
      await page.click("#keep");
      await page.click("#kept a");
      await page.waitForFunction(() => window.vaelet?.view);
      assert.equal(await page.evaluate(() => vaelet.model.info.title), "My signs");
      assert.match(await page.inputValue("#model"), /^~my-signs/);
    }, { viewport: { width: 390, height: 844 } });

    for (const [name, body] of Object.entries(files)) {
      const headers = { "content-type": name.endsWith(".json") ? "application/json" : "application/octet-stream" };
      env.server.damage(`models/${name}`, () => ({ status: 200, body, headers }));
    }
    const article = await startArticle(`<script type="module" src="${env.server.url}web/vae-let.js"></script>
      <vae-let src="${env.server.url}models/my-signs" view="sample" loading="eager"></vae-let>`, "");
    try {
      await withPage(env, "", async (page) => {
        await page.waitForFunction(() => document.querySelector("vae-let").loadedModel);
        const { redrawn, samples } = await page.evaluate(async ({ signs, url }) => {
          const { normalizeStrokes } = await import(`${url}web/vaelet.js`);
          const model = document.querySelector("vae-let").loadedModel;
          const samples = await model.decode(model.sample({ seed: 7, count: 60 }));
          const all = [];
          for (const sign of signs) {
            const pixels = normalizeStrokes(sign);
            const { mean } = await model.encode(pixels);
            all.push([Array.from(pixels), Array.from(await model.decode(mean))]);
          }
          return { redrawn: all, samples: Array.from({ length: 60 }, (_, i) => Array.from(samples.subarray(784 * i, 784 * (i + 1)))) };
        }, { signs: SIGNS, url: env.server.url });
        // Samples look like the signs: each like one of them, and each sign is among them.
        const alike = samples.map((sample) => redrawn.map(([sign]) => correlation(sample, sign)));
        const best = alike.map((all) => Math.max(...all));
        assert.ok(best.filter((value) => value > RESEMBLANCE).length >= 40, `${best}`);
        redrawn.forEach((_, i) => assert.ok(alike.some((all) => all[i] > RESEMBLANCE), `sign ${i} is never made up`));
        for (const [sign, copy] of redrawn) assert.ok(correlation(sign, copy) > RESEMBLANCE, `${correlation(sign, copy)}`);
      }, { url: article.url, expected: /samples\.png|404/ });
    } finally {
      env.server.repair();
      await article.close();
    }
  });

  test("too few drawings are counted, and what was drawn and learned is there after a reload", () =>
    withPage(env, "#/train?data=drawings&seed=3", async (page) => {
      await started(page);
      await drawSigns(page, 3);
      await page.click("#run");
      assert.match(await page.locator("#problem-text").textContent(), /3 drawings are not enough.*at least 20/);
      await drawSigns(page, 20);
      await page.click("#run");
      await atLeast(page, 20);
      await page.click("#run");
      await page.waitForFunction(() => vaelet.training.kept && /Go on/.test(document.querySelector("#run").textContent));
      const before = await stepsOf(page);
      await page.reload();
      await started(page);
      assert.equal(await page.locator("#thumbs li").count(), 23);
      await page.click("#one");
      await page.waitForFunction((before) => vaelet.training.steps > before, before);
      assert.equal(await stepsOf(page), before + 1);
    }));

  test("one step of digits is followed from picture to gradients", () =>
    withPage(env, "#/train?latents=4&network=conv", async (page) => {
      await started(page);
      await page.click("#slow");
      await page.waitForFunction(() => document.querySelectorAll("#stages li").length === 8);
      assert.ok(await page.locator("#tensors > div").count() >= 6);
      await page.click("#slow");
      await page.waitForFunction(() => vaelet.training.heldOut > 100);
      assert.equal((await page.getAttribute("#bars", "aria-label")).split(",").length, 4);
    }));

  test("a kept model is trained further", () =>
    withPage(env, "#/train?latents=3", async (page) => {
      await started(page);
      await page.click("#run");
      await atLeast(page, 60);
      await page.click("#run");
      await page.waitForFunction(() => vaelet.training.kept && vaelet.training.heldOut);
      const learned = await page.evaluate(() => vaelet.training.heldOut);
      await page.fill("#name", "Begun");
      await page.click("#keep");
      await page.waitForFunction(() => document.querySelector("#kept b")?.textContent === "Begun");
      await page.evaluate(() => history.replaceState(null, "", "#/train?latents=7&network=conv"));
      await page.reload();
      await started(page);
      await page.click("#kept button:text('Train further')");
      await page.waitForFunction(() => /network=mlp.*from=(~|%7E)begun.*latents=3/.test(location.hash));
      assert.equal(await page.isHidden("#latents"), true);
      await page.click("#one");
      await page.waitForFunction(() => vaelet.training.steps === 1 && vaelet.training.heldOut);
      assert.ok((await page.evaluate(() => vaelet.training.heldOut)) < 1.05 * learned);
      await page.selectOption("#from", "");
      assert.equal(await page.isHidden("#latents"), false);
      await page.waitForFunction(() => !location.hash.includes("from"));
    }));

  for (const [judge, shown] of [["beside", 4], ["alone", 2]]) {
    test(`a judge ${judge} shows its two losses`, () =>
      withPage(env, `#/train?judge=${judge}&network=conv`, async (page) => {
        await started(page);
        await page.click("#run");
        await atLeast(page, 3);
        await page.click("#run");
        await page.waitForFunction(() => vaelet.training.kept);
        assert.equal(await page.isHidden("#problem"), true, await page.textContent("#problem-text"));
        assert.equal(await page.locator(".train-curves figure:visible").count(), shown);
        assert.equal(await page.isHidden("#redrawn"), judge === "alone");
        assert.equal(await page.isDisabled("#slow"), judge === "alone");
        assert.match(await page.textContent("#judge-loss-now"), /^\d/);
      }));
  }

  // The convolutional network here, the fully connected one above: the page knows both again in a model.json.
  test("a kept model is renamed and deleted", () =>
    withPage(env, "#/train?network=conv", async (page) => {
      await started(page);
      await page.click("#one");
      await page.waitForFunction(() => vaelet.training.steps === 1);
      await page.fill("#name", "First");
      await page.click("#keep");
      await page.waitForSelector("#kept button:text('Train further')");
      await page.click("#kept button:text('Rename')");
      await page.fill("#kept input", "Second");
      await page.click("#kept button:text('Save name')");
      await page.waitForFunction(() => document.querySelector("#kept b")?.textContent === "Second");
      await page.click("#kept button:text('Delete')");
      await page.waitForFunction(() => document.querySelectorAll("#kept li").length === 0);
    }));

  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    for (const width of [320, 390, 1440]) {
      test(`nothing hinders anybody at ${width} pixels, ${colorScheme}`, () =>
        withPage(env, "#/train?data=drawings", async (page) => {
          await started(page);
          assert.deepEqual(await audit(page), []);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page is too wide");
        }, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true }));
    }
  }
});

describe("training on a GPU", () => {
  const env = useBrowser({ webgpu: true });
  // The smallest network and batch: the software GPU of these tests takes seconds for a step.
  const HASH = "#/train?data=drawings&network=conv&latents=2&backend=webgpu";

  /** The worker that trains. */
  const workerOf = async (page) => {
    const find = () => page.workers().find((worker) => worker.url().includes("train/worker.js"));
    return find() ?? page.waitForEvent("worker", { predicate: (worker) => worker.url().includes("train/worker.js") });
  };
  const runsOn = (page, device) => page.waitForFunction((device) => vaelet.training.device === device || !document.querySelector("#problem").hidden, device);

  test("a GPU takes over, draws what it learns, and hands the state back", () =>
    withPage(env, HASH, async (page) => {
      await started(page);
      await drawSigns(page, 20);
      await page.click("#run");
      await runsOn(page, "GPU");
      assert.match(await page.textContent("#device-status"), /A step takes [\d.]+ ms on the GPU and [\d.]+ ms on the CPU/);
      const before = await stepsOf(page);
      await atLeast(page, before + 3);
      await page.selectOption("#device", "cpu");
      await runsOn(page, "CPU");
      await atLeast(page, before + 10);
      assert.equal(await page.isHidden("#problem"), true, await page.textContent("#problem-text"));
    }));

  test("a lost GPU costs seconds at most, and another one takes over", () =>
    withPage(env, HASH, async (page) => {
      await started(page);
      await drawSigns(page, 20);
      const worker = await workerOf(page);
      await worker.evaluate(() => {
        self.devices = [];
        const { requestDevice } = GPUAdapter.prototype;
        GPUAdapter.prototype.requestDevice = async function (...options) {
          const device = await requestDevice.apply(this, options);
          self.devices.push(device);
          return device;
        };
      });
      await page.click("#run");
      await runsOn(page, "GPU");
      await worker.evaluate(() => self.devices[0].destroy());
      await page.waitForFunction(() => /The GPU was lost after step \d+.*goes on from step \d+/.test(document.querySelector("#device-status").textContent));
      await atLeast(page, (await stepsOf(page)) + 5);
      assert.equal(await page.isHidden("#problem"), true, await page.textContent("#problem-text"));
      // Another one is asked for.
      await page.waitForFunction(() => vaelet.training.device === "CPU");
      await worker.evaluate(async () => {
        while (self.devices.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
      });
    }, { expected: /lost|destroyed/i }));

  test("a GPU that computes something else is not used", () =>
    withPage(env, HASH, async (page) => {
      await started(page);
      await drawSigns(page, 20);
      const worker = await workerOf(page);
      await worker.evaluate(() => {
        const { createShaderModule } = GPUDevice.prototype;
        GPUDevice.prototype.createShaderModule = function ({ code, ...options }) {
          return createShaderModule.call(this, { ...options, code: code.replaceAll("1e-8", "1e-2") });
        };
      });
      await page.click("#run");
      await page.waitForFunction(() => /computes something else/.test(document.querySelector("#device-status").textContent));
      await atLeast(page, (await stepsOf(page)) + 2);
      assert.equal(await page.evaluate(() => vaelet.training.device), "CPU");
    }));
});
