/**
 * `<vae-let>` where it is harder: no document at all, attributes as frameworks write them, Trusted
 * Types, a sandbox, two versions of itself, places that are hidden at first or change, and browsers that
 * deliver several observations at once.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DIST, pageTests, startArticle, useBrowser, withPage } from "./harness.mjs";

test("element and API can be imported where there is no document, and do nothing", () => {
  for (const name of ["vae-let.js", "vaelet.js"]) {
    const url = new URL(`../../web/${name}`, import.meta.url).href;
    const code = `import(${JSON.stringify(url)}).then((module) => console.log(Object.keys(module).length > 0))`;
    assert.equal(execFileSync(process.execPath, ["-e", code], { encoding: "utf8", cwd: fileURLToPath(new URL(".", import.meta.url)) }).trim(), "true");
  }
});

describe("the element on pages of all kinds", () => {
  const env = useBrowser({ webgpu: false });
  before(async () => {
    env.version = JSON.parse(await readFile(join(DIST, "version.json"), "utf8")).version;
    env.script = `<script type="module" src="${env.server.url}web/vae-let.js"></script>`;
  });

  const inArticle = (name, body, use, { policy = "", ...options } = {}) =>
    test(name, async () => {
      const article = await startArticle(body(env), policy);
      try {
        await withPage(env, "", use, { url: article.url, ...options });
      } finally {
        await article.close();
      }
    });
  const loaded = (page, selector = "vae-let") =>
    page.waitForFunction((selector) => [...document.querySelectorAll(selector)].every((element) => element.loadedModel), selector);
  const inside = (page, selector, read, element = "vae-let") =>
    page.evaluate(([element, selector, read]) => new Function("node", `return ${read}`)(document.querySelector(element).shadowRoot.querySelector(selector)), [element, selector, read]);

  inArticle(
    "attributes and properties that frameworks write for “no” and “nothing” say no and nothing",
    ({ script }) => `${script}<vae-let id="a" model="digits" explain="false" own-in-state="null" seed="undefined" state="null" poster="undefined" backend="null" loading="eager" view="undefined" src="null"></vae-let>
      <vae-let id="b" model="digits" explain loading="eager"></vae-let><vae-let id="c" model="undefined" explain="true" loading="eager"></vae-let>`,
    async (page) => {
      await loaded(page);
      const shown = () => page.evaluate(() => [...document.querySelectorAll("vae-let")].map((element) => [element.explain, element.ownInState, getComputedStyle(element.shadowRoot.querySelector(".heading")).display !== "none"]));
      assert.deepEqual(await shown(), [[false, false, false], [true, false, true], [true, false, true]]);
      assert.deepEqual(await page.evaluate(() => ["view", "seed", "state", "src", "poster", "backend"].map((name) => document.querySelector("#a")[name])), ["sample", "", "", "", "", "auto"]);
      assert.equal(await inside(page, "#seed", "node.value", "#a"), "7");
      await page.evaluate(() => {
        for (const [id, value] of [["a", "true"], ["b", "false"], ["c", 0]]) document.getElementById(id).explain = value;
      });
      await page.waitForFunction(() => getComputedStyle(document.querySelector("#c").shadowRoot.querySelector(".heading")).display === "none");
      assert.deepEqual(await shown(), [[true, false, true], [false, false, false], [false, false, false]]);
    },
  );

  /** Every observer delivers something old, and the other way round, before what is. */
  const stutter = () => {
    for (const name of ["IntersectionObserver", "ResizeObserver"]) {
      window[name] = class extends window[name] {
        constructor(callback, options) {
          super((entries, observer) => {
            const old = entries.map(({ target, isIntersecting }) => ({ target, isIntersecting: !isIntersecting, contentRect: { width: 1, height: 1 } }));
            callback([...old, ...entries], observer);
          }, options);
        }
      };
    }
  };
  inArticle("observers that deliver an old and a new entry at once are understood", ({ script }) => `${script}<vae-let model="digits" view="morph"></vae-let>`, async (page) => {
    await loaded(page);
    const t = () => inside(page, "#t", "node.valueAsNumber");
    await page.waitForFunction(() => document.querySelector("vae-let").shadowRoot.querySelector("#t")?.valueAsNumber > 0.02);
    const before = await t();
    await page.waitForFunction((before) => document.querySelector("vae-let").shadowRoot.querySelector("#t").valueAsNumber !== before, before);
  }, { init: stutter });
  pageTests(env, "cpu")("layers have as many columns as there is room for, whatever an observer said before", "#/inside?example=3", async (page) => {
    await page.locator("#encoder").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => document.querySelector("#encoder canvas")?.width > 1000);
  }, { init: stutter, viewport: { width: 1440, height: 900 } });

  for (const view of ["draw", "map", "edit", "inside", "morph", "sample", "use"]) {
    inArticle(`under a policy that demands Trusted Types it works, ${view}`, ({ script }) => `${script}<vae-let model="${view === "map" ? "digits-map" : "digits"}" view="${view}" loading="eager"></vae-let>`, async (page) => {
      await loaded(page);
      if (view === "draw") await page.locator("vae-let #examples button").nth(3).click();
      if (view === "draw") await page.waitForFunction(() => document.querySelector("vae-let").shadowRoot.querySelector("#latent-readout b"));
      if (view === "map") await page.waitForFunction(() => document.querySelector("vae-let").shadowRoot.querySelector("#z i"));
    }, { policy: "require-trusted-types-for 'script'; trusted-types vaelet" });
  }
  inArticle("where Trusted Types leave no room its content stays, and an error says what to do", ({ script }) => `<vae-let model="digits"><p id="instead">Instead.</p></vae-let>${script}`, async (page) => {
    assert.match(await (await page.waitForFunction(() => window.told)).jsonValue(), /^unsupported .*policy “vaelet”/);
    assert.equal(await page.isVisible("#instead"), true);
    await page.evaluate(() => document.querySelector("vae-let").remove());
  }, { policy: "require-trusted-types-for 'script'; trusted-types other", expected: /trusted-types|TrustedTypes|Content Security Policy/i, init: () => addEventListener("error", ({ detail }) => (window.told = detail && `${detail.code} ${detail.message}`), true) });

  inArticle("in a frame with a sandbox it works", ({ server }) => `<iframe sandbox="allow-scripts" src="${server.url}web/embed.html#/sample?model=digits&seed=9" title="samples" width="600" height="600"></iframe>`, async (page) => {
    await page.waitForFunction(() => window.told > 300);
    const frame = page.frames().find((frame) => frame.url().includes("embed.html"));
    await frame.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
    assert.equal(await frame.inputValue("#seed"), "9");
    await frame.click("#new-samples");
    await frame.waitForFunction(() => !/seed=9(&|$)/.test(document.querySelector("vae-let").state));
    assert.equal(await frame.evaluate(() => document.querySelector(".notice-missing")), null);
  }, { init: () => addEventListener("message", ({ data }) => data.type === "vaelet:height" && (window.told = data.height)) });

  const noSheets = () => {
    delete Document.prototype.adoptedStyleSheets;
    delete ShadowRoot.prototype.adoptedStyleSheets;
    window.CSSStyleSheet = class {
      constructor() {
        throw new TypeError("Illegal constructor");
      }
    };
  };
  inArticle("where styles cannot be constructed it has its styles all the same", ({ script }) => `${script}<vae-let model="digits" loading="eager"></vae-let>`, async (page) => {
    await loaded(page);
    await page.waitForFunction(() => getComputedStyle(document.querySelector("vae-let").shadowRoot.querySelector(".picks")).display === "grid");
  }, { init: noSheets });

  inArticle(
    "in a dialog, or hidden at first, it comes when it is shown, and has the room that it has then",
    ({ script }) => `${script}<dialog><vae-let id="a" model="digits"></vae-let><vae-let id="b" model="digits" loading="eager"></vae-let></dialog><div id="hidden" style="display: none"><vae-let id="c" model="digits"></vae-let></div>`,
    async (page) => {
      await loaded(page, "#b");
      assert.equal(await page.evaluate(() => document.querySelector("#a").loadedModel), null);
      await page.evaluate(() => {
        document.querySelector("#hidden").style.display = "";
      });
      await loaded(page, "#c");
      await page.evaluate(() => {
        const dialog = document.querySelector("dialog");
        dialog.style.width = "1000px";
        dialog.showModal();
      });
      await loaded(page, "#a");
      for (const id of ["#a", "#b", "#c"]) {
        await page.waitForFunction((id) => document.querySelector(id).shadowRoot.querySelector("#samples canvas")?.width === 12 * 28, id);
      }
    },
  );

  inArticle("moved in its document it goes on as it is; moved to another it has its styles", ({ script }) => `${script}<main><vae-let model="digits" view="sample" state="seed=5" loading="eager"></vae-let></main><aside></aside><iframe title="another" width="800" height="500"></iframe>`, async (page) => {
    await loaded(page);
    const [same, loads] = await page.evaluate(async () => {
      const element = document.querySelector("vae-let");
      let loads = 0;
      element.addEventListener("load", () => (loads += 1));
      element.shadowRoot.querySelector("#new-samples").click();
      const { state } = element;
      const canvas = element.shadowRoot.querySelector("#samples canvas");
      document.querySelector("aside").append(element);
      await new Promise((done) => setTimeout(done, 200));
      return [element.state === state && element.shadowRoot.querySelector("#samples canvas") === canvas, loads];
    });
    assert.deepEqual([same, loads], [true, 0]);
    await page.evaluate(() => frames[0].document.body.append(document.querySelector("vae-let")));
    const frame = page.frames()[1];
    await frame.waitForFunction(() => document.querySelector("vae-let").loadedModel);
    await frame.waitForFunction(() => getComputedStyle(document.querySelector("vae-let").shadowRoot.querySelector(".picks")).display === "grid");
  });

  inArticle("a link leads to the page with the same model and state", ({ server }) => `<vae-let model="digits" view="morph" state="t=0.3" loading="eager"></vae-let><vae-let id="bare" model="digits" controls="none" loading="eager"></vae-let><script type="module" src="${server.url}web/vae-let.js"></script>`, async (page) => {
    await loaded(page);
    const source = (selector) => page.evaluate((name) => {
      const { shadowRoot } = document.querySelector(name);
      return shadowRoot.querySelector("#source").hidden ? null : shadowRoot.querySelector("#source-link").href;
    }, selector);
    const { origin, hash } = new URL(await source("vae-let"));
    assert.equal(origin, new URL(env.server.url).origin);
    assert.match(hash, /^#\/morph\?/);
    assert.deepEqual(["t", "model"].map((name) => new URLSearchParams(hash.split("?")[1]).get(name)), ["0.3", "digits"]);
    assert.equal(await source("#bare"), null);
  });

  inArticle("two versions of its script on a page: the first that came shows all elements", ({ server, version }) => `<vae-let model="digits" loading="eager"></vae-let><script type="module" src="${server.url}web/vae-let.js"></script><script type="module" src="${server.url}v/${version}/web//vae-let.js"></script>`, async (page) => {
    await loaded(page);
    await page.waitForFunction(() => performance.getEntriesByType("resource").some(({ name }) => name.endsWith("web//shared/player.js")));
    const late = await page.evaluate(() => {
      document.body.append(Object.assign(document.createElement("vae-let"), { model: "digits", loading: "eager" }));
      return new Promise((done) => setTimeout(() => done(document.querySelectorAll("vae-let").length), 100));
    });
    assert.equal(late, 2);
    await loaded(page);
  });
});
