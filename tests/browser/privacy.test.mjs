/**
 * What a reader draws, and what is made of their own picture, goes to nobody: a page around a frame
 * or an element writes down all that it is told, and the network all that it is asked.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { drawStrokes, ready, settle, startArticle, useBrowser, withPage } from "./harness.mjs";

const PICTURE = fileURLToPath(new URL("../../models/avatars/samples.jpg", import.meta.url));
const STROKE = [[0.3, 0.3], [0.5, 0.4], [0.6, 0.6], [0.4, 0.8]];

/** Runs in every frame: writes down messages, and what an element says and shows of itself. */
const record = () => {
  window.messages = [];
  addEventListener("message", ({ data, source }) => source !== window && window.messages.push(data));
  window.heard = [];
  for (const type of ["change", "progress", "load", "error"]) {
    addEventListener(type, ({ detail, target }) => {
      if (target.localName === "vae-let") window.heard.push(`${type} ${JSON.stringify(detail?.state ?? "")}`);
    }, true);
  }
  const seeAttributes = (changes) => {
    for (const { target, attributeName } of changes) {
      if (target.localName === "vae-let") window.heard.push(`${attributeName}=${target.getAttribute(attributeName)}`);
    }
  };
  new MutationObserver(seeAttributes).observe(document, { subtree: true, attributes: true });
};

describe("privacy", () => {
  const env = useBrowser({ webgpu: false });
  let script;
  before(() => {
    script = `<script type="module" src="${env.server.url}web/vae-let.js"></script>`;
  });

  /** A test on an article at another origin; `use` gets the page and all requests that it sends. */
  const inArticle = (name, body, use) =>
    test(name, async () => {
      const article = await startArticle(body(), "");
      try {
        await withPage(env, "", async (page) => {
          const sent = [];
          page.on("request", (request) => sent.push({ method: request.method(), url: request.url(), body: request.postData(), referrer: request.headers().referer ?? "" }));
          await use(page, sent);
        }, { url: article.url, init: record, viewport: { width: 1200, height: 1500 } });
      } finally {
        await article.close();
      }
    });

  /** Plain requests for files: no body, no query. */
  const assertPlain = (sent) => {
    const own = new RegExp(`^(blob:|data:|${env.server.url}[\\w./-]+(\\?sha256=[0-9a-f]{64})?$)`);
    assert.deepEqual(sent.filter(({ method, url, body }) => method !== "GET" || body || !own.test(url)), []);
  };

  const drawIn = (page, pad = "#pad") => drawStrokes(page, [STROKE], pad);
  /** Chooses a picture in a page, a frame or an element. */
  const choosePicture = async (where, own = "#own") => {
    await where.locator(own).click();
    await where.locator("#crop-file").setInputFiles({ name: "me.jpg", mimeType: "image/jpeg", buffer: await readFile(PICTURE) });
    await where.locator("#crop-use:enabled").click();
    await where.locator("dialog.cropper").waitFor({ state: "detached" });
  };
  const frameOf = async (page) => {
    await page.waitForFunction(() => window.messages.length > 0);
    const frame = page.frames().find((frame) => frame.url().includes("embed.html"));
    await frame.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
    return frame;
  };
  const frame = (view) => () => `<iframe src="${env.server.url}web/embed.html#/${view}" title="a view" width="900" height="1400"></iframe>`;
  const assertHeights = async (page) => {
    const messages = await page.evaluate(() => window.messages);
    assert.ok(messages.length > 0);
    for (const message of messages) {
      assert.deepEqual(Object.keys(message), ["type", "height"]);
      assert.equal(message.type, "vaelet:height");
      assert.equal(typeof message.height, "number");
    }
  };

  inArticle("the page around a frame hears how tall it is, and nothing of a drawing", frame("draw?model=digits"), async (page, sent) => {
    const inner = await frameOf(page);
    const box = await inner.locator("#pad").boundingBox();
    await page.mouse.move(box.x + 60, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 150, box.y + 200, { steps: 4 });
    await page.mouse.up();
    await inner.waitForFunction(() => location.hash.includes("ink="));
    await assertHeights(page);
    assertPlain(sent.slice(1));
    assert.deepEqual(sent.filter(({ referrer }) => /[?#]|ink/.test(referrer)), []);
  });

  inArticle("the page around a frame hears nothing of a reader's own picture", frame("edit?model=avatars"), async (page, sent) => {
    const inner = await frameOf(page);
    await choosePicture(inner);
    await inner.locator("#attribute-1").press("End");
    await inner.waitForFunction(() => location.hash.includes("edits="));
    await assertHeights(page);
    assertPlain(sent.slice(1));
    assert.doesNotMatch(await inner.evaluate(() => location.href), /z-/);
  });

  for (const [view, own] of [["edit", "#own"], ["morph", "#b-own"], ["inside", "#own"], ["use", "#own"]]) {
    inArticle(`the page around an element hears nothing of a reader's own picture, ${view}`, () => `${script}<vae-let model="avatars" view="${view}" state="t=0.5" loading="eager"></vae-let>`, async (page, sent) => {
      await page.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
      const element = page.locator("vae-let");
      await choosePicture(page, own);
      // What the reader does next is told without it, and it stays where it is.
      if (view === "edit") await element.locator("#attribute-1").press("End");
      if (view === "morph") await element.locator("#t").press("End");
      if (view === "inside") await element.locator("#new-epsilon").click();
      if (view === "use") await element.locator("#clean-noise").press("End");
      await page.waitForFunction(() => /edits=|t=1|epsilon=|noise=/.test(document.querySelector("vae-let").state));
      const heard = await page.evaluate(() => window.heard);
      assert.ok(heard.some((text) => text.startsWith("change")), heard.join());
      assert.deepEqual(heard.filter((text) => /z-[\w-]{20}/.test(text)), []);
      assert.equal(await element.locator("#recipient").isVisible(), false);
      assertPlain(sent.filter(({ url }) => url !== page.url()));
    });
  }

  inArticle("an author who asks for it is told, and so is the reader", () => `${script}<vae-let model="avatars" view="edit" own-in-state loading="eager"></vae-let>`, async (page) => {
    await page.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
    assert.equal(await page.locator("vae-let #recipient").isVisible(), true);
    assert.match(await page.locator("vae-let #private").textContent(), /its author asked/);
    await page.locator("vae-let #own").click();
    assert.match(await page.locator("vae-let #crop-help").textContent(), /its author asked/);
    await page.locator("vae-let #crop-cancel").click();
    await choosePicture(page);
    await page.waitForFunction(() => window.heard.some((text) => /change.*face=z-/.test(text)));
  });

  inArticle("the page itself, in a frame, tells the page around it nothing", () => `<iframe src="${env.server.url}#/draw?backend=cpu" title="the page" width="1000" height="900"></iframe>`, async (page, sent) => {
    const inner = await (await page.waitForSelector("iframe")).contentFrame();
    await inner.waitForFunction(() => window.vaelet?.view);
    await inner.locator("[data-example='4']").click();
    await inner.waitForFunction(() => location.hash.includes("example=4"));
    assert.deepEqual(await page.evaluate(() => window.messages), []);
    assertPlain(sent.slice(1));
  });

  test("a visit leaves nothing behind but files of the page", () =>
    withPage(env, "#/draw?backend=cpu", async (page) => {
      const sent = [];
      page.on("request", (request) => sent.push(request.headers().referer ?? ""));
      await ready(page);
      await settle(page);
      await drawIn(page);
      await page.waitForFunction(() => location.hash.includes("ink="));
      const ink = await page.evaluate(() => new URLSearchParams(location.hash.split("?")[1]).get("ink"));
      await page.goto(`${env.server.url}#/edit?model=avatars&backend=cpu`);
      await page.waitForFunction(() => vaelet.view?.state.face);
      await choosePicture(page);
      await page.waitForFunction(() => location.hash.includes("face=z-"));
      await page.evaluate(() => vaelet.kept?.catch(() => {}).then(() => {}));
      const { kept, title, databases } = await page.evaluate(async () => {
        const names = await caches.keys();
        const kept = (await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)))).flat();
        return { kept: [...kept, ...Object.keys(localStorage), ...Object.keys(sessionStorage), document.cookie, window.name], title: document.title, databases: await indexedDB.databases() };
      });
      const face = await page.evaluate(() => vaelet.view.state.face);
      for (const text of [...kept, title]) assert.ok(!text.includes(ink) && !text.includes(face), text);
      assert.deepEqual(kept.filter((text) => text && !text.startsWith(env.server.url)), []);
      assert.deepEqual(databases, []);
      assert.deepEqual(sent.filter((referrer) => /[?#]/.test(referrer)), []);
    }));
});
