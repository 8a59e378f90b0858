/**
 * Every view as its reader uses it: by mouse, by finger and by keyboard; and what it says, against
 * the model's own numbers.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe } from "node:test";
import { drag, drawStrokes, maxDifference, pageTests, ready, screenshot, seen, settle, state, touchDrag, useBrowser } from "./harness.mjs";

const PICTURE = fileURLToPath(new URL("../../models/avatars/samples.jpg", import.meta.url));
const STROKE = [[0.3, 0.3], [0.5, 0.4], [0.6, 0.6], [0.4, 0.8]];
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** How a reader changes each view, and what has changed then. */
const WAYS = {
  sample: {
    hash: "#/sample?model=digits",
    read: ({ chosen }) => chosen,
    mouse: (page) => page.locator("#picks button").nth(7).click(),
    finger: (page) => page.locator("#picks button").nth(9).tap(),
    keys: (page) => press(page, "#picks button >> nth=0", "ArrowRight", "Enter"),
  },
  draw: {
    hash: "#/draw",
    read: ({ z }) => z,
    mouse: (page) => drawStrokes(page, [STROKE]),
    finger: (page) => touchDrag(page, "#pad", STROKE),
    keys: (page) => press(page, "[data-example='4']", "Enter"),
  },
  morph: {
    hash: "#/morph?model=digits&t=0",
    read: ({ z }) => z,
    mouse: (page) => drag(page, "#strip-frame", [0.1, 0.5], [0.7, 0.5]),
    finger: (page) => touchDrag(page, "#strip-frame", [[0.1, 0.5], [0.5, 0.5], [0.8, 0.5]]),
    keys: (page) => press(page, "#t", "PageUp", "ArrowRight"),
  },
  corners: {
    hash: "#/morph?model=digits&ends=four&t=0&u=0",
    read: ({ z }) => z,
    mouse: (page) => drag(page, "#grid-pad", [0.2, 0.2], [0.7, 0.6]),
    finger: (page) => touchDrag(page, "#grid-pad", STROKE),
    keys: (page) => press(page, "#u", "End"),
  },
  map: {
    hash: "#/map?x=0&y=0",
    read: ({ z }) => z,
    mouse: (page) => drag(page, "#pad", [0.2, 0.2], [0.7, 0.6]),
    finger: (page) => touchDrag(page, "#pad", STROKE),
    keys: (page) => press(page, "#x", "ArrowRight", "ArrowRight"),
  },
  edit: {
    hash: "#/edit?model=avatars",
    read: ({ after }) => after,
    mouse: (page) => drag(page, "#attribute-1", [0.5, 0.5], [0.9, 0.5]),
    finger: (page) => touchDrag(page, "#attribute-1", [[0.5, 0.5], [0.7, 0.5], [0.9, 0.5]]),
    keys: (page) => press(page, "#attribute-1", "End"),
  },
  inside: {
    hash: "#/inside",
    read: ({ image }) => image,
    mouse: (page) => drawStrokes(page, [STROKE]),
    finger: (page) => touchDrag(page, "#pad", STROKE),
    keys: (page) => press(page, "[data-example='4']", "Enter"),
  },
  use: {
    hash: "#/use?model=digits&use=clean",
    read: ({ picture }) => picture,
    mouse: (page) => page.locator("#tests-picks button").nth(3).click(),
    finger: (page) => page.locator("#tests-picks button").nth(4).tap(),
    keys: (page) => press(page, "#tests-picks button >> nth=0", "ArrowRight", "Enter"),
  },
};

async function press(page, selector, ...keys) {
  await page.locator(selector).focus();
  for (const key of keys) await page.keyboard.press(key);
}

describe("the views", () => {
  const env = useBrowser({ webgpu: false });

  const onPage = pageTests(env, "cpu");

  for (const [view, { hash, read, ...ways }] of Object.entries(WAYS)) {
    for (const [way, act] of Object.entries(ways)) {
      onPage(`${view} follows the ${way}, and its address too`, hash, async (page) => {
        const before = read(await state(page));
        const address = page.url();
        await act(page);
        await settle(page);
        assert.notDeepEqual(read(await state(page)), before);
        await page.waitForFunction((address) => location.href !== address, address);
      }, way === "finger" ? PHONE : {});
    }
  }

  onPage("Sample: N(0, I) and temperature reach the samples", "#/sample?model=digits&seed=3", async (page) => {
    await page.click("label:has(#prior-normal)");
    await press(page, "#temperature", "Home");
    await settle(page);
    const { z, prior } = await state(page);
    assert.equal(prior, "normal");
    assert.ok(z.every((value) => value === 0), "N(0, I) at temperature 0 is not its centre");
  });

  onPage("Draw: another throw of the same cloud is taken by touching it", "#/draw?example=3&epsilon=5", async (page) => {
    const before = await state(page);
    await page.locator("#resample-picks button").nth(2).click();
    await settle(page);
    const after = await state(page);
    assert.deepEqual(after.mean, before.mean);
    const expected = await page.evaluate(({ mean, logVar }) => Array.from(vaelet.model.reparameterize(Float32Array.from(mean), Float32Array.from(logVar), { seed: 8 })), before);
    assert.ok(maxDifference(after.z, expected) < 1e-5);
  });

  onPage("Draw: a link shows exactly the digit that was drawn", "#/draw", async (page) => {
    await drawStrokes(page, [STROKE]);
    await settle(page);
    await page.waitForFunction(() => location.hash.includes("ink="));
    const { pixels, z } = await state(page);
    await page.reload();
    await ready(page);
    await settle(page);
    const again = await state(page);
    assert.deepEqual(again.pixels, pixels);
    assert.deepEqual(again.z, z);
  });

  onPage("Morph: a reader who leaves while an animation is saved leaves in peace", "#/morph?model=digits&t=0.3", async (page) => {
    await page.click("#save");
    await page.click("#nav-sample");
    await page.waitForFunction(() => location.hash.startsWith("#/sample") && window.vaelet?.view?.state.z);
    await page.waitForTimeout(1000);
    assert.equal(await page.isVisible("#error"), false);
    assert.equal(await page.evaluate(() => vaelet.view.state.count), 60);
  });

  onPage("Sample: what was kept stays, whatever else the reader does", "#/sample?model=digits&seed=7&chosen=sample-7-3-1", async (page) => {
    await page.click("#keep");
    await page.click("#new-samples");
    assert.equal((await state(page)).chosen, null, "what was chosen is none of the new ones");
    await page.waitForSelector("#tray", { state: "hidden" });
    const { seed } = await state(page);
    await page.click("#picks button >> nth=0");
    await page.click("#keep");
    await page.goBack();
    await page.waitForFunction(() => vaelet.view && !vaelet.view.state.chosen);
    await page.goBack();
    await page.waitForFunction(() => vaelet.view?.state.seed === 7 && vaelet.view.state.chosen);
    assert.deepEqual((await state(page)).kept, ["sample-7-3-1", `sample-${seed}-0-1`]);
    assert.equal((await state(page)).chosen, "sample-7-3-1");
  });

  onPage("Morph: the four corners are the ends", "#/morph?model=digits&ends=four&t=0&u=0", async (page) => {
    for (const [t, u, end] of [["Home", "Home", "a"], ["End", "Home", "b"], ["Home", "End", "c"], ["End", "End", "d"]]) {
      await press(page, "#t", t);
      await press(page, "#u", u);
      await settle(page);
      const morph = await state(page);
      assert.ok(maxDifference(morph.z, morph[end]) < 1e-5, `(${t}, ${u}) is not ${end}`);
    }
  });

  onPage("Map: the mouse looks around and goes back to where the reader left off", "#/map?x=1&y=0.5", async (page) => {
    const { z } = await state(page);
    assert.ok(maxDifference(z, [1, 0.5]) < 1e-6, "a map of two latents shows something else than its place");
    await page.hover("#pad", { position: { x: 30, y: 30 } });
    await settle(page);
    assert.notDeepEqual((await state(page)).z, z);
    await page.mouse.move(5, 5);
    await settle(page);
    assert.deepEqual((await state(page)).z, z);
  });

  onPage("Map: three faces span a plane, and each corner is its face", "#/map?model=portraits&plane=three&x=0&y=0", async (page) => {
    await settle(page);
    const before = (await state(page)).z;
    assert.equal(before.length, 64);
    await page.locator("#corners button").first().click();
    await settle(page);
    assert.notDeepEqual((await state(page)).z, before);
    await page.waitForFunction(() => /[?&]a=sample-/.test(location.hash));
  });

  onPage("Edit: z moves along the attribute's direction, and undo takes it back", "#/edit?model=portraits", async (page) => {
    const start = await state(page);
    assert.deepEqual(start.after, start.before);
    await press(page, "#attribute-1", "End");
    await settle(page);
    const { before, after } = await state(page);
    const { vector, value } = await page.evaluate(async () => {
      const { directions } = await (await fetch("models/portraits/atlas.json")).json();
      return { vector: directions[0].vector, value: document.querySelector("#attribute-1").valueAsNumber };
    });
    assert.ok(value > 1);
    assert.ok(maxDifference(after, before.map((z, i) => z + value * vector[i])) < 1e-4);
    await page.keyboard.press("Control+z");
    await settle(page);
    assert.deepEqual((await state(page)).after, start.after);
    await page.click("#redo");
    await settle(page);
    assert.ok(maxDifference((await state(page)).after, after) < 1e-6);
    await page.click("#to-morph");
    await page.waitForFunction(() => location.hash.startsWith("#/morph") && window.vaelet?.view?.state.b);
    const ends = await state(page);
    assert.ok(maxDifference(ends.a, before) < 1e-3);
    assert.ok(maxDifference(ends.b, after) < 1e-3);
    await page.goBack();
    await page.waitForFunction(() => location.hash.startsWith("#/edit") && window.vaelet?.view?.state.after);
    await page.click("#undo");
    await settle(page);
    assert.deepEqual((await state(page)).after, start.after, "what was done before leaving can be undone");
  });

  onPage("Edit and Inside: a latent is called by the factor that it follows", "#/edit?model=shapes", async (page) => {
    const followed = await page.evaluate(async () => (await (await fetch("models/shapes/atlas.json")).json()).followed);
    const names = followed.flatMap((name, i) => (name ? [`Number ${i + 1}: ${name}`] : []));
    const shown = await page.locator("#latents label").allTextContents();
    assert.ok(names.length > 2 && names.every((name) => shown.includes(name)), `${names} in ${shown}`);
    await page.goto(`${page.url().split("#")[0]}#/inside?model=shapes`);
    await page.waitForFunction(() => location.hash.startsWith("#/inside") && window.vaelet?.view?.state.klToStandardNormal);
    await settle(page);
    const kl = (await state(page)).klToStandardNormal;
    const most = [...kl].indexOf(Math.max(...kl));
    assert.ok((await page.textContent("#latent-readout")).endsWith(followed[most] ? ` (${followed[most]})` : ""));
  });

  onPage("Edit: where an attribute comes from is shown by six examples, and done to the face before", "#/edit?model=avatars", async (page) => {
    await page.click("#origin-title");
    await page.waitForSelector("#origin-moved canvas");
    await settle(page);
    assert.equal(await page.locator("#origin input").count(), await page.locator("#attributes > *").count());
    const read = () => seen(page, "#origin-moved", 48, 16);
    const smile = await read();
    const third = (image, i) => image.filter((_, at) => Math.floor((at % 48) / 16) === i);
    assert.ok(maxDifference(third(smile, 0), third(smile, 2)) > 20, "less of it looks like more of it");
    await page.locator("#origin input").nth(1).check();
    await settle(page);
    assert.ok(maxDifference(await read(), smile) > 20, "another attribute looks the same");
    await page.click("#another");
    await settle(page);
    const other = await read();
    assert.ok(maxDifference(third(other, 1), third(smile, 1)) > 20, "it does not follow the face");
  });

  onPage("Edit: one's own picture is cropped here, comes back as a face, and goes nowhere", "#/edit?model=avatars", async (page) => {
    const sent = [];
    page.on("request", (request) => sent.push(`${request.method()} ${request.url()}`));
    await page.click("#own");
    await page.setInputFiles("#crop-file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
    await page.waitForFunction(() => /\w+ .*\./.test(document.querySelector("#crop-error").textContent));
    await page.setInputFiles("#crop-file", { name: "me.jpg", mimeType: "image/jpeg", buffer: await readFile(PICTURE) });
    await page.waitForFunction(() => !document.querySelector("#crop-use").disabled);
    await page.click("#crop-use");
    await page.waitForFunction(() => vaelet.view.state.face.startsWith("z-"));
    await settle(page);
    assert.equal((await state(page)).before.length, 64);
    // Nothing but plain requests for this page's own files: no body, no query but the hash of a published file.
    const own = new RegExp(`^GET (blob:|data:|${env.server.url}[\\w./-]+(\\?sha256=[0-9a-f]{64})?$)`);
    assert.deepEqual(sent.filter((request) => !own.test(request)), []);
    await page.waitForFunction(() => location.hash.includes("face=z-"));
  });

  onPage("Inside: what it says is what the model computes, and σ = 0 is a plain autoencoder", "#/inside?example=3&epsilon=4", async (page) => {
    const { pixels, z, kl, reconstruction, encoder, decoder } = await state(page);
    const expected = await page.evaluate(async (pixels) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
      const result = await vaelet.model.reconstruct(canvas, Float32Array.from(pixels), { epsilon: vaelet.model.noise({ seed: 4 }) });
      return { z: Array.from(result.z), kl: result.kl, reconstruction: result.reconstruction };
    }, pixels);
    assert.ok(maxDifference(z, expected.z) < 1e-5);
    assert.ok(Math.abs(kl - expected.kl) < 1e-3 && Math.abs(reconstruction - expected.reconstruction) < 1e-2);
    assert.equal(encoder.at(-1).values.length ?? Object.keys(encoder.at(-1).values).length, 20);
    assert.ok(decoder.length > 3);
    await page.click("label:has(#sigma-zero)");
    await settle(page);
    const still = await state(page);
    assert.ok(maxDifference(still.z, still.mean) < 1e-6);
    assert.equal(still.loss, null);
    assert.equal(still.kl, kl, "the cloud is the same");
    await page.locator("#part-loss").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => /only with noise/.test(document.querySelector("#loss-term").textContent));
    assert.equal(await page.textContent("#loss-nats"), "–");
    await screenshot(page, "inside-loss");
  });

  for (const [model, parts] of [["digits-beta-1", ["encoder", "decoder"]], ["avatars", ["encoder"]]]) {
    onPage(`Inside: a number of ${model} that is pointed at is the sum of bias, filter × patch and skip, after its activation`, `#/inside?model=${model}`, async (page) => {
      const ends = { silu: (v) => v / (1 + Math.exp(-v)), sigmoid: (v) => 1 / (1 + Math.exp(-v)), relu: (v) => Math.max(0, v), none: (v) => v };
      for (const part of parts) {
        await page.locator(`#part-${part}`).scrollIntoViewIfNeeded();
        await page.locator(`#${part} + button`).click();
        await settle(page);
        const layers = page.locator(`#${part} .layer canvas`);
        let sums = 0;
        for (let i = 0; i < (await layers.count()); i += 1) {
          await layers.nth(i).focus();
          for (const key of ["ArrowDown", "ArrowRight", "PageDown"]) {
            await page.evaluate(() => (vaelet.view.state.probe = null));
            await page.keyboard.press(key);
            await page.waitForFunction(() => vaelet.view.state.probe);
            const { value, before, activation } = (await state(page)).probe;
            if (before === null) continue;
            sums += 1;
            assert.ok(Math.abs(ends[activation](before) - value) < 0.01 * (1 + Math.abs(value)), `layer ${i + 1} of the ${part}: ${activation}(${before}) is not ${value}`);
          }
        }
        assert.ok(sums >= 6, `${sums} sums in the ${part}`);
      }
    });
  }

  onPage("Inside: the mouse finds a number, and sees its patch and its filter", "#/inside", async (page) => {
    await page.locator("#part-encoder").scrollIntoViewIfNeeded();
    await settle(page);
    const canvas = page.locator("#encoder .layer canvas").first();
    await canvas.hover({ position: { x: 12, y: 12 } });
    await page.waitForSelector("#encoder-probe .probe-seen");
    assert.match(await page.textContent("#encoder-probe"), /Layer 1, channel 1, row \d+, column \d+: .*SiLU\(bias .*4 × 4 pixels|Layer 1, channel 1.*filter × patch/);
    assert.equal(await page.locator("#encoder-probe .probe-pair").count(), 2);
  });

  onPage("Inside: words and parts of figures light each other, and the overview leads to the parts", "#/inside", async (page) => {
    await page.locator("#part-posterior").scrollIntoViewIfNeeded();
    await page.locator('#part-posterior .explanation .term[data-term="width"]').first().hover();
    await page.waitForSelector("#posterior .band.lit", { state: "attached" });
    assert.equal(await page.locator("#posterior .mean.lit").count(), 0);
    await page.locator('#part-sampling .flow [data-term="epsilon"] .name').hover();
    await page.waitForSelector('#part-sampling .explanation .term.lit[data-term="epsilon"]');
    assert.equal(await page.locator("#posterior .band.lit").count(), 0);
    assert.equal(await page.locator("#overview button").count(), 7);
    await page.locator("#overview button").nth(4).click();
    await page.waitForFunction(() => Math.abs(document.querySelector("#part-decoder").getBoundingClientRect().top) < 60);
    assert.match(await page.textContent("#overview output"), /\d nats/);
  });

  onPage("Draw: beside the cost stands what the test set costs", "#/draw?model=digits&example=3", async (page) => {
    const { neg_elbo: usual } = JSON.parse(await readFile(new URL("../../models/digits/figures.json", import.meta.url), "utf8"));
    await page.waitForFunction((text) => document.querySelector("#usual-cost").textContent === text, usual.toFixed(1));
  });

  onPage("charts have axes with units, names at their lines, and the value that is pointed at", "#/morph?model=digits&t=0.25", async (page) => {
    const area = page.locator("#distance-plot .plot-area");
    assert.equal(await page.textContent("#distance-plot .plot-y"), "distance from the centre");
    assert.deepEqual(await page.locator("#distance-plot .plot-name").allTextContents(), ["arc", "straight"]);
    await area.hover();
    const read = await page.textContent("#distance-plot .plot-value");
    const [, arc, straight] = read.match(/^t = 0\.\d+: arc (\d+\.\d), straight (\d+\.\d)$/);
    assert.ok(Number(arc) > Number(straight), read);
    const said = await page.textContent("#distances");
    assert.ok(said.includes(`arc is at ${arc} and the straight line at ${straight}`), `${said} / ${read}`);
    const ticks = await page.locator("#distance-plot .plot-tick").allTextContents();
    assert.equal(Number(ticks[0]), 0);
    assert.equal(Number(ticks[1]) * 2, Number(ticks[2]));
    await page.mouse.move(0, 0);
    assert.equal(await page.textContent("#distance-plot .plot-value"), "");
    await page.goto(`${env.server.url}#/inside?backend=cpu`);
    await ready(page);
    await page.locator("#part-loss").scrollIntoViewIfNeeded();
    await settle(page);
    await page.locator("#kl-bars .plot-area").hover();
    assert.match(await page.textContent("#kl-bars .plot-value"), /^latent \d+: \d+\.\d\d nats$/);
  });

  onPage("Inside: β goes up, and the latents fall silent", "#/inside?example=3", async (page) => {
    await page.locator("#family").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => vaelet.view.state.family && Object.values(vaelet.view.state.family).filter(Boolean).length === 4);
    const total = async (beta) => {
      await page.locator(`#beta-${beta}`).focus();
      await page.locator(`#beta-${beta}`).check({ force: true });
      await settle(page);
      return page.evaluate(() => vaelet.view.state.beta);
    };
    for (const beta of [0, 1, 4, 16]) assert.equal(Number(await total(beta)), beta);
    await page.waitForFunction(() => location.hash.includes("beta=16"));
    const kl = await page.evaluate(() => [0, 1, 4, 16].map((beta) => vaelet.view.state.family[beta].kl));
    console.log(`  KL at β = 0, 1, 4, 16: ${kl.map((nats) => nats.toFixed(1)).join(", ")} nats`);
    assert.ok(kl.every((nats, i) => i === 0 || nats < kl[i - 1]), "KL does not fall with β");
  });

  onPage("Inside: training as a slider, with the same picture, test images and random numbers at every moment", "#/inside?example=3", async (page) => {
    await page.locator("#part-training").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => vaelet.view.state.training?.image);
    const at = async (key) => {
      const before = await page.evaluate(() => vaelet.view.state.training.passes);
      await press(page, "#trained", key);
      await page.waitForFunction((passes) => vaelet.view.state.training.passes !== passes, before);
      await settle(page);
      return page.evaluate(() => {
        const { training, pixels } = vaelet.view.state;
        return { ...training, error: pixels.reduce((sum, value, i) => sum + (value - training.image[i]) ** 2, 0) };
      });
    };
    const end = await at("End");
    const start = await at("Home");
    assert.equal(start.passes, 0);
    assert.ok(end.reconstruction + end.kl < 0.5 * (start.reconstruction + start.kl), "the loss falls");
    assert.ok(end.error < 0.7 * start.error, `the picture is redrawn better: ${start.error} → ${end.error}`);
    assert.equal(await page.locator("#training-map .points path").count() > 1, true);
    const next = await at("ArrowRight");
    await page.waitForFunction((passes) => new URLSearchParams(location.hash.split("?")[1]).get("trained") === String(passes), next.passes);
    await page.reload();
    await page.locator("#part-training").scrollIntoViewIfNeeded();
    await page.waitForFunction((passes) => vaelet.view?.state?.training?.passes === passes, next.passes);
    await page.waitForSelector("#training-play:enabled");
    await page.click("#training-play");
    await page.waitForFunction((passes) => vaelet.view.state.training.passes > passes, next.passes);
  });
});
