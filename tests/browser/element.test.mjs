/**
 * `<vae-let>` in other people's pages: from another origin, under a strict policy, several at once,
 * before and after its script has come, in a frame, and where it fails.
 */

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { audit, startArticle, useBrowser, withPage } from "./harness.mjs";

/** Chromium reports a missing file on the console, whatever the element makes of it. */
const MISSING_FILE = /Failed to load resource: the server responded with a status of 404/;

/** The view on the page inside an element. */
const VIEW = (selector, id) => `${selector} >> #${id}`;

describe("the element", () => {
  const env = useBrowser({ webgpu: false });
  before(() => {
    // All that an article has to allow.
    const origin = new URL(env.server.url).origin;
    env.policy = `default-src 'none'; script-src ${origin} 'wasm-unsafe-eval'; connect-src ${origin}; img-src ${origin} data:; frame-src ${origin}`;
    env.script = `<script type="module" src="${env.server.url}web/vae-let.js"></script>`;
  });

  /** A test on an article with this body, at another origin than the element's. */
  const inArticle = (name, body, use, options) =>
    test(name, async () => {
      const article = await startArticle(body(env), env.policy);
      try {
        await withPage(env, "", use, { url: article.url, ...options });
      } finally {
        await article.close();
      }
    });
  const loaded = (page, selector = "vae-let") =>
    page.waitForFunction((selector) => [...document.querySelectorAll(selector)].every((element) => element.loadedModel), selector);

  inArticle("two lines show a morph on another site, under a strict policy", ({ script }) => `${script}<vae-let model="digits" view="morph" seed="7"></vae-let>`, async (page) => {
    await loaded(page);
    await page.click(VIEW("vae-let", "play"));
    await page.focus(VIEW("vae-let", "t"));
    await page.keyboard.press("End");
    await page.waitForFunction(() => new URLSearchParams(document.querySelector("vae-let").state).get("t") === "1");
    const painted = await page.evaluate(() => {
      const canvas = document.querySelector("vae-let").shadowRoot.querySelector("#slerp");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(data).size;
    });
    assert.ok(painted > 10, "nothing is painted");
  });

  inArticle(
    "five at once share one program and one model, and the page stays responsive",
    ({ script }) => `${script}${["sample", "morph", "map", "edit", "morph"].map((view) => `<vae-let model="portraits" view="${view}" loading="eager"></vae-let>`).join("")}`,
    async (page) => {
      const start = env.server.requested.length;
      await loaded(page);
      const asked = env.server.requested.slice(start);
      assert.ok(asked.filter((path) => path === "vaelet-web_bg.wasm").length <= 1);
      assert.ok(asked.filter((path) => path === "models/portraits/weights.safetensors").length <= 1);
      await page.waitForFunction(() => [...document.querySelectorAll("vae-let")].every(({ shadowRoot }) => [...shadowRoot.querySelectorAll("canvas.live")].every(({ width }) => width > 0)));
      await page.waitForTimeout(2000); // first pictures
      const gaps = await page.evaluate(async () => {
        const gaps = [];
        let last = performance.now();
        const end = last + 3000;
        while (last < end) {
          await new Promise((done) => setTimeout(done));
          const now = performance.now();
          gaps.push(now - last);
          last = now;
        }
        return gaps.sort((a, b) => b - a).slice(0, 5);
      });
      console.log(`  longest the page was busy, two morphs playing: ${gaps.map((gap) => gap.toFixed(0)).join(", ")} ms`);
      assert.ok(gaps[0] < 500, `the page did not answer for ${gaps[0]} ms`);
    },
  );

  inArticle("properties that were set before the script came count, and attributes mirror them", ({ script }) => `<vae-let id="early"></vae-let>${script}`, async (page) => {
    await page.evaluate(() => {
      const late = document.createElement("vae-let");
      Object.assign(late, { model: "digits", view: "sample", seed: 11, loading: "eager" });
      late.id = "late";
      document.body.append(late);
    });
    await page.evaluate(() => Object.assign(document.getElementById("early"), { model: "digits", view: "sample", state: "seed=12" }));
    await loaded(page);
    const read = (id) => page.evaluate((id) => {
      const element = document.getElementById(id);
      return [element.getAttribute("model"), element.view, element.shadowRoot.querySelector("#seed").value];
    }, id);
    assert.deepEqual(await read("late"), ["digits", "sample", "11"]);
    assert.deepEqual(await read("early"), ["digits", "sample", "12"]);
    await page.evaluate(() => document.getElementById("late").setAttribute("view", "morph"));
    await page.waitForFunction(() => document.getElementById("late").shadowRoot.querySelector("#slerp"));
    assert.equal(await page.evaluate(() => document.getElementById("late").view), "morph");
    assert.equal(await page.evaluate(() => document.getElementById("late").loading), "eager");
  });

  inArticle("it tells of progress, load and change, and goes away cleanly", ({ script }) => `<main></main>${script}`, async (page) => {
    await page.evaluate(() => customElements.whenDefined("vae-let"));
    const told = await page.evaluate(async () => {
      const told = [];
      const element = document.createElement("vae-let");
      for (const type of ["progress", "load", "change", "error"]) element.addEventListener(type, ({ detail }) => told.push([type, Object.keys(detail)]));
      Object.assign(element, { model: "digits", view: "sample", loading: "eager" });
      document.querySelector("main").append(element);
      await new Promise((done) => element.addEventListener("load", done));
      element.shadowRoot.querySelector("#new-samples").click();
      await new Promise((done) => setTimeout(done, 100));
      window.state = element.state;
      element.remove();
      await new Promise((done) => setTimeout(done, 100));
      window.after = [element.loadedModel, element.shadowRoot.querySelectorAll("canvas").length];
      return told;
    });
    const types = told.map(([type]) => type);
    assert.ok(types.includes("progress") && types.includes("load") && types.includes("change"), types.join());
    assert.ok(!types.includes("error"));
    assert.match(await page.evaluate(() => window.state), /^seed=\d+$/);
    assert.deepEqual(await page.evaluate(() => window.after), [null, 0]);
  });

  inArticle(
    "where it fails, its content stands in and an error with a code tells why",
    ({ script, server }) => `${script}<vae-let src="${server.url}models/nowhere" loading="eager"><p id="fallback-text">A picture of what would be here.</p></vae-let>`,
    async (page) => {
      assert.equal(await (await page.waitForFunction(() => window.code)).jsonValue(), "not-found");
      assert.equal(await page.isVisible("#fallback-text"), true);
      assert.match(await page.textContent(VIEW("vae-let", "error-message")), /\w+ .*\.$/);
      await page.evaluate(() => document.querySelector("vae-let").setAttribute("src", document.querySelector("vae-let").src.replace("nowhere", "digits")));
      await loaded(page);
      assert.equal(await page.isVisible("#fallback-text"), false);
      assert.equal(await page.isVisible(VIEW("vae-let", "error")), false);
    },
    // It may have failed before a test can ask.
    { expected: MISSING_FILE, init: () => addEventListener("error", ({ detail }) => (window.code = detail?.code), { capture: true }) },
  );

  inArticle("an address that is none gets a sentence", ({ script }) => `${script}<vae-let loading="eager"></vae-let>`, async (page) => {
    const code = await page.evaluate(() => new Promise((done) => {
      const element = document.querySelector("vae-let");
      element.addEventListener("error", ({ detail }) => done(detail.code));
      element.src = "http://";
    }));
    assert.equal(code, "bad-input");
    assert.match(await page.textContent(VIEW("vae-let", "error-message")), /is not the address/);
  });

  inArticle("out of sight it shows its samples and loads no weights", ({ script }) => `<svg width="10" height="5000"></svg>${script}<vae-let model="digits" view="morph"></vae-let>`, async (page) => {
    await page.evaluate(() => caches.delete("vaelet-weights")); // so that they have to be asked for
    const start = env.server.requested.length;
    const weights = () => env.server.requested.slice(start).some((path) => path?.endsWith(".safetensors"));
    await page.reload();
    await page.waitForFunction(() => document.querySelector("vae-let").shadowRoot?.querySelector("#poster span"));
    assert.equal(weights(), false);
    const room = await page.evaluate(() => document.querySelector("vae-let").shadowRoot.querySelector("#loading-opening").offsetHeight);
    assert.equal(room, 0, "a heading that the article does not show takes no place");
    await page.evaluate(() => document.querySelector("vae-let").scrollIntoView());
    await loaded(page);
    assert.equal(weights(), true);
  });

  inArticle("in a frame it works and says how tall it is", ({ server }) => `<iframe src="${server.url}web/embed.html#/sample?model=digits&seed=9" title="samples" width="600" height="300"></iframe>`, async (page) => {
    const height = await (await page.waitForFunction(() => window.told > 300 && window.told)).jsonValue();
    assert.ok(height < 2000);
    const frame = page.frames().find((frame) => frame.url().includes("embed.html"));
    await frame.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
    assert.equal(await frame.inputValue("#seed"), "9");
    await frame.click("#new-samples");
    await frame.waitForFunction(() => !/seed=9(&|$)/.test(location.hash));
  }, { init: () => addEventListener("message", ({ data }) => data.type === "vaelet:height" && (window.told = data.height)) });

  test("the example article works under its own policy", () =>
    withPage(env, "", async (page) => {
      for (const element of await page.$$("vae-let")) {
        await element.scrollIntoViewIfNeeded();
        await page.waitForFunction((element) => element.loadedModel, element);
      }
      assert.equal(await page.$$eval("vae-let", (elements) => elements.length), 3);
    }, { url: `${env.server.url}examples/blog.html` }));

  test("the example article has no accessibility violations", () =>
    withPage(env, "", async (page) => {
      await page.evaluate(() => document.querySelectorAll("vae-let").forEach((element) => (element.loading = "eager")));
      await loaded(page);
      assert.deepEqual(await audit(page), []);
    }, { url: `${env.server.url}examples/blog.html`, bypassCSP: true }));
});
