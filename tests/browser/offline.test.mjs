/** Download for offline use: what is here, what is not, and that what was downloaded works without a network. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ready, settle, useBrowser, withPage } from "./harness.mjs";

describe("download for offline use", () => {
  const env = useBrowser({ webgpu: false });
  const row = (page, title) => page.locator("#offline-list li", { has: page.getByText(title, { exact: true }) });
  const open = async (page) => {
    await ready(page);
    await page.evaluate(() => vaelet.kept.then(() => {}));
    await page.click("#offline");
    await page.waitForFunction(() => [...document.querySelectorAll("#offline-list .size")].every(({ textContent }) => / MB$/.test(textContent)) && document.querySelector("#offline-list li"));
  };

  test("says what is here and how large the rest is, and a model that was downloaded works offline", () =>
    withPage(env, "#/draw?model=digits-beta-1&backend=cpu", async (page) => {
      await open(page);
      const beside = row(page, "Digits, 2 numbers");
      const size = Number.parseFloat(await beside.locator(".size").textContent());
      assert.ok(size > 0.1 && size < 10, `${size} MB`);
      assert.match(await page.textContent("#offline-all"), /Download everything \(\d+\.\d MB\)/);
      await beside.locator("button").click();
      await page.waitForFunction(() => /^Done/.test(document.querySelector("#offline-status").textContent));
      assert.equal(await beside.locator("button").textContent(), "✓ here");
      assert.equal(await row(page, "Portraits").locator("button").textContent(), "Download");
      await row(page, "Spoken digits").locator("button").click();
      await page.waitForFunction(() => /^Done/.test(document.querySelector("#offline-status").textContent) && document.querySelectorAll("#offline-list li[data-here]").length === 2);
      const kept = () => page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)))).flat());
      assert.ok((await kept()).some((url) => url.includes("vaelet-sound-web")), "a model of sounds comes with what makes it heard");
      await row(page, "Programs and data of Use, Train and the importer").locator("button").click();
      await page.waitForFunction(() => document.querySelectorAll("#offline-list li[data-here]").length >= 3 && /^Done/.test(document.querySelector("#offline-status").textContent));
      await page.click("#offline-close");
      await page.waitForFunction(() => [...document.querySelectorAll("#model option")].some(({ value, textContent }) => value === "digits-map" && /✓/.test(textContent)));
      await page.context().setOffline(true);
      await page.evaluate(() => (location.hash = "#/map?model=digits-map&backend=cpu"));
      await page.waitForFunction(() => location.hash.startsWith("#/map") && window.vaelet?.model?.info.name === "digits-map" && vaelet.view?.state);
      await settle(page);
    }, { expected: /ERR_INTERNET_DISCONNECTED|Failed to load resource|service worker/i }));

  test("a model with snapshots brings them along, and Inside shows training without a network", () =>
    withPage(env, "#/inside?model=digits-beta-1&backend=cpu", async (page) => {
      await open(page);
      await row(page, "Digits, 2 numbers, smaller").locator("button").click();
      await page.waitForFunction(() => /^Done/.test(document.querySelector("#offline-status").textContent));
      await page.click("#offline-close");
      await page.context().setOffline(true);
      await page.reload();
      await ready(page);
      await page.locator("#part-training").scrollIntoViewIfNeeded();
      await page.waitForFunction(() => vaelet.view.state.training?.image);
    }, { expected: /ERR_INTERNET_DISCONNECTED|Failed to load resource|service worker/i }));

  test("a download that fails is said to, and what came before stays", () =>
    withPage(env, "#/draw?model=digits-beta-1&backend=cpu", async (page) => {
      await open(page);
      env.server.damage("models/digits-map/weights.safetensors", ({ body }) => ({ body: Buffer.alloc(body.length) }));
      try {
        await row(page, "Digits, 2 numbers").locator("button").click();
        await page.waitForFunction(() => /could not be downloaded/.test(document.querySelector("#offline-status").textContent));
        assert.equal(await row(page, "Digits, 2 numbers").locator("button").textContent(), "Download");
        assert.equal(await row(page, "Digits, 2 numbers").locator("button").isEnabled(), true);
      } finally {
        env.server.repair();
      }
    }, { expected: /Failed to load resource|service worker/i }));

  test("where the page is not kept, that is said", () =>
    withPage(env, "#/draw?model=digits-beta-1&backend=cpu", async (page) => {
      await ready(page);
      await page.click("#offline");
      await page.waitForFunction(() => /does not keep this page/.test(document.querySelector("#offline-status")?.textContent));
      assert.equal(await page.isVisible("#offline-all"), false);
    }, { serviceWorkers: "block", expected: /[sS]ervice [wW]orker/ }));
});
