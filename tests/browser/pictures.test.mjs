/** Pictures of the reader's own: dropped on their place, beside it, or where there is none; a face that is found in a photo; the camera. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pageTests, startArticle, useBrowser, withPage } from "./harness.mjs";

/** Drops a file, or something else, on an element or at a place of the window; gives whether the browser would have opened it. */
const drop = (page, where, kind = "image") =>
  page.evaluate(async ([where, kind]) => {
    const find = (root, selector) => root.querySelector(selector) ?? [...root.querySelectorAll("vae-let")].map(({ shadowRoot }) => shadowRoot.querySelector(selector)).find(Boolean);
    const target = typeof where === "string" ? find(document, where) : document.elementFromPoint(...where);
    const dataTransfer = new DataTransfer();
    if (kind === "image") {
      const picture = await new Promise((done) => Object.assign(document.createElement("canvas"), { width: 80, height: 100 }).toBlob(done));
      dataTransfer.items.add(new File([picture], "me.png", { type: "image/png" }));
    } else if (kind === "notes") dataTransfer.items.add(new File(["no picture"], "notes.txt", { type: "text/plain" }));
    else dataTransfer.setData("text/uri-list", "https://example.org/picture.jpg");
    const opens = ["dragover", "drop"].map((type) => target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, composed: true, dataTransfer })));
    return opens.some(Boolean);
  }, [where, kind]);

describe("pictures that are dropped", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");
  const taken = (page) => page.waitForSelector("#crop-use:not(:disabled)");

  onPage("beside the dialog, on it, or as an address: they are taken, or it is said why not", "#/edit?model=avatars", async (page) => {
    await page.click("#own");
    assert.equal(await drop(page, [3, 3]), false);
    await taken(page);
    await page.click("#crop-cancel");
    await page.click("#own");
    assert.equal(await drop(page, "#crop-frame"), false);
    await taken(page);
    assert.equal(await drop(page, ".masthead", "notes"), false);
    await page.waitForFunction(() => /not an image that the browser can open/.test(document.querySelector("#crop-error").textContent));
    assert.equal(await drop(page, "#crop-help", "address"), false);
    assert.match(await page.textContent("#crop-error"), /No image was found/);
  });

  for (const [view, hash] of [["edit", "#/edit?model=avatars"], ["morph", "#/morph?model=avatars&t=0"], ["inside", "#/inside?model=avatars"], ["use", "#/use?model=avatars&use=clean"]]) {
    onPage(`on the page, with no dialog open, ${view} asks how the picture shall lie`, hash, async (page) => {
      assert.equal(await drop(page, view === "morph" ? "#b-picture" : ".masthead"), false);
      await taken(page);
      assert.equal(await page.locator("dialog.cropper").count(), 1);
      await page.click("#crop-use");
      await page.waitForFunction(() => /(face|b|picture)=z-/.test(location.hash));
    });
  }

  for (const [view, hash] of [["sample", "#/sample?model=avatars"], ["draw", "#/draw"], ["map", "#/map"], ["a morph of digits", "#/morph?model=digits&t=0"], ["inside digits", "#/inside"]]) {
    onPage(`where no picture can be used, ${view} says so and stays`, hash, async (page) => {
      const { href } = new URL(page.url());
      for (const where of ["#player", ".colophon"]) assert.equal(await drop(page, where), false);
      assert.match(await page.textContent("#dropped"), /not image files|does not use photos/);
      assert.equal(await page.isVisible("#dropped"), true);
      assert.equal(page.url(), href);
      assert.equal(await page.isVisible("#error"), false);
    });
  }

  test("on the element they are the element's, beside it the article's", async () => {
    const article = await startArticle(`<script type="module" src="${env.server.url}web/vae-let.js"></script><p id="text">Text.</p><vae-let model="avatars" view="edit" loading="eager"></vae-let>`, "");
    try {
      await withPage(env, "", async (page) => {
        await page.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
        assert.equal(await drop(page, "#text"), true);
        assert.equal(await drop(page, "#attributes"), false);
        await page.locator("#crop-use:enabled").waitFor();
        assert.equal(await drop(page, "#text"), false, "while the dialog is open nothing falls beside it");
      }, { url: article.url });
    } finally {
      await article.close();
    }
  });

  const noisy = () => {
    const { getImageData } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.getImageData = function (...area) {
      const image = getImageData.apply(this, area);
      crypto.getRandomValues(new Uint8Array(Math.min(65536, image.data.length))).forEach((value, i) => (image.data[i] = value));
      return image;
    };
  };
  onPage("where the browser gives noise for canvases, it is said what the encoder sees", "#/edit?model=avatars", async (page) => {
    await page.click("#own");
    await drop(page, "#crop-frame");
    await taken(page);
    assert.match(await page.textContent("#crop-error"), /Allow this page to read canvases/);
  }, { init: noisy });
});

/** A real face of the model's card, `side` pixels wide, at a place of a photo of coloured patches. */
const photoWith = (page, { side, left, top, width = 600, height = 800 }) =>
  page.evaluate(async ([side, left, top, width, height]) => {
    const sheet = await createImageBitmap(await (await fetch(new URL("models/portraits/reconstructions.jpg", location.href))).blob());
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    let seed = 1;
    for (let y = 0; y < height; y += 40) {
      for (let x = 0; x < width; x += 40) {
        seed = (seed * 16807) % 2147483647;
        context.fillStyle = `hsl(${seed % 360} 40% ${30 + (seed % 40)}%)`;
        context.fillRect(x, y, 40, 40);
      }
    }
    if (side) context.drawImage(sheet, 2 * 65, 0, 64, 64, left, top, side, side);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([blob], "photo.png", { type: "image/png" }));
    const input = document.querySelector("#crop-file");
    input.files = dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  }, [side, left, top, width, height]);

describe("a photo", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");
  const PORTRAITS = "#/edit?model=portraits";
  const verdict = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#crop-verdict").textContent), pattern.source);
  const zoom = (page) => page.inputValue("#crop-zoom").then(Number);

  onPage("is asked for at once, and the face in it is found, and said to fit", PORTRAITS, async (page) => {
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#own")]);
    assert.equal(chooser.isMultiple(), false);
    await photoWith(page, { side: 260, left: 250, top: 380 });
    await verdict(page, /Fits (well|roughly)/);
    assert.ok(Math.abs((await zoom(page)) - Math.log2(600 / 260)) < 0.35, `the zoom is ${await zoom(page)}`);
    await page.fill("#crop-zoom", "0");
    await verdict(page, /Too far away: zoom in/);
    await page.click("#crop-find");
    await verdict(page, /^Fits (well|roughly)/);
    await page.fill("#crop-tilt", "29");
    await verdict(page, /Tilted/);
    await page.click("#crop-use");
    await page.waitForFunction(() => location.hash.includes("face=z-"));
  });

  onPage("without a face says so, and so does one from too far away", PORTRAITS, async (page) => {
    await page.click("#own");
    await photoWith(page, { side: 0 });
    await verdict(page, /No face was found.*Fits badly/);
    assert.equal(await zoom(page), 0);
    assert.equal(await page.isVisible("#crop-find"), false);
    await photoWith(page, { side: 52, left: 200, top: 100, width: 300, height: 300 });
    await verdict(page, /too small in this photo/);
  });

  const camera = () => {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      window.asked = constraints;
      if (window.refuses) throw new DOMException("no", "NotAllowedError");
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
      const context = canvas.getContext("2d");
      const paint = () => {
        context.fillRect(0, 0, 320, 240);
        requestAnimationFrame(paint);
      };
      paint();
      window.stream = canvas.captureStream();
      return window.stream;
    };
  };
  onPage("is taken by the camera, which is asked for first and stops", "#/edit?model=avatars", async (page) => {
    await page.click("#own");
    assert.equal(await page.evaluate(() => window.asked), undefined);
    await page.evaluate(() => (window.refuses = true));
    await page.click("#crop-video");
    await page.waitForFunction(() => /does not let this page use the camera/.test(document.querySelector("#crop-error").textContent));
    await page.evaluate(() => (window.refuses = false));
    await page.click("#crop-video");
    await page.waitForSelector("#crop-shoot:not([hidden])");
    assert.equal(await page.evaluate(() => Boolean(window.asked.audio)), false);
    await page.click("#crop-shoot");
    await page.waitForSelector("#crop-use:not(:disabled)");
    await page.waitForFunction(() => window.stream.getTracks().every(({ readyState }) => readyState === "ended"));
    await page.click("#crop-video");
    await page.waitForSelector("#crop-shoot:not([hidden])");
    await page.click("#crop-cancel");
    await page.waitForFunction(() => window.stream.getTracks().every(({ readyState }) => readyState === "ended"));
  }, { init: camera });
});
