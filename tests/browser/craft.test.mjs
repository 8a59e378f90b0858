/**
 * What makes the page a good one: accessibility, all widths, dark and light, keyboard and touch,
 * links that restore what they show, work offline, steady memory, a GPU lost in mid-drag, and a
 * browser without WebGPU.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import {
  LIMIT,
  audit,
  listen,
  pageTests,
  ready,
  screenshot,
  settle,
  startFirefox,
  startServer,
  state,
  touchDrag,
  useBrowser,
  withPage,
} from "./harness.mjs";

/** Every view in a state worth looking at. */
const VIEWS = {
  sample: "#/sample?seed=7&chosen=sample-7-16-1&kept=sample-7-8-1~sample-7-29-1",
  draw: "#/draw?example=3",
  morph: "#/morph?t=0.4",
  corners: "#/morph?ends=four&t=0.4&u=0.6",
  map: "#/map?x=0.5&y=0.5",
  edit: "#/edit?face=sample-7-16-1&edits=smile:1",
  inside: "#/inside?example=3",
  use: "#/use?picture=test-3&odd=square",
  fill: "#/use?model=avatars&use=fill&picture=test-4",
};

/** A shift of the layout that nobody sees; from 0.1 on it is called poor (web.dev/cls). */
const MOST_SHIFT = 0.02;

/** Runs in the page. */
function addUpShifts() {
  window.shift = 0;
  const add = (list) => list.getEntries().forEach(({ value }) => (window.shift += value));
  new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
}

/** Remembers the program's memory and the buffers of every GPU device, for `memoryOf`. */
const countMemory = () => {
  window.memories = [];
  for (const name of /** @type {const} */ (["instantiate", "instantiateStreaming"])) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...options) => {
      const made = await original.apply(WebAssembly, options);
      const exported = Object.values((made.instance ?? made).exports); // names have been shortened
      window.memories.push(...exported.filter((value) => value instanceof WebAssembly.Memory));
      return made;
    };
  }
  window.buffers = new Map();
  const collected = new FinalizationRegistry((id) => window.buffers.delete(id));
  const ids = new WeakMap();
  if (!globalThis.GPUDevice) return;
  let next = 0;
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (options) {
    const buffer = createBuffer.call(this, options);
    ids.set(buffer, (next += 1));
    window.buffers.set(next, options.size);
    collected.register(buffer, next);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    window.buffers.delete(ids.get(this));
    return destroy.call(this);
  };
};

/** Bytes in use: of scripts, of the program, of the GPU's buffers. */
async function memoryOf(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.collectGarbage");
  await page.evaluate(() => new Promise((done) => setTimeout(done))); // the registry is told in a task of its own
  const { usedSize: scripts } = await cdp.send("Runtime.getHeapUsage");
  await cdp.detach();
  const { program, gpu } = await page.evaluate(() => ({
    program: window.memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
    gpu: [...window.buffers.values()].reduce((sum, size) => sum + size, 0),
  }));
  assert.ok(program > 0, "the program's memory was not found");
  return { scripts, program, gpu };
}

/** Times that something may be done until memory no longer grows. */
const ROUNDS = 5;

/**
 * Does something again and again until no more memory is in use than after the time before, but for
 * scripts' odds and ends. Gaps between what is freed fill up; a leak grows each time.
 */
async function staysSteady(page, act) {
  await act();
  let before = await memoryOf(page);
  for (let round = 1; ; round += 1) {
    await act();
    const after = await memoryOf(page);
    const grown = Object.fromEntries(Object.entries(after).map(([name, bytes]) => [name, bytes - before[name]]));
    console.log(`  grown, in KB: ${Object.entries(grown).map(([name, bytes]) => `${name} ${(bytes / 1024).toFixed(0)} of ${(after[name] / 1024).toFixed(0)}`).join(", ")}`);
    assert.ok(grown.scripts < 1024 * 1024);
    if (grown.program <= 0 && grown.gpu <= 0) return after;
    assert.ok(round < ROUNDS, "memory grows each time");
    before = after;
  }
}

/** Moves the slider of Morph through its places, and asks for another end now and then. */
async function interact(page, count) {
  await page.evaluate(async (count) => {
    const pause = () => new Promise((done) => requestAnimationFrame(done));
    for (let i = 0; i < count; i += 1) {
      const slider = document.querySelector("#t");
      slider.valueAsNumber = (i % 101) / 100;
      slider.dispatchEvent(new Event("input"));
      if (i % 20 === 0) document.querySelector("#a-another").click();
      await pause();
    }
  }, count);
  await settle(page);
}

/** Shows more models than the page keeps, one after the other. */
async function showModels(page) {
  for (const model of ["digits-beta-0", "digits-beta-1", "digits-beta-4", "digits-map", "digits"]) {
    await page.selectOption("#model", model);
    await page.waitForFunction((model) => window.vaelet.model?.info.name === model && vaelet.view, model);
    await page.evaluate(() => vaelet.ready.then(() => {}));
    await settle(page);
  }
}

describe("the page as a whole", () => {
  const env = useBrowser({ webgpu: false });

  const onPage = pageTests(env, "cpu");

  for (const [view, hash] of Object.entries(VIEWS)) {
    for (const [width, colorScheme] of [[390, "dark"], [1440, "light"]]) {
      onPage(`${view} has no accessibility violations, ${width} pixels, ${colorScheme}`, hash, async (page) => {
        assert.deepEqual(await audit(page), []);
      }, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
    }

    onPage(`${view} fits, from a small phone to a large screen, dark and light`, hash, async (page) => {
      for (const [width, colorScheme] of [[320, "light"], [390, "light"], [390, "dark"], [768, "light"], [1440, "light"], [1440, "dark"], [2560, "light"]]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await settle(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
        if ([390, 1440].includes(width)) await screenshot(page, `${view}-${width}-${colorScheme}`);
      }
    });

    onPage(`${view} is restored by its link, and then rests`, hash, async (page) => {
      const numbers = async () => Object.values(await state(page)).filter((value) => Array.isArray(value) && value.length > 1 && value.every(Number.isFinite));
      const before = await numbers();
      const address = await page.evaluate(() => location.href);
      await page.goto("about:blank");
      await page.goto(address);
      await ready(page);
      await settle(page);
      assert.equal(await page.evaluate(() => location.href), address);
      assert.deepEqual(await numbers(), before);
      const drawn = await page.evaluate(async () => {
        const { model } = vaelet;
        let count = 0;
        for (const call of ["present", "reconstruct", "decode", "encode"]) {
          const original = model[call].bind(model);
          model[call] = (...given) => {
            count += 1;
            return original(...given);
          };
        }
        await new Promise((done) => setTimeout(done, 700));
        return count;
      });
      assert.equal(drawn, 0, "something is drawn though nothing has changed");
    });

    test(`${view} has its heading before its weights, and nothing jumps when they come`, () =>
      withPage(env, "", async (page) => {
        let release;
        const held = new Promise((resolve) => (release = resolve));
        await page.route("**/weights.safetensors*", async (route) => {
          await held;
          await route.continue();
        });
        await page.goto(env.server.url + hash);
        const heading = await page.locator("h1:visible").textContent();
        const poster = await page.locator("#poster").boundingBox();
        release();
        await ready(page);
        await settle(page);
        assert.equal(await page.textContent("#title"), heading);
        if (view === "sample") assert.equal((await page.locator("#sheet").boundingBox()).y, poster.y);
        const shift = await page.evaluate(() => window.shift);
        assert.ok(shift < MOST_SHIFT, `a layout shift of ${shift}`);
      }, { url: "about:blank", viewport: { width: 390, height: 844 }, init: addUpShifts, serviceWorkers: "block", expected: /Service Worker registration blocked/ }));
  }

  onPage("no script from elsewhere runs, nor any text as a script", VIEWS.draw, async (page) => {
    const ran = await page.evaluate(async () => {
      const ran = [];
      await new Promise((done) => setTimeout(done)); // the driver's own calls may use eval
      try {
        new Function("return 1")();
        ran.push("eval");
      } catch {
        // as it should be
      }
      const inline = Object.assign(document.createElement("script"), { textContent: "window.inlineRan = true" });
      document.body.append(inline);
      if (window.inlineRan) ran.push("inline");
      const refused = new Promise((done) => {
        addEventListener("securitypolicyviolation", ({ effectiveDirective }) => effectiveDirective === "connect-src" && done());
      });
      fetch("https://example.org/").catch(() => {});
      await refused;
      return ran;
    });
    assert.deepEqual(ran, []);
  }, { expected: /Content Security Policy/ });

  onPage("with reduced motion nothing moves by itself", "#/morph?model=digits", async (page) => {
    const { t, playing } = await state(page);
    assert.equal(playing, false);
    await page.waitForTimeout(500);
    assert.equal((await state(page)).t, t);
  }, { reducedMotion: "reduce" });

  /** Notes which modules had come when the first view was there. */
  const noteModules = () => {
    const look = () => {
      if (!window.vaelet?.view) return requestAnimationFrame(look);
      window.modules = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.endsWith(".js"));
    };
    look();
  };
  onPage("what the first view takes is not downloaded one import after the other", VIEWS.sample, async (page) => {
    const late = await page.evaluate(() => {
      const preloaded = new Set([...document.querySelectorAll("link[rel=modulepreload], script[type=module]")].map(({ href, src }) => href || src));
      return window.modules.filter((name) => !preloaded.has(name));
    });
    assert.deepEqual(late, []);
  }, { init: noteModules });

  onPage("a model that was published appears by itself, and the choice is in the address", VIEWS.sample, async (page) => {
    const offered = await page.$$eval("#model option", (options) => options.map(({ value }) => value));
    for (const name of ["avatars", "digits", "faces-map", "fashion", "portraits", "portraits-sharp"]) assert.ok(offered.includes(name), `${name} is not offered`);
    await page.selectOption("#model", "avatars");
    await page.waitForFunction(() => window.vaelet?.model?.info.name === "avatars");
    assert.match(page.url(), /model=avatars/);
    await page.click("#nav-edit");
    await page.waitForFunction(() => location.hash.startsWith("#/edit") && window.vaelet?.model?.info.name === "avatars");
    await page.goBack();
    await page.goBack();
    await page.waitForFunction(() => location.hash.startsWith("#/sample") && window.vaelet?.model?.info.name === "portraits-sharp");
    await page.goForward();
    await page.waitForFunction(() => window.vaelet?.model?.info.name === "avatars");
  });

  onPage("a face is chosen, kept, morphed and edited by the keyboard alone", "#/sample?seed=7", async (page) => {
    await page.focus("#picks button");
    for (const key of ["ArrowRight", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    assert.equal((await state(page)).chosen, "sample-7-13-1");
    await page.focus("#keep");
    await page.keyboard.press("Enter");
    assert.deepEqual((await state(page)).kept, ["sample-7-13-1"]);
    const chosen = await page.evaluate(() => Array.from(vaelet.view.state.z.slice(13 * vaelet.model.latentSize, 14 * vaelet.model.latentSize)));
    await page.focus("#to-morph");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash.startsWith("#/morph") && window.vaelet?.view?.state.a);
    assert.deepEqual((await state(page)).a, chosen);
  });

  onPage("a picture and an animation are saved as files that can be opened", "#/sample?seed=7&model=digits&chosen=sample-7-3-1", async (page) => {
    const saved = async (selector) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
      return readFile(await download.path());
    };
    const picture = await saved("#save");
    assert.equal(picture.toString("latin1", 1, 4), "PNG");
    assert.ok(picture.readUInt32BE(16) >= 500, "the picture is small");
    await page.click("#nav-morph");
    await settle(page);
    const video = await saved("#save");
    assert.ok(video.toString("latin1", 4, 8) === "ftyp" || video.readUInt32BE(0) === 0x1a45dfa3, "it is neither MP4 nor WebM");
    assert.ok(video.length > 5_000 && video.length < 1_000_000, `${video.length} bytes`);
    const player = await page.context().newPage(); // the page's own policy plays no files
    const seconds = await player.evaluate(async (data) => {
      const film = Object.assign(document.createElement("video"), { muted: true, src: URL.createObjectURL(new Blob([Uint8Array.from(data)])) });
      await film.play();
      await new Promise((done) => film.addEventListener("ended", done));
      return film.currentTime;
    }, [...video]);
    await player.close();
    assert.ok(seconds > 2, `${seconds} seconds`);
    // Where the browser records none, it is an animated PNG.
    await page.evaluate(() => delete window.MediaRecorder);
    await page.waitForSelector("#save:enabled");
    const animation = await saved("#save");
    assert.equal(animation.toString("latin1", 37, 41), "acTL");
    const frames = animation.readUInt32BE(41);
    assert.ok(frames > 20);
    // The browser reads it back, every frame of it.
    const decoded = await page.evaluate(async (data) => {
      const decoder = new ImageDecoder({ data: Uint8Array.from(data), type: "image/png" });
      await decoder.tracks.ready;
      await decoder.decode({ frameIndex: decoder.tracks.selectedTrack.frameCount - 1 });
      return decoder.tracks.selectedTrack.frameCount;
    }, [...animation]);
    assert.equal(decoded, frames);
  });

  for (const [name, hash, selector, read] of [
    ["draws", "#/draw", "#pad", ({ image }) => image],
    ["moves between four corners", "#/morph?model=digits&ends=four&t=0&u=0", "#grid-pad", ({ z }) => z],
    ["moves over the map", "#/map", ".map-pad", ({ z }) => z],
  ]) {
    onPage(`a finger ${name}, and the page does not scroll away`, hash, async (page) => {
      const before = read(await state(page));
      await page.locator(selector).scrollIntoViewIfNeeded();
      const scroll = await page.evaluate(() => scrollY);
      await touchDrag(page, selector, [[0.3, 0.3], [0.5, 0.4], [0.6, 0.6], [0.4, 0.8]]);
      await settle(page);
      assert.notDeepEqual(read(await state(page)), before);
      assert.equal(await page.evaluate(() => scrollY), scroll);
    }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  }

  test("after the first visit it works without a network", () =>
    withPage(env, "#/sample?model=digits&backend=cpu", async (page) => {
      await ready(page);
      await page.evaluate(() => vaelet.kept.then(() => {}));
      // What the page waits for is a promise, which `waitForFunction` would take for an answer.
      await page.evaluate(async () => {
        const cache = await caches.open("vaelet-weights");
        while ((await cache.keys()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      });
      await page.context().setOffline(true);
      await page.reload();
      await ready(page);
      await settle(page);
      assert.equal(await page.evaluate(() => vaelet.model.info.name), "digits");
      for (const view of ["morph", "map", "edit", "inside", "draw"]) {
        await page.click(`#nav-${view}`);
        await page.waitForFunction((view) => location.hash.startsWith(`#/${view}`) && window.vaelet?.view?.state && document.querySelector("#view > *"), view);
        assert.equal(await page.evaluate(() => vaelet.model.info.name), "digits");
        await settle(page);
      }
    }, { expected: /ERR_INTERNET_DISCONNECTED|Failed to load resource|service worker/i }));

  onPage("memory stays steady over 1,000 interactions", "#/morph?model=digits&t=0", (page) => staysSteady(page, () => interact(page, 1000)), { init: countMemory });

  onPage("models that nobody shows any more are freed", "#/morph?model=digits&t=0", (page) => staysSteady(page, () => showModels(page)), { init: countMemory });
});

describe("with a GPU", () => {
  const env = useBrowser({ webgpu: true });

  /** Remembers every device that the page gets, so that a test can take it away. */
  const rememberDevices = () => {
    window.devices = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await requestDevice.apply(this, options);
      window.devices.push(device);
      return device;
    };
  };

  const onGpu = pageTests(env, "webgpu");

  onGpu("memory stays steady over interactions, the GPU's too", "#/morph?model=digits&t=0", async (page) => {
    const { gpu } = await staysSteady(page, () => interact(page, 100));
    assert.ok(gpu > 0, "the model has no buffers on the GPU");
  }, { init: countMemory });

  onGpu("models that nobody shows any more are freed, on the GPU too", "#/morph?model=digits&t=0", async (page) => {
    const { gpu } = await staysSteady(page, () => showModels(page));
    assert.ok(gpu > 0, "the models have no buffers on the GPU");
  }, { init: countMemory });

  test("a GPU that is lost in mid-drag comes back, and the reader's state is kept", () =>
    withPage(env, "#/morph?model=digits&a=sample-7-3-1&b=sample-7-5-1&t=0&backend=webgpu", async (page) => {
      await ready(page);
      assert.equal(await page.evaluate(() => vaelet.model.backend), "webgpu");
      await page.locator("#t").scrollIntoViewIfNeeded();
      const box = await page.locator("#t").boundingBox();
      const moveTo = (part) => page.mouse.move(box.x + part * box.width, box.y + box.height / 2, { steps: 4 });
      await moveTo(0.1);
      await page.mouse.down();
      await moveTo(0.4);
      await page.evaluate(() => devices.at(-1).destroy());
      await moveTo(0.7);
      await page.waitForFunction(() => devices.length > 1);
      await moveTo(0.8);
      await page.mouse.up();
      await settle(page);
      const { t, a, b, z } = await state(page);
      assert.ok(t > 0.7, `the drag ended at ${t}`);
      assert.ok(a && b && z);
      await page.waitForFunction(() => /a=sample-7-3-1&b=sample-7-5-1/.test(location.hash));
      // The new device draws.
      const image = await page.evaluate(async () => Array.from(await vaelet.model.decode(vaelet.view.state.z)));
      assert.ok(Math.max(...image) > 0.5);
    }, { init: rememberDevices, expected: /lost|destroyed/i }));
});

describe("in Firefox, without WebGPU", () => {
  const env = {};
  before(async () => {
    env.server = await startServer();
    env.firefox = await startFirefox();
  });
  after(async () => {
    await env.firefox?.close();
    await env.server?.close();
  });

  /** A test on the page at a hash, once everything is on the screen. */
  const inFirefox = (name, hash, use) =>
    test(name, { timeout: LIMIT }, async () => {
      const page = await env.firefox.newPage();
      try {
        const complaints = listen(page);
        await page.goto(env.server.url + hash);
        await page.waitForFunction(() => window.vaelet?.view, { timeout: 60_000 });
        assert.equal(await page.evaluate(() => vaelet.ready.then(() => vaelet.model.backend)), "cpu");
        await page.waitForFunction(() => !vaelet.view.state.busy);
        await use(page);
        assert.deepEqual(complaints, []);
      } finally {
        await page.close();
      }
    });

  for (const [view, hash] of Object.entries(VIEWS)) {
    // Something was painted: a canvas of the model, or in Use of its worker, holds more than one shade.
    inFirefox(`${view} works`, hash, (page) =>
      page.waitForFunction(() =>
        [...document.querySelectorAll("canvas.live, .use canvas")].some((canvas) => {
          if (!canvas.width) return false;
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(data).size > 10;
        }),
      ));
  }

  inFirefox("a picture of one's own is cropped, encoded and edited", VIEWS.edit, async (page) => {
    await page.click("#own");
    await page.evaluate(async () => {
      const picture = await (await fetch("models/portraits/reconstructions.jpg")).blob();
      const chosen = new DataTransfer();
      chosen.items.add(new File([picture], "me.jpg", { type: picture.type }));
      const input = document.getElementById("crop-file");
      input.files = chosen.files;
      input.dispatchEvent(new Event("change"));
    });
    await page.waitForSelector("#crop-use:not(:disabled)");
    await page.click("#crop-use");
    await page.waitForFunction(() => /^z-/.test(vaelet.view.state.face));
    assert.equal(await page.$("dialog[open]"), null);
  });
});
