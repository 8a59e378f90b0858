/**
 * The uses of a model: the API in a worker and in slices, the program itself against files that the
 * command has made, and each panel of the view Use.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DIST, drag, pageTests, settle, startArticle, useBrowser, withPage } from "./harness.mjs";

const FIXTURE = fileURLToPath(new URL("../../crates/uses/tests/data/digits.vae", import.meta.url));
const POLICY = (origin) => `default-src 'none'; script-src 'nonce-a' ${origin} 'wasm-unsafe-eval'; connect-src ${origin}; img-src ${origin} data:`;

test("a file that the command has packed is unpacked, and packed again, to the same bits", async () => {
  const { version } = JSON.parse(await readFile(join(DIST, "version.json"), "utf8"));
  const program = await import(pathToFileURL(join(DIST, "v", version, "vaelet-uses-web.js")).href);
  await program.default({ module_or_path: await readFile(join(DIST, "v", version, "vaelet-uses-web_bg.wasm")) });
  const folder = join(DIST, "models/digits-beta-1");
  const opening = program.Opening.start(await readFile(join(folder, "model.json"), "utf8"));
  opening.push(await readFile(join(folder, "weights.safetensors")));
  while (opening.step());
  const uses = opening.finish();
  const file = await readFile(FIXTURE);
  const unpacking = program.Unpacking.start(uses, file);
  assert.equal(unpacking.count(), 60);
  const pictures = [];
  for (let picture; (picture = unpacking.pop(uses)); ) pictures.unshift(picture);
  assert.equal(pictures.length, 60);
  const packing = program.Packing.start(uses);
  for (const picture of pictures) packing.push(uses, picture);
  assert.deepEqual(Buffer.from(packing.finish(uses).subarray(4)), file);
});

/** What a page does with the API; runs in it. */
async function useAll(loadModel, folder) {
  const model = await loadModel(folder, { backend: "cpu" });
  const picture = await model.decode(model.sample({ seed: 7 }));
  const { height, width } = model.info.input;
  const area = height * width;
  const upper = Array.from({ length: area }, (_, i) => i < area / 2);
  const quick = { steps: 6, walk: 4, seed: 3 };
  const black = picture.map((value) => (value >= 0.5 ? 1 : 0));
  const seen = [];
  const packed = await model.compress(black);
  const [back] = await model.decompress(packed.file, { onPicture: (one) => seen.push(one.length) });
  const { score, percentile, placePercentile, negLogLikelihood, map } = await model.score(picture);
  const { images, z, logLikelihood, logPrior } = await model.complete(picture, upper, { count: 3, ...quick });
  const codes = await model.compress(picture, { bytes: 8 });
  const named = await model.group(model.sample({ count: 40 }), { known: [[0, 0], [1, 1]] });
  const answer = {
    score: [score, percentile, placePercentile, negLogLikelihood, map.length],
    complete: [images.length / area, z.length / model.latentSize, ...logLikelihood, ...logPrior],
    kept: upper.every((isSeen, i) => !isSeen || images[area + i] === picture[i]),
    infer: Array.from((await model.infer(picture, quick)).z),
    clean: (await model.clean(picture, { noise: 0.2, ...quick })).length,
    jpeg: Array.from(await model.clean(picture, { jpeg: 10, ...quick })),
    enlarge: (await model.enlarge(new Float32Array(area / 16).fill(0.3), quick)).images.length,
    back: back.every((value, i) => value === black[i]),
    bits: [packed.bits, packed.borrowedBits, packed.file.length, seen],
    lossy: [codes.file.length, (await model.decompress(codes.file))[0].length],
    groups: Array.from((await model.group(model.sample({ count: 40 }), { groups: 3 })).names),
    named: [named.names.length, named.shares.length, named.names[0], named.names[1]],
  };
  model.free();
  return answer;
}

describe("the uses of a model", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");
  const folder = "models/digits-beta-1";

  test("a worker and a page of another origin, which has none, give the same numbers", async () => {
    const answers = [];
    await withPage(env, "#/sample?model=digits-beta-1&backend=cpu", async (page) => {
      await page.waitForFunction(() => window.vaelet?.view);
      answers.push(await page.evaluate(`(${useAll})(vaelet.loadModel, "${folder}")`));
      assert.equal(page.workers().length, 1);
    });
    const address = env.server.url;
    const script = `<script type="module" nonce="a">import { loadModel } from "${address}web/vaelet.js"; (${useAll})(loadModel, "${address}${folder}").then((answer) => { window.answer = answer; }, (error) => { window.answer = String(error.stack); });</script>`;
    const article = await startArticle(script, POLICY(new URL(address).origin));
    try {
      await withPage(env, "", async (page) => {
        await page.waitForFunction(() => window.answer);
        answers.push(await page.evaluate(() => window.answer));
        assert.equal(page.workers().length, 0);
      }, { url: article.url });
    } finally {
      await article.close();
    }
    const [inWorker, inSlices] = answers;
    assert.deepEqual(inSlices, inWorker);
    assert.ok(inWorker.kept && inWorker.back);
    assert.deepEqual(inWorker.complete.slice(0, 2), [3, 3]);
    assert.deepEqual(inWorker.named, [40, 40, 0, 1]);
    assert.deepEqual(inWorker.lossy, [33, 784]);
  });

  onPage("what cannot be used is refused by its name, and a damaged file is one", "#/sample?model=digits-beta-1", async (page) => {
    const said = await page.evaluate(async () => {
      const { model } = vaelet;
      const picture = await model.decode(model.sample());
      const stranger = await vaelet.loadModel("models/digits-beta-4", { backend: "cpu" });
      const { file } = await model.compress(new Float32Array(784));
      const damaged = file.slice();
      damaged[26] ^= 1;
      const calls = {
        x: () => model.score(picture.subarray(1)),
        grey: () => model.compress(picture),
        mask: () => model.complete(picture),
        short: () => model.complete(picture, [1, 0]),
        seed: () => model.infer(picture, { seed: -1 }),
        scale: () => model.enlarge(picture, { scale: 3 }),
        noise: () => model.clean(picture, {}),
        quality: () => model.clean(picture, { jpeg: 0 }),
        jpeg: () => model.clean(picture, { jpeg: 10, noise: 0.1 }),
        bytes: () => model.compress(picture, { bytes: 2 }),
        signal: () => model.score(picture, { signal: 1 }),
        known: () => model.group(model.sample({ count: 4 }), { known: [[4, 0]] }),
        one: () => model.group(model.sample()),
        file: () => model.decompress("file"),
        cut: () => model.decompress(file.subarray(0, 20)),
        damaged: () => model.decompress(damaged),
        stranger: () => stranger.decompress(file),
      };
      const said = {};
      for (const [name, call] of Object.entries(calls)) said[name] = await call().then(() => "nothing", ({ name, code, message }) => `${name} ${code} ${message}`);
      stranger.free();
      said.freed = await stranger.score(picture).then(() => "nothing", ({ code }) => code);
      return said;
    });
    const { cut, damaged, stranger, freed, ...refused } = said;
    for (const [name, sentence] of Object.entries(refused)) assert.match(sentence, /^VaeletError bad-input [A-Zxk\w].*\.$/s, name);
    for (const sentence of [cut, damaged]) assert.match(sentence, /^VaeletError damaged /);
    assert.match(stranger, /^VaeletError other-model /);
    assert.equal(freed, "freed");
  });

  onPage("what is cancelled stops at once, and the next call works", "#/sample?model=digits-beta-1", async (page) => {
    const said = await page.evaluate(async () => {
      const { model } = vaelet;
      const [picture, hidden] = [await model.decode(model.sample()), new Uint8Array(784)];
      await model.prepareUses();
      const abort = new AbortController();
      const long = model.complete(picture, hidden, { steps: 10_000, walk: 10_000, signal: abort.signal });
      setTimeout(() => abort.abort(), 20);
      const cancelled = await long.then(() => "done", ({ name }) => name);
      const before = await model.infer(picture, { signal: AbortSignal.abort() }).then(() => "done", ({ name }) => name);
      const start = performance.now();
      const { z } = await model.infer(picture, { steps: 10_000, milliseconds: 30 });
      return { cancelled, before, z: z.length, soon: performance.now() - start < 5_000 };
    });
    assert.deepEqual(said, { cancelled: "AbortError", before: "AbortError", z: 10, soon: true });
  });
});

/** What the panels have found, typed arrays as plain ones. */
const answers = (page) =>
  page.evaluate(() => {
    const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)])) : value);
    return plain(vaelet.view.state.answers);
  });
const decibelsOf = async (page, id) => Number.parseFloat((await page.textContent(`#${id}-number`)).match(/([\d.]+) dB/)[1]);

describe("the view Use", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");

  onPage("all panels in sight follow the picture, and each opens into the whole view", "#/use?model=digits-beta-1", async (page) => {
    const first = (await answers(page)).detect.score;
    await page.locator("#tests-picks button").nth(5).click();
    await settle(page);
    assert.notEqual((await answers(page)).detect.score, first);
    await page.waitForFunction(() => location.hash.includes("picture=test-5"));
    for (const use of ["detect", "clean", "fill", "enlarge", "compress", "group"]) {
      await page.check("#use-all", { force: true });
      await page.click(`[data-open=${use}]`);
      await settle(page);
      assert.equal(await page.isChecked(`#use-${use}`), true);
      assert.deepEqual(await page.locator(".use-panel:visible").evaluateAll((panels) => panels.map(({ dataset }) => dataset.use)), [use]);
      await page.waitForFunction((use) => location.hash.includes(`use=${use}`), use);
    }
  });

  onPage("a model that has to be told what it draws is not used, and the view says so", "#/use?model=letters", async (page) => {
    assert.match(await page.textContent("#missing"), /has to be told what it draws, so here is/);
    assert.notEqual(await page.evaluate(() => vaelet.model.info.name), "letters");
  });

  test("Detect: where nothing is known of the model's own pictures, the panel says so, and the others work", async () => {
    env.server.damage("models/digits-beta-1/calibration.json", () => ({ status: 404, body: Buffer.from("") }));
    try {
      await withPage(env, "#/use?model=digits-beta-1&backend=cpu", async (page) => {
        await page.waitForFunction(() => /calibration\.json is missing/.test(document.querySelector("#state-detect")?.textContent));
        await page.waitForFunction(() => document.querySelector("#clean-after-number").textContent);
        assert.equal(await page.isHidden("#error"), true);
      }, { expected: /404|Failed to load resource/ });
    } finally {
      env.server.repair();
    }
  });

  onPage("Detect: a test picture is not strange, noise and an empty canvas are", "#/use?model=digits&use=detect&picture=test-2", async (page) => {
    assert.equal(await page.getAttribute("#panel-detect", "data-strange"), "false");
    for (const odd of ["noise", "empty", "inverted"]) {
      await page.click(`[data-odd=${odd}]`);
      await settle(page);
      assert.equal(await page.getAttribute("#panel-detect", "data-strange"), "true", odd);
      await page.waitForFunction((odd) => location.hash.includes(`odd=${odd}`), odd);
    }
    await page.click("[data-odd=inverted]"); // and it is the plain picture again
    await settle(page);
    assert.equal(await page.getAttribute("#panel-detect", "data-strange"), "false");
  });

  onPage("Detect: a damaged place is marked, and nothing else", "#/use?model=digits&use=detect&picture=test-2", async (page) => {
    assert.equal(await page.getAttribute("#panel-detect", "data-damaged"), "false");
    assert.match(await page.textContent("#detect-verdict"), /No place is strange/);
    await page.click("[data-odd=square]");
    await settle(page);
    assert.equal(await page.getAttribute("#panel-detect", "data-damaged"), "true");
    assert.match(await page.textContent("#detect-verdict"), /One place is strange/);
    const { map } = (await answers(page)).detect;
    const at = (x, y) => map[28 * y + x];
    assert.ok(at(19, 9) > 10 && at(4, 24) < 0.1 * at(19, 9), `${at(19, 9)} ${at(4, 24)}`);
  });

  onPage("Clean: better than the noisy picture and a median filter, of each kind of noise", "#/use?model=digits&use=clean", async (page) => {
    for (const [kind, gain] of [["gaussian", 3], ["jpeg", 0], ["specks", 3]]) {
      await page.check(`#clean-kind-${kind}`, { force: true });
      await page.locator("#clean-noise").press(kind === "jpeg" ? "ArrowLeft" : "ArrowRight");
      await settle(page);
      const [before, after, median] = [await decibelsOf(page, "clean-before"), await decibelsOf(page, "clean-after"), await decibelsOf(page, "clean-median")];
      assert.ok(after > before + gain && after > median, `${kind}: ${before} ${median} ${after}`);
    }
    await page.waitForFunction(() => /kind=specks/.test(location.hash) && /noise=0.22/.test(location.hash));
  });

  onPage("Fill in: the brush hides, buttons hide, others come, and what was seen stays", "#/use?model=digits-beta-1&use=fill", async (page) => {
    const first = (await answers(page)).fill;
    const picture = Array.from(await page.evaluate(() => Array.from(vaelet.view.state.pixels)));
    for (let i = 0; i < 4; i += 1) assert.deepEqual(first.images.slice(i * 784, i * 784 + 392), picture.slice(0, 392));
    await page.click("#fill-another");
    await settle(page);
    const others = (await answers(page)).fill;
    assert.notDeepEqual(others.z.slice(10), first.z.slice(10));
    await page.click("[data-part=nothing]");
    await settle(page);
    assert.deepEqual((await answers(page)).fill.images.slice(0, 784), picture);
    await drag(page, "#fill-pad", [0.2, 0.5], [0.8, 0.5]);
    await settle(page);
    const brushed = (await answers(page)).fill.images.slice(0, 784);
    assert.ok(brushed.some((value, i) => value !== picture[i]), "the brush hides nothing");
    assert.deepEqual(brushed.slice(0, 200), picture.slice(0, 200));
    await page.waitForFunction(() => /hidden=[0-9a-f]{64}/.test(location.hash));
    await page.locator("#fill-path").press("ArrowRight");
    assert.match(await page.textContent("#fill-caption"), /From 1 to 2|Most likely/);
  });

  onPage("Enlarge: nearer to the picture than bicubic interpolation", "#/use?model=avatars&use=enlarge", async (page) => {
    assert.ok((await decibelsOf(page, "enlarge-model")) > (await decibelsOf(page, "enlarge-bicubic")) + 3);
    assert.match(await page.textContent("#enlarge-nearest-caption"), /16 × 16/);
    await page.check("#enlarge-scale-8", { force: true });
    await settle(page);
    assert.match(await page.textContent("#enlarge-nearest-caption"), /8 × 8/);
  });

  onPage("Compress: a face in a few bytes is nearer than the smallest JPEG, and more bytes are better", "#/use?model=avatars&use=compress", async (page) => {
    const usual = await decibelsOf(page, "compress-model");
    assert.match(await page.textContent("#compress-jpeg-number"), /^at least \d+ bytes/);
    assert.ok(usual > (await decibelsOf(page, "compress-jpeg")));
    await page.locator("#compress-bytes").press("End");
    await settle(page);
    assert.ok((await decibelsOf(page, "compress-model")) >= usual);
    assert.equal(await page.isHidden("#lossless"), true);
  });

  onPage("Compress: a chain of digits comes back bit by bit, in fewer bits than gzip takes", "#/use?model=digits&use=compress", async (page) => {
    await page.click("#compress-chain");
    await page.waitForFunction(() => vaelet.view.state.packed?.same);
    const [network, gzip] = await Promise.all(["chain-bits", "chain-gzip"].map(async (id) => Number(await page.textContent(`#${id}`))));
    assert.ok(network < 0.25 && network < gzip, `${network} ${gzip}`);
    assert.match(await page.textContent("#chain-verdict"), /^All 100 are back/);
  });

  onPage("Group: groups that nobody has named, and names for all after a few, beside the same on pixels", "#/use?model=digits&use=group", async (page) => {
    await page.click("#group-find");
    await page.waitForFunction(() => vaelet.view.state.answers.group?.pixels);
    const { groups, accuracy } = (await answers(page)).group;
    assert.equal(groups, 10);
    assert.ok(accuracy > 0.5, `${accuracy}`);
    assert.equal(await page.locator("#groups li.is-own").count(), 1);
    await page.click("#group-name");
    await page.waitForFunction(() => vaelet.view.state.answers.group?.named);
    const { named } = (await answers(page)).group;
    assert.ok(named > 0.8, `${named}`);
  });

  test("a use stands in the element, and what was used once works without a network", async () => {
    const article = await startArticle(`<script type="module" src="${env.server.url}web/vae-let.js"></script><vae-let model="digits-beta-1" view="use" use="clean" loading="eager"></vae-let>`, "");
    try {
      await withPage(env, "", async (page) => {
        await page.waitForFunction(() => document.querySelector("vae-let")?.shadowRoot?.querySelector("#clean-after-number")?.textContent);
        assert.deepEqual(await page.locator("vae-let .use-panel:visible").evaluateAll((panels) => panels.map(({ dataset }) => dataset.use)), ["clean"]);
      }, { url: article.url });
    } finally {
      await article.close();
    }
    await withPage(env, "#/use?model=digits-beta-1&use=clean&backend=cpu", async (page) => {
      await page.waitForFunction(() => window.vaelet?.view);
      await page.evaluate(() => vaelet.kept);
      await settle(page);
      await page.reload(); // whoever was there first has nobody to keep the program
      await page.waitForFunction(() => window.vaelet?.view);
      await page.waitForFunction(() => document.querySelector("#clean-after-number").textContent);
      await page.evaluate(async () => {
        const isKept = async () => (await (await caches.open((await caches.keys()).find((name) => name.startsWith("vaelet-models")))).keys()).some(({ url }) => url.includes("uses-web_bg.wasm"));
        while (!(await isKept())) await new Promise((resolve) => setTimeout(resolve, 50));
      });
      await page.context().setOffline(true);
      await page.reload();
      await page.waitForFunction(() => document.querySelector("#clean-after-number")?.textContent);
    }, { expected: /ERR_INTERNET_DISCONNECTED|Failed to load resource|service worker/i });
  });
});
