/**
 * The page in a real browser, as a reader uses it: once with WebGPU on a
 * software adapter, once without WebGPU. Pictures are checked through the API
 * and on the screen.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  correlation,
  drawStrokes,
  maxDifference,
  pageTests,
  ready,
  screenshot,
  seen,
  settle,
  sheet,
  state,
  useBrowser,
  withPage,
} from "./harness.mjs";
import { DIGITS } from "../../web/parts/examples.js";

/** How much a drawing and its reconstruction have to look alike. */
const RESEMBLANCE = 0.7;
/** What backends may differ by: f16 weights, sums in another order. */
const TOLERANCE = 2e-3;
/** What burn made of the samples of this seed when the model was exported. */
const GOLDEN_SEED = 7;
/** Chromium reports a missing file on the console, whatever the page makes of it. */
const MISSING_FILE = /Failed to load resource: the server responded with a status of 404/;
const MODEL = "models/digits/model.json";
const WEIGHTS = "models/digits/weights.safetensors";

for (const webgpu of [true, false]) {
  const backend = webgpu ? "webgpu" : "cpu";

  describe(webgpu ? "with WebGPU" : "without WebGPU", () => {
    const env = useBrowser({ webgpu });

    const onPage = pageTests(env, backend);

    onPage("the browser is what this run is about", "#/draw", async (page) => {
      const adapter = await page.evaluate(async () => {
        const adapter = await navigator.gpu?.requestAdapter();
        await adapter?.requestDevice();
        return Boolean(adapter);
      });
      assert.equal(adapter, webgpu);
      assert.equal(await page.evaluate(() => vaelet.model.backend), backend);
      assert.equal(await page.getAttribute("#backend", "data-running"), backend);
    });

    onPage("an empty pad shows nothing", "#/draw", async (page) => {
      const nothing = async () => {
        const { pixels, image, z, elbo } = await state(page);
        assert.deepEqual([pixels, image, z, elbo], [null, null, null, null]);
        assert.equal(await page.getAttribute("#stage", "data-empty"), "");
        assert.equal(await page.isVisible("#reconstruction"), false);
        assert.equal(await page.textContent("#cost"), "–");
      };
      assert.ok(Math.max(...(await state(page)).pixels) > 0.5, "no digit has drawn itself");
      assert.ok(!page.url().includes("ink="), "what drew itself is in the address");
      await page.click("#clear");
      await settle(page);
      await nothing();
      await drawStrokes(page, DIGITS[2]);
      await settle(page);
      assert.equal(await page.isVisible("#reconstruction"), true);
      await page.click("#clear");
      await settle(page);
      await nothing();
      await page.click("#undo");
      await settle(page);
      assert.equal((await state(page)).image.length, 784);
    });

    onPage("a click draws a dot", "#/draw", async (page) => {
      await drawStrokes(page, [[[0.5, 0.5]]]);
      await settle(page);
      const { pixels, image } = await state(page);
      assert.ok(Math.max(...pixels) > 0.5, "the encoder sees no dot");
      assert.equal(image.length, 784);
      assert.equal(await page.evaluate(() => vaelet.view.pad.strokes.length), 1);
    });

    onPage("a fast stroke has no gaps, and leaving the pad does not stick", "#/draw", async (page) => {
      const strokes = () => page.evaluate(() => vaelet.view.pad.strokes.map((points) => points.length));
      await drawStrokes(page, [[[0.3, 0.2], [0.7, 0.8], [1.4, 0.8]]]);
      const before = await strokes();
      assert.equal(before.length, 1);
      const box = await page.locator("#pad").boundingBox();
      for (const part of [0.2, 0.4, 0.6]) await page.mouse.move(box.x + part * box.width, box.y + box.height / 2);
      assert.deepEqual(await strokes(), before, "the pen still draws after it was lifted outside");
      const gaps = await page.evaluate(() => {
        const { width, height } = document.querySelector("#pad");
        const { data } = document.querySelector("#pad").getContext("2d").getImageData(0, 0, width, height);
        const ink = (x, y) => data[4 * (Math.round(y * height) * width + Math.round(x * width)) + 3];
        return Array.from({ length: 50 }, (_, i) => ink(0.3 + (0.4 * i) / 49, 0.2 + (0.6 * i) / 49)).filter((alpha) => alpha < 255).length;
      });
      assert.equal(gaps, 0);
    });

    onPage("drawn digits come back", "#/draw?epsilon=1", async (page) => {
      const drawings = [];
      for (const strokes of DIGITS) {
        if (drawings.length) await page.click("#clear");
        await drawStrokes(page, strokes);
        await settle(page);
        const { pixels, image } = await state(page);
        const shown = Math.abs(correlation(await seen(page, "#reconstruction", 28, 28), image)); // ink may be dark or light
        assert.ok(shown > 0.95, `the screen shows something else: ${shown}`);
        drawings.push({ pixels, image });
      }
      const own = drawings.map(({ pixels, image }) => correlation(pixels, image));
      console.log(`  resemblance: ${own.map((value, digit) => `${digit} ${value.toFixed(2)}`).join(", ")}`);
      for (const [digit, { pixels }] of drawings.entries()) {
        assert.ok(own[digit] >= RESEMBLANCE, `${digit}: ${own[digit]}`);
        for (const [other, { image }] of drawings.entries()) {
          if (other !== digit) assert.ok(correlation(pixels, image) < own[digit], `the drawn ${digit} looks more like the ${other} that came back`);
        }
      }
    });

    onPage("ε stays until the reader asks for another, and T = 0 is the mean", "#/draw?example=3&epsilon=5", async (page) => {
      const first = await state(page);
      const formula = first.mean.map((mean, i) => mean + Math.exp(first.logVar[i] / 2) * first.epsilon[i]);
      assert.ok(maxDifference(formula, first.z) < 1e-4, "z is not μ + σ·ε");
      assert.ok(Math.abs(first.elbo + first.reconstruction + first.kl) < 1e-3, "the ELBO is not minus the sum of its parts");
      assert.match(await page.textContent("#cost-term"), /−ELBO$/);
      await page.waitForTimeout(300);
      assert.deepEqual((await state(page)).z, first.z);
      await page.click("#new-epsilon");
      await settle(page);
      const second = await state(page);
      assert.notDeepEqual(second.z, first.z);
      assert.deepEqual(second.mean, first.mean);
      await page.focus("#temperature");
      await page.keyboard.press("Home");
      await settle(page);
      const { z, mean, elbo, kl, reconstruction } = await state(page);
      assert.ok(maxDifference(z, mean) < 1e-6);
      assert.equal(elbo, null, "there is no ELBO at another temperature");
      assert.ok(Number.isFinite(kl) && Number.isFinite(reconstruction));
      assert.equal(await page.textContent("#cost"), "–");
      assert.match(await page.textContent("#cost-term"), /for T = 1 only/);
      const refused = await page.evaluate(() => vaelet.model.elbo(new Float32Array(784), { temperature: 0.5 }).catch(({ code }) => code));
      assert.equal(refused, "bad-input");
    });

    onPage("KL, reconstruction and log p(z) are the trainer's for the same image and ε", "#/sample?model=digits&seed=7", async (page) => {
      for (const [name, tolerance] of [["digits", 0.02], ["portraits", 0.5]]) {
        const given = ["images", "epsilon", "reconstruction_nats", "kl", "log_prior", "kl_to_standard_normal"];
        const { images, epsilon, ...expected } = Object.fromEntries(given.map((tensor) => [tensor, golden(tensor, name)]));
        const [count, ...shape] = images.shape;
        const found = await page.evaluate(
          async ({ name, images, epsilon, count, backend }) => {
            const model = await vaelet.loadModel(`models/${name}`, { backend });
            const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
            const results = [];
            for (let i = 0; i < count; i++) {
              const item = (all) => Float32Array.from(all.slice((i * all.length) / count, ((i + 1) * all.length) / count));
              const noise = { epsilon: item(epsilon) };
              const { reconstruction, kl, logPrior, klToStandardNormal } = await model.reconstruct(canvas, item(images), noise);
              const again = await model.reconstruct(canvas, item(images), { ...noise, temperature: 0.3 });
              results.push({ reconstruction, kl, logPrior, each: Array.from(klToStandardNormal), cold: again.kl });
            }
            model.free();
            return results;
          },
          { name, images: images.values, epsilon: epsilon.values, count, backend },
        );
        assert.equal(shape.reduce((a, b) => a * b), images.values.length / count);
        for (const [i, { reconstruction, kl, logPrior, each, cold }] of found.entries()) {
          const near = (value, tensor, what) => {
            const difference = Math.abs(value - expected[tensor].values[i]);
            assert.ok(difference < tolerance, `${name}: ${what} is ${value}, the trainer's ${expected[tensor].values[i]}`);
          };
          near(reconstruction, "reconstruction_nats", "the reconstruction");
          near(kl, "kl", "the KL");
          near(logPrior, "log_prior", "log p(z)");
          assert.equal(cold, kl, "the temperature changes the KL");
          const latent = each.length;
          assert.ok(maxDifference(each, expected.kl_to_standard_normal.values.slice(i * latent, (i + 1) * latent)) < tolerance);
        }
      }
    });

    onPage("a grid of samples is what its seed says", "#/sample?model=digits&seed=7", async (page) => {
      const { z, count, columns } = await state(page);
      const expected = await page.evaluate((count) => Array.from(vaelet.model.sample({ seed: 7, count })), count);
      assert.deepEqual(z, expected);
      const images = await page.evaluate(async (z) => Array.from(await vaelet.model.decode(Float32Array.from(z))), z);
      const picture = sheet(images, columns);
      const shown = Math.abs(correlation(await seen(page, "#samples", columns * 28, (count / columns) * 28), picture));
      assert.ok(shown > 0.9, `the screen shows something else: ${shown}`);
      await page.click("#new-samples");
      await settle(page);
      assert.notDeepEqual((await state(page)).z, z);
      await page.fill("#seed", "7");
      await settle(page);
      assert.deepEqual((await state(page)).z, z);
    });

    for (const mode of ["slerp", "lerp"]) {
      for (const [t, end] of [[0, "a"], [1, "b"]]) {
        const hash = `#/morph?model=digits&a=sample-7-0-1&b=sample-7-1-1&t=${t}`;
        onPage(`a morph by ${mode} is at its end ${end} at t = ${t}`, hash, async (page) => {
          const morph = await state(page);
          const z = mode === "slerp" ? morph.z : morph.zLerp;
          assert.deepEqual(z, morph[end]);
          assert.notDeepEqual(morph.a, morph.b);
          const decode = (z) => page.evaluate(async (z) => Array.from(await vaelet.model.decode(Float32Array.from(z))), z);
          const image = await decode(morph[end]);
          assert.deepEqual(await decode(z), image);
          const shown = Math.abs(correlation(await seen(page, `#${mode}`, 28, 28), image));
          assert.ok(shown > 0.95, `the screen shows something else: ${shown}`);
        });
      }
    }

    onPage("a morph plays and pauses, and its slider goes to both ends", "#/morph?model=digits&a=sample-7-0-1&b=sample-7-1-1", async (page) => {
      await page.waitForFunction(() => vaelet.view.state.t > 0.02);
      await page.click("#play");
      assert.equal((await state(page)).playing, false);
      await page.focus("#t");
      for (const [key, end] of [["End", "b"], ["Home", "a"]]) {
        await page.keyboard.press(key);
        await settle(page);
        const morph = await state(page);
        assert.deepEqual(morph.z, morph[end]);
      }
    });

    if (webgpu) {
      onPage("equal seeds give equal pictures on GPU and CPU", "#/sample?model=digits&seed=7", async (page) => {
        const [gpu, cpu] = await page.evaluate(async () => {
          const decode = async (model) => Array.from(await model.decode(model.sample({ seed: 7, count: 4 })));
          const other = await vaelet.loadModel("models/digits", { backend: "cpu" });
          if (other.backend !== "cpu") throw new Error("the CPU was asked for");
          return [await decode(vaelet.model), await decode(other)];
        });
        const difference = maxDifference(gpu, cpu);
        console.log(`  largest difference of GPU and CPU: ${difference.toExponential(1)}`);
        assert.ok(difference <= TOLERANCE);
      });
    }

    onPage("equal seeds give equal pictures here and natively", "#/morph?model=digits&t=0", async (page) => {
      const { shape, values } = golden("sample");
      const options = { seed: GOLDEN_SEED, count: shape[0] };
      const here = await page.evaluate(
        async (options) => Array.from(await vaelet.model.decode(vaelet.model.sample(options))),
        options,
      );
      const difference = maxDifference(here, values);
      console.log(`  largest difference of ${backend} and burn: ${difference.toExponential(1)}`);
      assert.ok(difference <= TOLERANCE);
    });

    onPage("a model of faces is shown as it is, and is burn's; nobody draws faces", "#/sample?model=portraits", async (page) => {
      assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("#samples canvas")).mixBlendMode), "normal");
      const { shape, values } = golden("sample", "portraits");
      const options = { seed: GOLDEN_SEED, count: shape[0] };
      const here = await page.evaluate(
        async (options) => Array.from(await vaelet.model.decode(vaelet.model.sample(options))),
        options,
      );
      assert.ok(maxDifference(here, values) <= TOLERANCE);
      await screenshot(page, `faces-${backend}`);
      await page.click("#nav-morph");
      await settle(page);
      assert.equal(await page.isVisible("#a-kind-drawn"), false);
    });

    test("the faster backend is chosen by measurement, and said", () =>
      withPage(env, "#/draw?backend=auto", async (page) => {
        await ready(page); // on the CPU, before the choice
        assert.ok(await page.evaluate(() => vaelet.view));
        await page.evaluate(() => vaelet.ready.then(() => {}));
        const { running, measured } = await page.evaluate(() => ({ running: vaelet.model.backend, measured: vaelet.model.measured }));
        const status = await page.textContent("#backend-status");
        console.log(`  ${status}`);
        assert.equal(await page.getAttribute("#backend", "data-running"), running);
        assert.match(status, /ms per picture/);
        assert.ok(measured.cpu > 0);
        if (webgpu) {
          assert.ok(measured.webgpu > 0);
          assert.equal(running, measured.webgpu < measured.cpu ? "webgpu" : "cpu");
        } else {
          assert.equal(measured.webgpu, null);
          assert.equal(running, "cpu");
          assert.match(status, /no WebGPU/);
        }
      }));

    onPage("the reader changes the backend, and the drawing stays", "#/draw?example=3", async (page) => {
      await page.selectOption("#backend", "cpu");
      await page.waitForFunction(() => vaelet.model.backend === "cpu");
      await settle(page);
      assert.equal((await state(page)).image.length, 784);
      await page.selectOption("#backend", "webgpu");
      await page.waitForFunction((webgpu) => (webgpu ? vaelet.model.backend === "webgpu" : document.querySelector("#backend").value === "cpu"), webgpu);
      await settle(page);
      assert.equal(await page.evaluate(() => vaelet.model.backend), backend);
      assert.equal((await state(page)).image.length, 784);
    });

    if (!webgpu) {
      test("a link that asks for a GPU works where there is none, and says so", () =>
        withPage(env, "#/draw?backend=webgpu&example=3", async (page) => {
          await ready(page);
          await settle(page);
          assert.match(await page.textContent("#backend-status"), /Runs on your CPU/);
          assert.equal(await page.evaluate(() => vaelet.model.backend), "cpu");
          assert.equal((await state(page)).image.length, 784);
        }));

      const noGpu = () => delete Navigator.prototype.gpu;
      onPage("everything works in a browser that has never heard of WebGPU", "#/draw?example=3", async (page) => {
        assert.equal(await page.evaluate(() => "gpu" in navigator), false);
        assert.equal((await state(page)).image.length, 784);
      }, { init: noGpu });
    }

    const failures = [
      ["a missing model.json", MODEL, () => ({ status: 404 }), "not-found", MISSING_FILE],
      ["missing weights", WEIGHTS, () => ({ status: 404 }), "not-found", MISSING_FILE],
      ["a missing program", "vaelet-web.js", () => ({ status: 404 }), "not-found", MISSING_FILE],
      ["a model.json that is a web page", MODEL, () => ({ body: Buffer.from("<!doctype html>") }), "bad-model"],
      ["a stride of 65,535", MODEL, changed(({ decoder }) => Object.assign(decoder.at(-1), { kernel: 1, stride: 65_535 })), "bad-model"],
      ["sizes whose product is 0 in 32 bits", MODEL, changed(({ input }) => Object.assign(input, { height: 65_536, width: 65_536 })), "bad-model"],
      ["truncated weights", WEIGHTS, ({ body }) => ({ body: body.subarray(0, body.length / 2) }), "truncated"],
      ["weights with a wrong byte", WEIGHTS, ({ body }) => ({ body: withFlippedByte(body) }), "hash-mismatch"],
    ];
    for (const [name, path, change, code, expected] of failures) {
      test(`${name}: a sentence, and trying again recovers`, async () => {
        env.server.damage(path, change);
        try {
          await withPage(env, `#/draw?example=3&backend=${backend}`, async (page) => {
            await page.waitForSelector("#error:not([hidden])");
            assert.equal(await page.getAttribute("#error", "data-code"), code);
            assert.match(await page.textContent("#error-message"), /\w+ .*\.$/);
            assert.equal(await page.evaluate(() => vaelet.ready.then(() => "", (error) => error.code)), code);
            assert.equal(await page.evaluate(() => vaelet.view), null);
            if (webgpu && code === "truncated") await screenshot(page, "error");
            env.server.repair();
            await page.click("#error-retry");
            await page.waitForFunction(() => vaelet.view);
            assert.equal(await page.isVisible("#error"), false);
            await settle(page);
            assert.equal((await state(page)).image.length, 784);
          }, { expected });
        } finally {
          env.server.repair();
        }
      });
    }

  });
}

/** A description with something changed in it. */
function changed(change) {
  return ({ body }) => {
    const model = JSON.parse(body);
    change(model);
    return { body: Buffer.from(JSON.stringify(model)) };
  };
}

function withFlippedByte(body) {
  const changed = Buffer.from(body);
  changed[changed.length >> 1] ^= 1;
  return changed;
}

/** A tensor of a model's golden file, which is safetensors: a length, a JSON header, f32 values. */
function golden(name, model = "digits") {
  const file = readFileSync(fileURLToPath(new URL(`../../models/${model}/golden.safetensors`, import.meta.url)));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { shape, data_offsets: [from, to] } = JSON.parse(file.toString("utf8", 8, start))[name];
  const bytes = file.subarray(start + from, start + to);
  return { shape, values: Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i)) };
}
