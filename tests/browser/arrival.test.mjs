/** How a reader arrives: by an address that names what is not here, in a low window, and before the weights are there. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ready, settle, useBrowser, withPage } from "./harness.mjs";

describe("arriving", () => {
  const env = useBrowser({ webgpu: false });

  for (const [what, hash, sentence] of [
    ["model", "#/sample?model=nothere&backend=cpu", /no model called “nothere”/],
    ["view", "#/nowhere?backend=cpu", /no view called “nowhere”/],
  ]) {
    test(`at a ${what} that is not here shows another, says so in a line that can be closed, and puts the address right`, () =>
      withPage(env, hash, async (page) => {
        await ready(page);
        await settle(page);
        assert.match(await page.textContent("#missing"), /** @type {RegExp} */ (sentence));
        await page.waitForFunction(() => /^#\/sample(\?backend=cpu)?$/.test(location.hash));
        assert.ok((await page.inputValue("#model")).length > 0);
        await page.click("#missing button");
        assert.equal(await page.isVisible("#missing"), false);
      }));
  }

  for (const view of ["sample", "draw", "edit"]) {
    test(`in a window of 720 × 450, as at 200 %, ${view} has its controls in the upper half`, () =>
      withPage(env, `#/${view}?backend=cpu`, async (page) => {
        await ready(page);
        await settle(page);
        const top = await page.locator("#view .opening").evaluate((node) => node.getBoundingClientRect().top);
        assert.ok(top < 225, `they begin at ${top}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
      }, { viewport: { width: 720, height: 450 } }));
  }

  test("before the weights are there, a tap enlarges one of the samples", () =>
    withPage(env, "", async (page) => {
      let send;
      await page.route("**/weights.safetensors*", async (route) => {
        await new Promise((done) => (send = done));
        await route.continue();
      });
      await page.goto(`${env.server.url}#/sample?model=digits&backend=cpu`);
      await page.locator("#poster span").nth(3).click();
      assert.equal(await page.locator("#poster .is-large").count(), 1);
      send();
      await ready(page);
    }, { url: "about:blank", serviceWorkers: "block", expected: /[sS]ervice [wW]orker/ }));
});
