/**
 * The uses of a model: the API in a worker and in slices, the program itself against files that the
 * command has made, and each panel of the view Use.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DIST, pageTests, startArticle, useBrowser, withPage } from "./harness.mjs";

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
  const { score, percentile, negLogLikelihood, map } = await model.score(picture);
  const { images, z, logLikelihood, logPrior } = await model.complete(picture, upper, { count: 3, ...quick });
  const codes = await model.compress(picture, { bytes: 8 });
  const named = await model.group(model.sample({ count: 40 }), { known: [[0, 0], [1, 1]] });
  const answer = {
    score: [score, percentile, negLogLikelihood, map.length],
    complete: [images.length / area, z.length / model.latentSize, ...logLikelihood, ...logPrior],
    kept: upper.every((isSeen, i) => !isSeen || images[area + i] === picture[i]),
    infer: Array.from((await model.infer(picture, quick)).z),
    clean: (await model.clean(picture, { noise: 0.2, ...quick })).length,
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
