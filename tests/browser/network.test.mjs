/**
 * The page when something does not come, or comes from another publication: waits that end, scripts
 * that are blocked, whole versions, models on other servers, and files that are not what they say.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DIST, ready, settle, startArticle, startServer, useBrowser, withPage } from "./harness.mjs";

/** A small model, and what is fetched of it. */
const MODEL = "models/digits-beta-1/model.json";
const WEIGHTS = "models/digits-beta-1/weights.safetensors";
const ATLAS = "models/digits-beta-1/atlas.json";
const PAGE = "#/sample?model=digits-beta-1&backend=cpu";
/** Tests that hold requests back keep the worker out: it would hold some of its own. */
const ALONE = { serviceWorkers: "block", expected: /Service Worker|Failed to load|ERR_|MIME type|module script|preload|script/i };

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const json = (change) => ({ body }) => ({ body: Buffer.from(JSON.stringify(change(JSON.parse(body)))) });

/** What the reader is told, wherever on the page, that can be seen. */
const told = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("#starting, #error, .notice-missing")]
      .filter((node) => node.checkVisibility({ visibilityProperty: true }))
      .map(({ innerText }) => innerText)
      .join("\n"),
  );

/** Opens an address without waiting for what does not come, and lets time pass until `done`. */
async function openAndWait(page, url, done) {
  await page.clock.install();
  await page.goto(url, { waitUntil: "commit" });
  for (let i = 0; i < 120; i += 1) {
    if (await page.evaluate(done).catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await page.clock.fastForward(3_000);
  }
  assert.fail(`nothing happened; the page says: ${await told(page)}`);
}

describe("every wait has an end", () => {
  const env = useBrowser({ webgpu: false });

  const hasView = () => Boolean(window.vaelet?.view);
  const hasError = () => document.querySelector("#error")?.hidden === false;
  const hasReason = () => document.querySelector("#starting:not(.late)") !== null;
  const cases = [
    ["the list of models", "models/index.json", null, hasView, /list of models/],
    ["the list of models, where no model is named,", "models/index.json", null, hasError, /No model can be chosen/, "#/sample?backend=cpu"],
    ["a style", "web/views.css", null, hasView, /styles/],
    ["the description of a model", MODEL, null, hasError, /model\.json/],
    ["weights at all", WEIGHTS, null, hasError, /weights\.safetensors/],
    ["weights half-way", WEIGHTS, { stall: true }, hasError, /weights\.safetensors/],
    ["the program", "vaelet-web_bg.wasm", null, hasError, /program/],
    ["a script", "web/shared/player.js", null, hasReason, /player\.js/],
    ["the code of a view", "web/views/map/map.js", null, hasError, /code of this view/, "#/map?model=digits-beta-1&backend=cpu"],
    ["the styles of a view", "web/other-views.css", null, hasView, /styles of this view/, "#/map?model=digits-beta-1&backend=cpu"],
    ["an atlas", ATLAS, null, hasView, /examples/, "#/edit?model=digits-beta-1&backend=cpu"],
  ];
  for (const [what, path, answer, done, sentence, hash = PAGE] of cases) {
    test(`${what} that never comes gets a sentence`, async () => {
      env.server.damage(path, () => answer);
      try {
        await withPage(env, "", async (page) => {
          await openAndWait(page, env.server.url + hash, done);
          assert.match(await told(page), sentence);
        }, { ...ALONE, url: "about:blank" });
      } finally {
        env.server.repair();
      }
    });
  }

  test("an element waits neither for the list nor for its styles for ever, and shows its content until then", async () => {
    const origin = new URL(env.server.url).origin;
    const article = await startArticle(
      `<script type="module" src="${env.server.url}web/vae-let.js"></script><vae-let model="digits-beta-1" view="sample" loading="eager"><p id="inside">Content</p></vae-let>`,
      `default-src 'none'; script-src ${origin} 'wasm-unsafe-eval'; connect-src ${origin}; img-src ${origin} data:`,
    );
    for (const path of ["models/index.json", "web/views.css"]) env.server.damage(path, () => null);
    try {
      await withPage(env, "", async (page) => {
        await page.clock.install();
        await page.goto(article.url);
        await page.waitForFunction(() => customElements.get("vae-let"));
        assert.equal(await page.isVisible("#inside"), true);
        await openAndWait(page, article.url, () => Boolean(document.querySelector("vae-let")?.loadedModel));
        assert.equal(await page.isVisible("#inside"), false);
        assert.match(await page.textContent("vae-let >> #missing"), /styles/);
      }, { ...ALONE, url: "about:blank" });
    } finally {
      env.server.repair();
      await article.close();
    }
  });

  test("a damaged entry of the list hurts no other", async () => {
    const strange = [null, 5, "text", [], {}, { name: "w", title: "W", first: "sample", input: { channels: 1, height: 28, width: 28 }, latents: 2, likelihood: "bernoulli" }, { name: "../up", title: "Up" }, { name: "x", title: 3 }, { name: "y", title: "Y", input: null, latents: 2, likelihood: "bernoulli" }];
    env.server.damage("models/index.json", json((list) => [...strange, ...list, ...strange]));
    try {
      await withPage(env, PAGE, async (page) => {
        await ready(page);
        const offered = await page.$$eval("#model option", (options) => options.map(({ value }) => value));
        assert.ok(offered.includes("portraits") && !offered.includes("x") && !offered.includes("w") && !offered.includes("../up"), offered.join());
      }, ALONE);
    } finally {
      env.server.repair();
    }
  });
});

describe("scripts that are blocked", () => {
  const env = useBrowser({ webgpu: false });

  /** The modules that a module imports, directly or not. */
  async function graph(root) {
    const seen = new Set();
    const visit = async (path) => {
      if (seen.has(path)) return;
      seen.add(path);
      const text = await readFile(join(env.folder, path), "utf8");
      for (const [, name] of text.matchAll(/(?:^|;)(?:import|export)\b[^;]*?"(\.[^";]+)"(?=;)/g)) await visit(new URL(name, `file:///${path}`).pathname.slice(1));
    };
    await visit(root);
    return seen;
  }
  before(async () => {
    const { version } = JSON.parse(await readFile(join(DIST, "version.json"), "utf8"));
    env.folder = join(DIST, "v", version);
  });

  const started = () => window.vaelet?.view || document.querySelector("#starting:not(.late)") || document.querySelector("#error")?.hidden === false;

  test("any single one: either the view works without it, or a sentence says what is missing", async () => {
    const views = ["sample", "draw", "morph", "map", "edit", "inside", "use"];
    const needs = Object.fromEntries(await Promise.all(views.map(async (view) => [view, await graph(`web/views/${view}/${view}.js`)])));
    const program = await graph("web/page/main.js");
    const all = new Set([...program, ...views.flatMap((view) => [...needs[view]])]);
    all.delete("web/page/start.js"); // see below
    assert.ok(all.size > 8, "the graph of modules is not what it was");
    await withPage(env, "", async (page) => {
      for (const module of all) {
        const view = views.find((name) => needs[name].has(module)) ?? "sample";
        await page.route(`**/${module}`, (route) => route.abort("blockedbyclient"));
        await page.goto(`${env.server.url}#/${view}?model=digits-beta-1&backend=cpu`);
        await page.waitForFunction(started);
        assert.match(await told(page), program.has(module) ? new RegExp(`${module.split("/").pop()} `) : /code of this view/, module);
        await page.unrouteAll();
        await page.goto("about:blank");
      }
    }, { ...ALONE, url: "about:blank" });
  });

  for (const [name, path] of [["sharing", "web/page/share.js"], ["working offline", "web/page/offline.js"]]) {
    test(`${name} may fail by itself`, () =>
      withPage(env, "", async (page) => {
        await page.route(`**/${path}`, (route) => route.abort("blockedbyclient"));
        await page.goto(env.server.url + PAGE);
        await ready(page);
        assert.equal(await told(page), "");
        await page.click("#share");
        if (path.endsWith("share.js")) await page.waitForFunction(() => /sharing/.test(document.querySelector(".notice-missing")?.textContent));
        else await page.waitForSelector("#share-dialog[open]");
      }, { ...ALONE, serviceWorkers: "allow", url: "about:blank" }));
  }

  test("scripts that are sent as plain text are named", async () => {
    env.server.damage("web/shared/player.js", () => ({ headers: { "content-type": "text/plain" } }));
    try {
      await withPage(env, PAGE, async (page) => {
        await page.waitForFunction(started);
        assert.match(await told(page), /player\.js \(sent as text\/plain\)/);
      }, ALONE);
    } finally {
      env.server.repair();
    }
  });

  /** The sentence that waits in the page is shown after a while, without any script. */
  const late = (page) => page.waitForFunction(() => document.getElementById("starting").checkVisibility({ visibilityProperty: true }));

  for (const page of ["index.html", "web/embed.html"]) {
    test(`${page}: where no script runs at all, a sentence that was waiting is seen`, () =>
      withPage(env, "", async (tab) => {
        await tab.route("**/*.js", (route) => route.abort("blockedbyclient"));
        await tab.goto(env.server.url + page);
        assert.equal(await tab.isVisible("#starting"), false, "it is seen before there is a reason");
        await late(tab);
        assert.match(await told(tab), /has not started/);
      }, { ...ALONE, url: "about:blank" }));
  }

  test("a frame whose script is blocked says so", () =>
    withPage(env, "", async (page) => {
      await page.route("**/web/shared/player.js", (route) => route.abort("blockedbyclient"));
      await page.goto(`${env.server.url}web/embed.html#/sample?model=digits-beta-1`);
      await page.waitForSelector("#starting:not(.late)");
      assert.match(await told(page), /player\.js/);
    }, { ...ALONE, url: "about:blank" }));

  test("opened from a disk, the page says how to serve it", () =>
    withPage(env, "", async (page) => {
      await late(page);
      assert.match(await told(page), /http\.server/);
    }, { url: `file://${join(DIST, "index.html")}`, expected: /./ }));

  test("an element whose script is blocked leaves its content in place", async () => {
    const article = await startArticle(`<script type="module" src="${env.server.url}web/vae-let.js"></script><vae-let model="digits"><p id="inside">Content</p></vae-let>`, "default-src *; img-src * data:");
    try {
      await withPage(env, "", async (page) => {
        await page.route("**/web/shared/player.js", (route) => route.abort("blockedbyclient"));
        await page.goto(article.url);
        await page.waitForLoadState("networkidle");
        assert.equal(await page.isVisible("#inside"), true);
      }, { ...ALONE, url: "about:blank" });
    } finally {
      await article.close();
    }
  });
});

/**
 * A publication: the built page where every module says which one it is of, and whose digits-beta-1
 * is the released model `model`, under the same names.
 */
async function publication(place, letter, model) {
  const site = join(place, `${letter}/`);
  await cp(DIST, site, { recursive: true });
  const { version } = JSON.parse(await readFile(join(site, "version.json"), "utf8"));
  const next = sha256(letter).slice(0, 16);
  await rename(join(site, "v", version), join(site, "v", next));
  for (const file of ["model.json", "weights.safetensors", "atlas.json", "atlas.png", "samples.png"]) {
    await cp(join(DIST, "models", model, file), join(site, "models/digits-beta-1", file));
  }
  const renamed = async (path, change = (text) => text) => writeFile(join(site, path), change((await readFile(join(site, path), "utf8")).replaceAll(version, next)));
  const files = (await readdir(site, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(site.length));
  for (const path of files) {
    if (/^v\/.*\.js$/.test(path)) await renamed(path, (text) => `${text};\n(globalThis.publications ??= new Set()).add("${letter}");\n`);
    else if (/^(index|web\/embed)\.html$|^web\/.*\.js$/.test(path)) await renamed(path);
  }
  const hashes = {};
  const hash = async (path) => (hashes[path] = sha256(await readFile(join(site, path))));
  for (const path of files) await hash(path);
  const list = JSON.parse(await readFile(join(site, "v", next, "models/index.json"), "utf8"));
  const entry = list.find(({ name }) => name === "digits-beta-1");
  for (const file of Object.keys(entry.files)) entry.files[file] = hashes[`models/digits-beta-1/${file}`];
  await writeFile(join(site, "v", next, "models/index.json"), JSON.stringify(list));
  await hash(`v/${next}/models/index.json`);
  await renamed("sw.js", (text) => {
    const [, published, rest] = text.match(/^const PUBLISHED = (.*);\n([^]*)$/);
    const lists = JSON.parse(published);
    for (const part of [lists.files, lists.models]) for (const path of Object.keys(part)) part[path] = hashes[path];
    return `const PUBLISHED = ${JSON.stringify({ ...lists, version: next })};\n${rest}`;
  });
  return { site, version: next, beta: JSON.parse(await readFile(join(site, MODEL), "utf8")).training.beta };
}

describe("whole versions", () => {
  const env = useBrowser({ webgpu: false });
  before(async () => {
    env.place = await mkdtemp(join(tmpdir(), "vaelet-versions-"));
    env.a = await publication(env.place, "A", "digits-beta-1");
    env.b = await publication(env.place, "B", "digits-beta-4");
  });
  after(() => rm(env.place, { recursive: true, force: true }));

  /** A server that publishes A and lets everybody keep it for ten minutes, as GitHub Pages does. */
  const published = async (use) => {
    const server = await startServer(env.a.site);
    server.damage("*", () => ({ headers: { "cache-control": "max-age=600" } }));
    try {
      await use(server);
    } finally {
      await server.close();
    }
  };
  const seen = (page) => page.evaluate(() => ({ publications: [...window.publications], beta: window.vaelet?.model?.info.training.beta }));
  const visit = async (page, server, hash = PAGE) => {
    await page.goto("about:blank");
    await page.goto(server.url + hash);
    await page.waitForFunction(() => window.vaelet?.view || document.querySelector("#error")?.hidden === false || document.querySelector("#starting:not(.late)"));
  };

  test("without a worker, a page is of one publication whatever the browser has kept", () =>
    published((server) =>
      withPage(env, "", async (page) => {
        await visit(page, server);
        assert.deepEqual(await seen(page), { publications: ["A"], beta: env.a.beta });
        server.publish(env.b.site);
        // Everything of the first view is kept, and is of A; another view's code and another model's files are not.
        for (const hash of [PAGE, "#/map?model=digits-beta-1&backend=cpu", "#/inside?model=digits-beta-1&backend=cpu"]) {
          await visit(page, server, hash);
          const { publications, beta } = await seen(page);
          assert.deepEqual(publications, ["A"]);
          if (beta !== undefined) assert.equal(beta, env.a.beta);
          else assert.match(await told(page), /reload/i);
        }
        await page.reload();
        await ready(page);
        assert.deepEqual(await seen(page), { publications: ["B"], beta: env.b.beta });
      }, { ...ALONE, url: "about:blank" })));

  test("a model that was published anew under an open page is not mixed with it", () =>
    published((server) =>
      withPage(env, "", async (page) => {
        await visit(page, server, "#/sample?model=digits-beta-16&backend=cpu");
        server.publish(env.b.site);
        await page.selectOption("#model", "digits-beta-1");
        await page.waitForSelector("#error:not([hidden])");
        assert.equal(await page.getAttribute("#error", "data-code"), "outdated");
        assert.match(await told(page), /Reload the page/);
      }, { ...ALONE, url: "about:blank" })));

  test("with a worker, the next visit is of the new publication, whole, also without a network, and the old one is gone", () =>
    published((server) =>
      withPage(env, "", async (page) => {
        await visit(page, server);
        await page.evaluate(() => vaelet.kept);
        server.publish(env.b.site);
        await visit(page, server);
        await ready(page);
        assert.deepEqual(await seen(page), { publications: ["B"], beta: env.b.beta });
        await page.evaluate(() => vaelet.kept);
        const kept = await page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("vaelet-page")));
        assert.equal(kept.length, 1);
        assert.ok(kept[0].endsWith(env.b.version), "the version before is still kept");
        await settle(page);
        await page.context().setOffline(true);
        await visit(page, server);
        await ready(page);
        for (const view of ["morph", "map", "edit", "inside", "draw"]) {
          await page.click(`#nav-${view}`);
          await page.waitForFunction((view) => location.hash.startsWith(`#/${view}`) && window.vaelet?.view?.state && document.querySelector("#view > *"), view);
          assert.deepEqual((await seen(page)).publications, ["B"]);
        }
        assert.equal((await seen(page)).beta, env.b.beta);
      }, { url: "about:blank", expected: /ERR_INTERNET_DISCONNECTED|Failed to load resource|service worker/i })));

  test("weights that the browser has kept from an older publication are fetched anew", () =>
    published((server) =>
      withPage(env, "", async (page) => {
        await page.goto(server.url + PAGE);
        await ready(page);
        await page.evaluate(() => caches.delete("vaelet-weights"));
        server.publish(env.b.site);
        await page.reload();
        await ready(page);
        assert.deepEqual(await seen(page), { publications: ["B"], beta: env.b.beta });
        assert.equal(server.requested.filter((path) => path === WEIGHTS).length, 2);
      }, { ...ALONE, url: "about:blank" })));
});

describe("models on other servers", () => {
  const env = useBrowser({ webgpu: false });
  before(async () => {
    env.other = await startServer(); // another port is another origin
    const [origin, other] = [env.server.url, env.other.url].map((url) => new URL(url).origin);
    env.article = await startArticle("<p>An article</p>", `default-src 'none'; script-src ${origin} 'wasm-unsafe-eval'; connect-src ${origin} ${other} http://127.0.0.1:9; img-src 'self' data:`);
  });
  after(async () => {
    await env.article?.close();
    await env.other?.close();
  });

  /** Loads a model in an article elsewhere and gives its name, or the error's code and sentence. */
  const load = (page, address, options = {}) =>
    page.evaluate(
      async ([script, address, options]) => {
        const { loadModel } = await import(script);
        if (options.blob) address = URL.createObjectURL(new Blob(["{}"]));
        const told = [];
        const onProgress = options.throws ? () => { throw new Error("the host's own") } : ({ loaded, total }) => told.push(loaded / total);
        try {
          const model = await loadModel(address, { backend: "cpu", onProgress });
          model.free();
          return { name: model.info.name, told };
        } catch ({ code, message }) {
          return { code, message };
        }
      },
      [`${env.server.url}web/vaelet.js`, address, options],
    );
  const inArticle = (name, use, damage = {}) =>
    test(name, async () => {
      for (const [path, change] of Object.entries(damage)) env.other.damage(path, change);
      try {
        await withPage(env, "", use, { url: env.article.url, expected: /Failed to load|ERR_|CORS|Content Security Policy|Content-Security-Policy|host's own/ });
      } finally {
        env.other.repair();
      }
    });
  const at = (rest) => `${env.other.url}models/${rest}`;

  inArticle("by any address of its folder, and by that of its model.json", async (page) => {
    for (const rest of ["digits-beta-1", "digits-beta-1/", "digits-beta-1//", "digits-beta-1?v=3", "digits-beta-1/?v=3", "digits-beta-1/model.json", "digits-beta-1/model.json?v=3#part", "digits%2Dbeta%2D1", " digits-beta-1 ".trim()]) {
      assert.equal((await load(page, at(rest))).name, "digits-beta-1", rest);
    }
    assert.equal((await load(page, new URL(at("digits-beta-1")).href.replace("http:", ""))).name, "digits-beta-1", "an address relative to the document");
  });

  inArticle("a redirect is followed", async (page) => {
    assert.equal((await load(page, at("moved"))).name, "digits-beta-1");
  }, Object.fromEntries(["model.json", "weights.safetensors"].map((file) => [`models/moved/${file}`, () => ({ status: 302, headers: { location: `../digits-beta-1/${file}` } })])));

  const noCors = () => ({ headers: { "access-control-allow-origin": undefined } });
  for (const [name, address, code, sentence, damage] of [
    ["a server that does not let others read", () => at("digits-beta-1"), "cors", /Access-Control-Allow-Origin/, { [MODEL]: noCors }],
    ["weights that others may not read", () => at("digits-beta-1"), "cors", /weights\.safetensors/, { [WEIGHTS]: noCors }],
    ["a folder that is not there", () => at("nowhere"), "not-found", /HTTP 404/],
    ["a server that answers with a page", () => at("digits-beta-1"), "bad-model", /web page/, { [MODEL]: () => ({ body: Buffer.from("<!doctype html>") }) }],
    ["a server that is not there", () => "http://127.0.0.1:9/model", "network", /connection to http:\/\/127\.0\.0\.1:9/],
    ["an address that this page's policy forbids", () => "https://example.org/model", "policy", /connect-src/],
    ["an address of data", () => "data:application/json,{}", "bad-input", /folder/],
    ["no address", () => "http://", "bad-input", /not the address/],
    ["weights longer than described", () => at("digits-beta-1"), "oversized", /more than the \d+ bytes/, { [WEIGHTS]: ({ body }) => ({ body: Buffer.concat([body, Buffer.alloc(1_000_000)]) }) }],
    ["weights of no bytes", () => at("digits-beta-1"), "bad-model", /0 bytes/, { [MODEL]: json((info) => ({ ...info, weights: { ...info.weights, bytes: 0 } })) }],
    ["weights of an absurd length", () => at("digits-beta-1"), "bad-model", /the most/, { [MODEL]: json((info) => ({ ...info, weights: { ...info.weights, bytes: 2 ** 52 } })) }],
    ["weights outside the folder", () => at("digits-beta-1"), "bad-model", /outside its folder/, { [MODEL]: json((info) => ({ ...info, weights: { ...info.weights, file: "../digits/weights.safetensors" } })) }],
    ["a description in another encoding", () => at("digits-beta-1"), "bad-model", /not UTF-8/, { [MODEL]: () => ({ body: Buffer.from([0x7b, 0xff, 0x7d]) }) }],
  ]) {
    inArticle(`${name}: the sentence names the reason`, async (page) => {
      const error = await load(page, address());
      assert.equal(error.code, code, error.message);
      assert.match(error.message, sentence);
    }, damage);
  }

  inArticle("an address of a blob is none of a folder", async (page) => assert.equal((await load(page, "", { blob: true })).code, "bad-input"));

  inArticle("a description with a byte order mark and CRLF is read", async (page) => assert.equal((await load(page, at("digits-beta-1"))).name, "digits-beta-1"), {
    [MODEL]: ({ body }) => ({ body: Buffer.from(`\ufeff${body.toString().replaceAll(',"', ',\r\n"')}`) }),
  });

  test("what a host's onProgress throws is the host's, and the model loads", () =>
    withPage(env, "", async (page) => {
      const thrown = page.waitForEvent("pageerror");
      assert.equal((await load(page, at("digits-beta-1"), { throws: true })).name, "digits-beta-1");
      assert.match((await thrown).message, /host's own/);
    }, { url: env.article.url, expected: /host's own/ }));
});

describe("what a model shows is said in its file", () => {
  const env = useBrowser({ webgpu: false });
  const cases = [
    ["Steel surfaces", undefined, "Steel surfaces: pictures that never existed"],
    ["Faces of watches", { one: "watch", many: "watches" }, "Watches that never existed"],
    ["Kana", { one: "letter", many: "letters", unseen: "Letters of no alphabet", drawing: "mnist" }, "Letters of no alphabet"],
    ["Hostile", { one: "<b>cat", many: "<img src=x onerror=alert(1)>cats" }, "Img src=x onerror=alert(1)cats that never existed"],
  ];
  for (const [title, subject, heading] of cases) {
    test(`${title}: “${heading}”`, async () => {
      const change = json((info) => ({ ...info, title, subject }));
      const described = Buffer.from(JSON.stringify({ ...JSON.parse(await readFile(fileURLToPath(new URL(`../../${MODEL}`, import.meta.url)))), title, subject }));
      env.server.damage(MODEL, change);
      env.server.damage("models/index.json", json((list) => list.map((entry) => (entry.name === "digits-beta-1" ? { ...entry, title, subject, files: { ...entry.files, "model.json": sha256(described) } } : entry))));
      try {
        await withPage(env, PAGE, async (page) => {
          await ready(page);
          assert.equal(await page.textContent("#title"), heading);
          assert.equal(await page.locator("img[onerror], img[src=x]").count(), 0, "markup in a name became an element");
          assert.equal(await page.evaluate(() => document.querySelector("#view").classList.contains("as-is")), !subject?.drawing);
        }, ALONE);
      } finally {
        env.server.repair();
      }
    });
  }
});
