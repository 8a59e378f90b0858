/**
 * In documents from right to left: what is touched is what is taken, in every view, on the page and in
 * the element. Grids, sliders and plots run from left to right; text and menus follow the page.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pageTests, screenshot, settle, startArticle, state, useBrowser, withPage } from "./harness.mjs";

const RTL = { init: () => addEventListener("DOMContentLoaded", () => (document.documentElement.dir = "rtl")) };
const PHONE = { ...RTL, viewport: { width: 390, height: 844 } };

/** Clicks at parts of an element's width and height. */
async function clickAt(page, selector, [x, y]) {
  const target = page.locator(selector).first();
  await target.scrollIntoViewIfNeeded();
  const box = await target.boundingBox();
  await page.mouse.click(box.x + x * box.width, box.y + y * box.height);
}
const slide = (page, selector, part) => clickAt(page, selector, [part, 0.5]);
const centre = async (page, selector) => {
  const box = await page.locator(selector).first().boundingBox();
  return box.x + box.width / 2;
};

/** What is true of a view, whichever way the document runs. */
const VIEWS = {
  sample: ["#/sample?model=digits&seed=7", async (page) => {
    await clickAt(page, "#samples canvas", [0.02, 0.5]);
    await settle(page);
    assert.equal((await state(page)).chosen, "sample-7-0-1");
    const columns = (await state(page)).columns;
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await settle(page);
    assert.equal((await state(page)).chosen, `sample-7-${columns + 1}-1`);
    await slide(page, "#temperature", 0.1);
    assert.ok((await state(page)).temperature < 0.5);
    await page.locator("#keep").click();
    await settle(page);
    await clickAt(page, "#kept-sheet", [0.5, 0.5]);
  }],
  draw: ["#/draw?example=3&epsilon=5", async (page) => {
    assert.ok((await centre(page, "#pad")) < (await centre(page, "#reconstruction")), "the way does not run from left to right");
    await clickAt(page, "#resamples-sheet", [0.03, 0.5]);
    assert.equal(await page.getAttribute("#resample-picks button:first-child", "aria-pressed"), "true");
    await slide(page, "#temperature", 0.9);
    assert.ok((await page.inputValue("#temperature")) > 1.5);
    await chart(page);
  }],
  morph: ["#/morph?model=digits&t=0.5", async (page) => {
    assert.ok((await centre(page, "#a-picture")) < (await centre(page, "#b-picture")));
    await clickAt(page, "#strip-frame", [0.05, 0.5]);
    assert.ok((await state(page)).t < 0.01);
    await slide(page, "#t", 0.9);
    assert.ok((await state(page)).t > 0.8);
    await page.keyboard.press("ArrowLeft");
    assert.ok((await state(page)).t < 0.95);
  }],
  corners: ["#/morph?model=digits&ends=four&t=0.5&u=0.5", async (page) => {
    assert.ok((await centre(page, "#a-picture")) < (await centre(page, "#b-picture")));
    await clickAt(page, "#grid-pad", [0.05, 0.95]);
    const { t, u } = await state(page);
    assert.deepEqual([t, u], [0, 1]);
    const pad = await page.locator("#grid-pad").boundingBox();
    assert.ok((await centre(page, "#cross")) < pad.x + pad.width / 4, "the marker is elsewhere");
  }],
  map: ["#/map?x=0&y=0", async (page) => {
    await clickAt(page, "#pad", [0.1, 0.1]);
    await settle(page);
    const { x, y } = await page.evaluate(() => ({ x: vaelet.view.state.x, y: vaelet.view.state.y }));
    assert.ok(x < 0 && y > 0, `${x}, ${y}`);
    const pad = await page.locator("#pad").boundingBox();
    assert.ok(Math.abs((await centre(page, "#cross")) - pad.x - 0.1 * pad.width) < 8, "the marker is elsewhere");
    await slide(page, "#x", 0.9);
    assert.ok((await page.evaluate(() => vaelet.view.state.x)) > 0);
  }],
  edit: ["#/edit?model=avatars", async (page) => {
    assert.ok((await centre(page, "#before")) < (await centre(page, "#after")));
    await slide(page, "#attribute-1", 0.95);
    assert.ok((await page.locator("#attribute-1").inputValue()) > 0);
    await clickAt(page, "#examples-grid canvas", [0.03, 0.5]);
    assert.equal(await page.getAttribute("#examples-picks button:first-child", "aria-pressed"), "true");
  }],
  inside: ["#/inside?model=avatars", async (page) => {
    await clickAt(page, "#choices canvas", [0.03, 0.5]);
    assert.equal(await page.getAttribute("#picks button:first-child", "aria-pressed"), "true");
    assert.ok((await centre(page, "#loss-x")) < (await centre(page, "#loss-difference")));
    await chart(page);
  }],
};

async function chart(page) {
  await page.locator("#posterior").scrollIntoViewIfNeeded();
  const box = await page.locator("#posterior .plot-area > svg").boundingBox();
  await page.mouse.move(box.x + 3, box.y + box.height / 2);
  assert.equal(await page.getAttribute("#posterior", "aria-valuenow"), "1");
  await page.mouse.move(0, 0);
  await page.locator("#posterior").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getAttribute("#posterior", "aria-valuenow"), "2");
  const tick = await page.locator("#posterior .plot-tick").first().boundingBox();
  assert.ok(tick.x + tick.width <= box.x + 1, "the ticks lie on the chart");
}

/** Every slider runs as its filling does. */
const slidersRunRight = (page) =>
  page.evaluate(() => {
    const roots = [document, ...[...document.querySelectorAll("vae-let")].map(({ shadowRoot }) => shadowRoot)];
    return roots.flatMap((root) => [...root.querySelectorAll("input[type=range], math")]).every((node) => getComputedStyle(node).direction === "ltr");
  });

describe("from right to left", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");

  for (const [view, [hash, check]] of Object.entries(VIEWS)) {
    for (const [size, options] of [["wide", RTL], ["on a phone", PHONE]]) {
      onPage(`${view}, ${size}: what is touched is what is taken`, hash, async (page) => {
        assert.equal(await page.evaluate(() => getComputedStyle(document.body).direction), "rtl");
        assert.equal(await slidersRunRight(page), true);
        await (size === "wide" || !["draw", "morph"].includes(view) ? check(page) : narrow(page, view));
      }, options);
    }
    onPage(`${view} fits, and its text follows the page`, hash, async (page) => {
      for (const [width, colorScheme] of [[320, "light"], [390, "light"], [390, "dark"], [1440, "light"], [1440, "dark"]]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await settle(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
        const outside = await page.evaluate(() => [...document.querySelectorAll("button, select, input, h1")].filter((node) => node.checkVisibility() && node.getBoundingClientRect().left < -1).length);
        assert.equal(outside, 0, `something is outside at ${width}`);
        if (width > 320) await screenshot(page, `rtl-${view}-${width}-${colorScheme}`);
      }
      const [name, share] = await Promise.all([".wordmark", "#share"].map((selector) => centre(page, selector)));
      assert.ok(share < name, "the masthead does not follow the page");
    }, RTL);
  }

  /** On a phone what stands side by side elsewhere stands below one another. */
  async function narrow(page, view) {
    if (view === "draw") {
      await clickAt(page, "#resamples-sheet", [0.03, 0.5]);
      assert.equal(await page.getAttribute("#resample-picks button:first-child", "aria-pressed"), "true");
      await chart(page);
      return;
    }
    await clickAt(page, "#strip-frame", [0.05, 0.5]);
    assert.ok((await state(page)).t < 0.01);
  }

  test("the element in an article: the leftmost picture is the first, sliders fill from the left, the caption is the article's", async () => {
    const article = await startArticle(
      `<script type="module" src="${env.server.url}web/vae-let.js"></script><div dir="rtl"><vae-let model="digits" view="sample" seed="7" loading="eager"><span slot="caption">כיתוב.</span></vae-let><vae-let id="b" model="digits" view="morph" state="t=0.5" loading="eager"></vae-let></div>`,
      "",
    );
    try {
      await withPage(env, "", async (page) => {
        await page.waitForFunction(() => [...document.querySelectorAll("vae-let")].every((element) => element.loadedModel));
        await page.waitForFunction(() => document.querySelector("vae-let").shadowRoot.querySelector("#samples canvas"));
        await clickAt(page, "vae-let #samples canvas", [0.02, 0.5]);
        await page.waitForFunction(() => /chosen=sample-7-0-1/.test(document.querySelector("vae-let").state));
        await clickAt(page, "#b #t", [0.9, 0.5]);
        await page.waitForFunction(() => new URLSearchParams(document.querySelector("#b").state).get("t") > 0.8);
        assert.equal(await slidersRunRight(page), true);
        assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("[slot=caption]")).direction), "rtl");
      }, { url: article.url });
    } finally {
      await article.close();
    }
  });

  test("the samples that stand in for the weights lie as the grid will", () =>
    withPage(env, "", async (page) => {
      let release;
      const held = new Promise((resolve) => (release = resolve));
      await page.route("**/weights.safetensors*", async (route) => {
        await held;
        await route.continue();
      });
      await page.goto(`${env.server.url}#/sample?model=digits&seed=7`);
      await page.waitForSelector("#poster span");
      const [first, second] = await page.$$eval("#poster span", (cells) => cells.slice(0, 2).map((cell) => cell.getBoundingClientRect().left));
      release();
      assert.ok(first < second);
    }, { ...RTL, url: "about:blank", serviceWorkers: "block", expected: /Service Worker registration blocked/ }));
});
