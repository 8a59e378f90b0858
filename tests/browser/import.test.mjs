/** Other people's models, dropped on the page: imported there, opened, kept, and saved. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { decoded, meanOf, onnxFiles, torchFile } from "./foreign.mjs";
import { LIMIT, listen, maxDifference, pageTests, ready, startFirefox, startServer, useBrowser } from "./harness.mjs";

/** Drops files on the heading; in the page. @param {[string, string][]} files names and contents in base 64 */
const dropHere = (files) => {
  const dataTransfer = new DataTransfer();
  for (const [name, contents] of files) {
    const bytes = Uint8Array.from(atob(contents), (char) => char.charCodeAt(0));
    dataTransfer.items.add(new File([bytes], name));
  }
  for (const type of ["dragover", "drop"]) document.querySelector("h1").dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, composed: true, dataTransfer }));
};
const packed = (files) => files.map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
const opened = (page) => page.waitForFunction(() => /is open, and kept/.test(document.querySelector("#import-status")?.textContent));
const IMAGE = Array.from({ length: 64 }, (_, i) => (i % 7) / 7);
const Z = [0.5, -1];
/** What the model on the page makes of these numbers; in the page. */
const compute = async ([image, z]) => {
  await vaelet.ready;
  const { mean } = await vaelet.model.encode(Float32Array.from(image));
  return { title: vaelet.model.info.title, mean: [...mean], image: [...(await vaelet.model.decode(Float32Array.from(z)))] };
};

function check({ mean, image }) {
  assert.ok(maxDifference(mean, meanOf(IMAGE)) < 1e-5);
  assert.ok(maxDifference(image, decoded(Z)) < 1e-5);
}

describe("models of other people", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");

  onPage("a .pth that is dropped is open a moment later, is still there after a reload, and can be saved and dropped again", "#/sample", async (page) => {
    await page.evaluate(dropHere, packed([["my-vae.pth", torchFile()]]));
    await opened(page);
    await page.waitForFunction(() => /my vae/.test(document.querySelector("#model").selectedOptions[0]?.textContent));
    check(await page.evaluate(compute, [IMAGE, Z]));
    assert.match(await page.textContent("#import-notes"), /ReLU behind every hidden layer/);

    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#import-save")]);
    assert.equal(download.suggestedFilename(), "my-vae.zip");
    const zip = await readFile(await download.path());

    await page.waitForFunction(() => /model=~/.test(decodeURIComponent(location.hash)));
    await page.reload();
    await ready(page);
    check(await page.evaluate(compute, [IMAGE, Z]));

    await page.evaluate(dropHere, packed([["again.zip", zip]]));
    await opened(page);
    check(await page.evaluate(compute, [IMAGE, Z]));
  });

  onPage("an encoder and a decoder of ONNX, with weights beside them", "#/morph?model=avatars", async (page) => {
    await page.evaluate(dropHere, packed(onnxFiles()));
    await opened(page);
    await page.waitForFunction(() => /model=~/.test(decodeURIComponent(location.hash)));
    check(await page.evaluate(compute, [IMAGE, Z]));
    assert.match(await page.evaluate(() => location.hash), /^#\/morph/);
  });

  onPage("an activation that the first program lacks fetches the larger one", "#/sample", async (page) => {
    const fetched = () => page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("vaelet-web-full")));
    assert.equal(await fetched(), false);
    await page.evaluate(dropHere, packed(onnxFiles("Elu")));
    await opened(page);
    await page.waitForFunction(() => /model=~/.test(decodeURIComponent(location.hash)));
    const { image } = await page.evaluate(compute, [IMAGE, Z]);
    assert.ok(maxDifference(image, decoded(Z, "Elu")) < 1e-5);
    assert.ok(maxDifference(image, decoded(Z)) > 1e-3, "ELU is not ReLU");
    assert.equal(await fetched(), true);
  });

  onPage("what a file does not say is asked, and what runs code is refused by its name", "#/sample", async (page) => {
    const status = (pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#import-status")?.textContent), pattern);
    await page.evaluate(dropHere, packed([["vae.pth", torchFile("os.system")]]));
    await status("os\\.system is not supported");
    await page.click("#import-close");
    await page.evaluate(dropHere, packed(onnxFiles().slice(0, 1)));
    await status("give encoder\\.onnx\\.data too");
    await page.click("#import-close");
    await page.evaluate(dropHere, packed(onnxFiles().slice(2)));
    await opened(page);
    assert.match(await page.textContent("#import-notes"), /no encoder/);
    await page.waitForFunction(() => new URLSearchParams(location.hash.split("?")[1]).has("model"));
  });
});

describe("models of other people in Firefox", () => {
  let server;
  let firefox;
  before(async () => {
    server = await startServer();
    firefox = await startFirefox();
  });
  after(async () => {
    await firefox?.close();
    await server?.close();
  });

  for (const [what, files] of [["a .pth", () => [["my-vae.pth", torchFile()]]], ["a pair of ONNX", onnxFiles]]) {
    test(what, { timeout: LIMIT }, async () => {
      const page = await firefox.newPage();
      const complaints = listen(page);
      await page.goto(`${server.url}#/sample`);
      await page.waitForFunction(() => window.vaelet?.view, { timeout: LIMIT });
      await page.evaluate(dropHere, packed(files()));
      await page.waitForFunction(() => /is open, and kept/.test(document.querySelector("#import-status")?.textContent), { timeout: LIMIT });
      await page.waitForFunction(() => vaelet.model?.info.latents[0].size === 2, { timeout: LIMIT });
      check(await page.evaluate(compute, [IMAGE, Z]));
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});
