/** How much mathematics the page shows: for all views, remembered, and in the links that are passed on. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ready, settle, useBrowser, withPage } from "./harness.mjs";

describe("the switch for mathematics", () => {
  const env = useBrowser({ webgpu: false });
  const shown = (page, selector) => page.locator(selector).evaluateAll((nodes) => nodes.filter((node) => getComputedStyle(node).display !== "none").length);

  test("hides formulas, then notation too, in all views, and comes back as it was left", () =>
    withPage(env, "#/draw?backend=cpu", async (page) => {
      await ready(page);
      await settle(page);
      assert.ok((await shown(page, ".prose math")) > 0);
      assert.ok((await shown(page, ".prose .notation")) > 0);
      await page.selectOption("#maths", "notation");
      assert.equal(await shown(page, ".prose math"), 0);
      assert.ok((await shown(page, ".prose .notation")) > 0);
      await page.selectOption("#maths", "none");
      assert.equal(await shown(page, ".notation, .arithmetic"), 0);
      await page.waitForFunction(() => /maths=none/.test(location.hash));
      assert.doesNotMatch(await page.innerText(".prose"), /[μσε𝒩]|ELBO|nats/u);
      await page.click("#nav-inside");
      await page.waitForFunction(() => /^#\/inside/.test(location.hash) && document.querySelector("#part-loss"));
      await page.waitForFunction(() => /maths=none/.test(location.hash));
      assert.equal(await shown(page, "#inside math"), 0);
      // Another visit, whose address says nothing.
      await page.goto("about:blank");
      await page.goto(`${env.server.url}#/draw?backend=cpu`);
      await ready(page);
      assert.equal(await page.inputValue("#maths"), "none");
      assert.equal(await shown(page, ".prose math"), 0);
      await page.selectOption("#maths", "formulas");
      await page.waitForFunction(() => !/maths/.test(location.hash));
      assert.ok((await shown(page, ".prose math")) > 0);
    }));

  test("is in a link, whatever this reader chose before, and in the lesson with its steps", () =>
    withPage(env, "#/edit?model=avatars&backend=cpu&maths=none", async (page) => {
      await ready(page);
      assert.equal(await shown(page, ".prose math"), 0);
      assert.equal(await page.evaluate(() => localStorage.getItem("vaelet-maths")), null, "a link is no choice");
      await page.click("#nav-learn");
      await page.waitForSelector(".learn .levels");
      assert.equal(await page.isChecked('[name="level"][value="formulas"]'), true);
      await page.check('[name="level"][value="none"]');
      assert.equal(await page.evaluate(() => document.documentElement.dataset.maths), "none");
      assert.match(page.url(), /#\/learn/);
      const links = await page.evaluate(() => [...document.querySelectorAll(".go")].map(({ hash }) => hash));
      assert.ok(links.length >= 6 && links.every((hash) => /[?&]maths=none/.test(hash)), links.join());
      await page.click(".go >> nth=2");
      await page.waitForFunction(() => location.hash.startsWith("#/draw") && document.documentElement.dataset.maths === "none");
      await ready(page);
      assert.equal(await shown(page, ".prose math"), 0);
    }));
});
