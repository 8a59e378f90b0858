/** The page `#/check`: green on a GPU that is right, red and whole on one that is not. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { audit, screenshot, useBrowser, withPage } from "./harness.mjs";

const CASES = JSON.parse(await readFile(new URL("../../web/check/cases.json", import.meta.url), "utf8"));

/** The report once all is checked, and the verdict. */
async function checked(page) {
  await page.waitForFunction(() => window.vaelet?.ready);
  const items = await page.evaluate(() => vaelet.ready.then((report) => report.items));
  return { items, verdict: await page.textContent("#verdict"), text: await page.inputValue("#report") };
}

function states(items) {
  return Object.fromEntries(items.map(({ name, state, reason }) => [name, reason || state]));
}

describe("a GPU that is right", () => {
  const env = useBrowser({ webgpu: true });

  /** A software GPU takes seconds for each case, so that a page checks a part of them. */
  const PARTS = ["conv2d", "conv_transpose2d", "l", "residual", "strides"];
  const casesOf = (part) => CASES.filter(({ name }) => name.startsWith(part));

  test("every case is in one of the parts", () => {
    assert.deepEqual(PARTS.flatMap(casesOf).map(({ name }) => name).sort(), CASES.map(({ name }) => name).sort());
  });

  for (const part of PARTS) {
    test(`every kernel agrees with the CPU: ${part}`, () =>
      withPage(env, `#/check?only=kernels:%20${part}`, async (page) => {
        const { items, verdict, text } = await checked(page);
        const expected = casesOf(part).flatMap(({ name, precisions }) => precisions.map((precision) => [`kernels: ${name} (${precision})`, "right"]));
        assert.deepEqual(states(items), Object.fromEntries(expected));
        assert.match(verdict, new RegExp(`gives the right pictures: ${expected.length} of ${expected.length}`));
        for (const { found } of items) assert(found.gpu > 0 && found.cpu > 0, "nothing was measured");
        assert.match(text, /^GPU: \S/m);
        assert.match(text, /^Features: .*\nLimits: .*maxStorageBufferBindingSize \d+/m);
        assert.match(text, /^Clock: [\d.]+ ms$/m);
      }));
  }

  test("every published model agrees with the CPU", () =>
    withPage(env, "#/check?only=model:", async (page) => {
      const { items } = await checked(page);
      assert(items.length > 0);
      assert.deepEqual(states(items), Object.fromEntries(items.map(({ name }) => [name, "right"])));
    }));

  test("the report is copied, fits a phone, and the way back is a page", () =>
    withPage(
      env,
      "#/check?only=upsampling",
      async (page) => {
        await checked(page);
        await page.click("#copy");
        await page.waitForFunction(() => document.querySelector("#copied").textContent !== "");
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        assert.match(copied, /gives the right pictures[^]*kernels: residual blocks and upsampling \(i8\)/);
        for (const width of [320, 1440]) {
          await page.setViewportSize({ width, height: 800 });
          const [scroll, client] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
          assert(scroll <= client, `${scroll} pixels are wider than ${client}`);
          await screenshot(page, `check-${width}`);
        }
        assert.deepEqual(await audit(page), []);
        await page.click("#nav-sample");
        await page.waitForFunction(() => window.vaelet?.view);
      },
      { permissions: ["clipboard-read", "clipboard-write"], bypassCSP: true },
    ));
});

describe("a GPU that is wrong", () => {
  const env = useBrowser({ webgpu: true });

  test("a wrong kernel is seen", () =>
    withPage(
      env,
      "#/check?only=upsampling",
      async (page) => {
        const { items, verdict } = await checked(page);
        assert.deepEqual(items.map(({ state }) => state), ["differs", "differs"]);
        assert.match(verdict, /does not give the right pictures: of 2 checks 2 differ\./);
      },
      {
        init: () => {
          const { createShaderModule } = GPUDevice.prototype;
          GPUDevice.prototype.createShaderModule = function (descriptor) {
            return createShaderModule.call(this, { ...descriptor, code: descriptor.code.replace("exp(-", "exp(-0.9 * ") });
          };
        },
      },
    ));

  for (const [name, init] of [
    [
      "an invalid pipeline",
      () => {
        const { createShaderModule } = GPUDevice.prototype;
        GPUDevice.prototype.createShaderModule = function (descriptor) {
          GPUDevice.prototype.createShaderModule = createShaderModule;
          return createShaderModule.call(this, { ...descriptor, code: "nonsense" });
        };
      },
    ],
    [
      "a lost device",
      () => {
        const { requestDevice } = GPUAdapter.prototype;
        GPUAdapter.prototype.requestDevice = async function (descriptor) {
          GPUAdapter.prototype.requestDevice = requestDevice;
          const device = await requestDevice.call(this, descriptor);
          device.destroy();
          return device;
        };
      },
    ],
  ]) {
    test(`after ${name} the next is tried`, () =>
      withPage(
        env,
        "#/check?only=upsampling",
        async (page) => {
          const { items, verdict, text } = await checked(page);
          assert.deepEqual(items.map(({ state }) => state), ["failed", "right"]);
          assert.notEqual(items[0].reason, "");
          assert.match(verdict, /of 2 checks 1 failed\./);
          assert.match(text, /failed: \S/);
        },
        { init, expected: /./ },
      ));
  }
});

describe("no GPU", () => {
  const env = useBrowser({ webgpu: false });

  test("is said, and nothing is tried", () =>
    withPage(env, "#/check", async (page) => {
      const { items, verdict, text } = await checked(page);
      assert.match(verdict, /^There is no GPU to check here: /);
      assert(items.length > 0 && items.every(({ state }) => state === "not tried"));
      assert.match(text, /^Browser: /m);
    }));
});
