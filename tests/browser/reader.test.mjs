/**
 * What a new reader meets: a sentence before any script, nothing that opens empty, numbers to drag, sliders
 * that end where there is data, a model that stays or a sentence why not, links that hold everything, a lesson.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DIGITS } from "../../web/parts/examples.js";
import { audit, drag, drawStrokes, maxDifference, pageTests, ready, settle, startArticle, state, touchDrag, useBrowser, withPage } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** The parts of the machine lead to these. */
const PARTS = ["sample", "draw", "morph", "map", "edit", "inside"];
const VIEWS = [...PARTS, "use"];

describe("what a new reader meets", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");

  test("heading, sentence and drawing of the machine are there before any script", () =>
    withPage(env, "", async (page) => {
      await page.route("**/*.js", (route) => route.abort("blockedbyclient"));
      await page.goto(env.server.url);
      assert.match(await page.textContent("h1"), /never existed/);
      assert.match(await page.textContent(".lead"), /neural network, running in your browser/);
      assert.equal(await page.locator(".machine a").count(), 6);
    }, { url: "about:blank", serviceWorkers: "block", expected: /./ }));

  for (const view of VIEWS) {
    onPage(`${view}: one sentence above the controls on a phone, and the part at work is lit`, `#/${view}`, async (page) => {
      const top = (selector) => page.locator(selector).first().evaluate((node) => node.getBoundingClientRect().top);
      assert.ok((await page.textContent("#lead")).length > 40);
      assert.ok((await top("#lead")) < (await top("#view button:visible")), "the sentence is below the controls");
      assert.ok((await page.locator("#lead").evaluate((node) => Number.parseFloat(getComputedStyle(node).fontSize))) >= 19);
      const lit = await page.locator("#machine li.lit").count();
      assert.equal(lit, ["draw", "inside", "use"].includes(view) ? 6 : 3);
      const links = await page.evaluate(() => [...document.querySelectorAll("#machine a")].map(({ hash }) => hash.split("?")[0]));
      assert.deepEqual([...links].sort(), PARTS.map((name) => `#/${name}`).sort());
      assert.equal(await page.isVisible("#try"), true);
    }, PHONE);

    onPage(`${view}: the invitation does what it says`, `#/${view}${view === "morph" ? "?t=0" : ""}`, async (page) => {
      const read = async () => {
        const { z, after, pixels, prior, t } = await state(page);
        return { z, after, pixels, prior, t };
      };
      const before = await read();
      await page.click("#try");
      await page.waitForFunction(() => location.hash.includes("="), undefined);
      await settle(page);
      assert.notDeepEqual(await read(), before);
    });
  }

  onPage("Draw: a number that is dragged changes the picture, by mouse and by keyboard, until it is reset", "#/draw?example=3&epsilon=5", async (page) => {
    const before = await state(page);
    await drag(page, "#posterior .plot-area", [0.5, 0.5], [0.5, 0.1]);
    await settle(page);
    const dragged = await state(page);
    const moved = dragged.z.filter((value, i) => value !== before.z[i]);
    assert.equal(moved.length, 1, "one number and no other has moved");
    assert.ok(moved[0] > 2);
    assert.equal(await page.textContent("#cost"), "–", "there is no cost of numbers that were set by hand");
    await page.focus("#posterior");
    await page.keyboard.press("ArrowDown");
    await settle(page);
    assert.ok(maxDifference((await state(page)).z, dragged.z) > 0.05);
    await page.click("#reset-numbers");
    await settle(page);
    assert.ok(maxDifference((await state(page)).z, before.z) < 1e-5);
    assert.equal(await page.isVisible("#reset-numbers"), false);
  });

  onPage("Draw: a number follows a finger", "#/draw?example=3", async (page) => {
    const before = await state(page);
    await touchDrag(page, "#posterior .plot-area", [[0.5, 0.5], [0.5, 0.3], [0.5, 0.1]]);
    await settle(page);
    assert.ok(maxDifference((await state(page)).z, before.z) > 0.5);
  }, PHONE);

  onPage("Draw: what drew itself makes room for the reader", "#/draw", async (page) => {
    await drag(page, "#pad", [0.2, 0.5], [0.8, 0.5]);
    await settle(page);
    assert.equal(await page.evaluate(() => vaelet.view.pad.strokes.length), 1);
  });

  onPage("Sample: a chosen face is its numbers, and changes with one of them", "#/sample?model=digits&seed=3", async (page) => {
    await page.locator("#picks button").nth(4).click();
    await page.waitForSelector("#numbers svg");
    await settle(page);
    await drag(page, "#numbers .plot-area", [0.5, 0.5], [0.5, 0.05]);
    await page.waitForFunction(() => /chosen=z-/.test(location.hash));
  });

  onPage("Edit: sliders end where there is data, and go beyond it when asked", "#/edit?model=portraits", async (page) => {
    const ends = () => page.evaluate(() => ["min", "max"].map((end) => Number(document.querySelector("#attribute-1")[end])));
    const sure = await page.evaluate(async () => {
      const response = await fetch("models/portraits/atlas.json");
      const [{ low, high }] = (await response.json()).directions;
      return [low, high];
    });
    assert.deepEqual(await ends(), sure);
    await page.check("#beyond");
    const [low, high] = await ends();
    assert.ok(low < sure[0] && high > sure[1]);
    await page.focus("#attribute-1");
    await page.keyboard.press("End");
    await page.waitForFunction(() => location.hash.includes("edits="));
    await page.reload();
    await ready(page);
    await settle(page);
    assert.equal(await page.isChecked("#beyond"), true, "a link beyond the data is shown as it is");
    assert.equal(Number(await page.inputValue("#attribute-1")), high);
  });

  onPage("Map: opens in a crowd of one class, with the rings of the prior", "#/map", async (page) => {
    assert.equal(await page.locator("#points circle").count(), 2);
    const { x, y } = await state(page);
    const nearest = await page.evaluate(async ([x, y]) => {
      const { items } = await (await fetch("models/digits-map/atlas.json")).json();
      const near = items.plane.map(([px, py], i) => [Math.hypot(px - x, py - y), items.labels[i]]).sort(([a], [b]) => a - b);
      return near.slice(0, 10).map(([, label]) => label);
    }, [x, y]);
    assert.equal(new Set(nearest).size, 1, `around the marker are ${nearest}`);
  });

  onPage("Map: a drawn digit lands on the map, with its ellipse about the marker", "#/map", async (page) => {
    const before = await state(page);
    await drawStrokes(page, DIGITS[3], "#landing-pad");
    await settle(page);
    await page.waitForFunction(() => document.querySelector("#landing ellipse")?.hasAttribute("rx"));
    const after = await state(page);
    assert.notDeepEqual([after.x, after.y], [before.x, before.y]);
    const middles = await page.evaluate(() => ["#landing ellipse", "#cross"].map((selector) => {
      const { left, top, width, height } = document.querySelector(selector).getBoundingClientRect();
      return [left + width / 2, top + height / 2];
    }));
    assert.ok(Math.hypot(middles[0][0] - middles[1][0], middles[0][1] - middles[1][1]) < 6, `the ellipse is at ${middles[0]}, the marker at ${middles[1]}`);
    await page.click("#landing-clear");
    await settle(page);
    assert.equal(await page.isVisible("#landing"), false);
  });

  onPage("Morph: the distances that it names are those of the model, and the cross-fade is one", "#/morph?model=digits&t=0.5", async (page) => {
    const { a, b } = await state(page);
    const norm = (z) => Math.hypot(...z);
    const text = await page.textContent("#distances");
    for (const value of [norm(a), norm(b), norm(a.map((value, i) => (value + b[i]) / 2))]) assert.ok(text.includes(value.toFixed(1)), `${value} is not in: ${text}`);
    const [shown, expected] = await page.evaluate(async () => {
      const { a, b } = vaelet.view.state;
      const [from, to] = [await vaelet.model.decode(a), await vaelet.model.decode(b)];
      const { data } = document.querySelector("#fade").getContext("2d").getImageData(0, 0, 28, 28);
      return [from.map((_, i) => data[4 * i + 3] / 255), from.map((value, i) => (value + to[i]) / 2)].map((values) => Array.from(values));
    });
    assert.ok(maxDifference(shown, expected) < 0.01);
  });

  onPage("a model that a view cannot show: the view stays, says so and leads back", "#/draw?model=avatars", async (page) => {
    assert.equal(await page.evaluate(() => vaelet.model.info.name), "digits");
    assert.match(await page.textContent("#missing"), /Avatars.*was not trained on drawings.*Handwritten digits/);
    await page.click("#missing a");
    await page.waitForFunction(() => vaelet.model?.info.name === "avatars" && vaelet.view);
    assert.equal(await page.isVisible("#missing"), false);
  });

  onPage("the chooser is in groups, with β in order and sizes", "#/sample", async (page) => {
    await page.waitForSelector("#model optgroup", { state: "attached" });
    const groups = await page.evaluate(() => [...document.querySelectorAll("#model optgroup")].map(({ label, children }) => [label, [...children].map(({ textContent }) => textContent.trim())]));
    const family = groups.find(([label]) => /β/.test(label))[1];
    assert.deepEqual(family.map((text) => Number(/β = (\d+)/.exec(text)[1])), [0, 1, 4, 16]);
    for (const [, options] of groups) for (const option of options) assert.match(option, /\d numbers, \d+\.\d MB/);
  });

  onPage("Edit: only a face can be a photo of one's own", "#/edit?model=characters", async (page) => {
    assert.equal(await page.textContent("#own"), "Use a picture…");
    assert.doesNotMatch(await page.textContent("main"), /photo/);
  });

  onPage("Share: a morph plays on, and its link holds model and ends", "#/morph", async (page) => {
    await page.click("#share");
    await page.waitForSelector("#share-dialog[open]");
    assert.equal((await state(page)).playing, true);
    const link = async () => new URLSearchParams(new URL(await page.inputValue("#share-link")).hash.split("?")[1]);
    const playing = await link();
    for (const name of ["model", "a", "b"]) assert.ok(playing.get(name), `${name} is missing`);
    assert.equal(playing.has("t"), false);
    await page.check("#share-what [value=frame]", { force: true });
    assert.ok((await link()).has("t"));
    await page.selectOption("#share-controls", "none");
    assert.match(await page.inputValue("#share-element"), /controls="none"><a href="[^"]+">[^<]+<\/a><\/vae-let>$/);
    await page.click("[data-copy='share-link']");
    assert.match(await page.textContent("[data-copy='share-link']"), /Copied|Copy link/);
  }, { permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "no-preference" });

  onPage("Share: a card with the picture and its numbers", "#/edit?model=avatars", async (page) => {
    await page.click("#share");
    await page.waitForSelector("#share-dialog[open]");
    const top = await page.evaluate(() => document.querySelector("#share-link").getBoundingClientRect().top);
    await page.waitForSelector("#share-save:enabled");
    assert.equal(await page.evaluate(() => document.querySelector("#share-link").getBoundingClientRect().top), top, "the card pushed the link away");
    const [width, height, reds] = await page.evaluate(async () => {
      const card = document.querySelector("#share-card");
      await card.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: card.naturalWidth, height: card.naturalHeight });
      const context = canvas.getContext("2d");
      context.drawImage(card, 0, 0);
      // Bars stand below the picture, of the page's own red.
      const { data } = context.getImageData(40, card.naturalHeight - 190, canvas.width - 80, 100);
      const columns = new Set();
      for (let i = 0; i < data.length / 4; i += 1) if (data[4 * i] === 168 && data[4 * i + 1] === 54) columns.add(i % (canvas.width - 80));
      return [canvas.width, canvas.height, columns.size];
    });
    assert.ok(width > 500 && height > width && reds > 0.3 * (width - 80), `${width} × ${height}, ${reds} columns with bars`);
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("#share-save")]);
    assert.equal(file.suggestedFilename(), "vaelet.png");
  });

  test("Learn: six steps that lead to views in a state, with answers to reveal, and nothing for axe to find", () =>
    withPage(env, "#/learn", async (page) => {
      await page.waitForSelector(".learn");
      assert.equal(await page.locator(".learn li").count(), 6);
      assert.match(await page.textContent(".learn"), /the space of all codes, the latent space,/);
      const links = await page.evaluate(() => [...document.querySelectorAll(".learn .go")].map(({ hash }) => hash));
      assert.deepEqual(await audit(page), []);
      await page.click("#reveal");
      assert.equal(await page.locator(".learn details[open]").count(), 6);
      for (const hash of new Set(links)) {
        await page.goto("about:blank");
        await page.goto(env.server.url + hash);
        await ready(page);
        assert.equal(new URL(page.url()).hash.split("?")[0], hash.split("?")[0]);
      }
    }, { bypassCSP: true }));

  test("Learn: a step stands above its view, on every view until it is closed, and leads to the next", () =>
    withPage(env, "#/learn", async (page) => {
      await page.click(".go >> nth=2");
      await page.waitForSelector("#lesson");
      await ready(page);
      assert.match(await page.textContent("#lesson p"), /^Step 3 of 6/);
      assert.equal(await page.locator("#lesson details[open]").count(), 0);
      await page.click("#lesson summary");
      assert.equal(await page.isVisible("#lesson details p"), true);
      await settle(page);
      assert.deepEqual(await audit(page), []);
      await page.click("#nav-map");
      await page.waitForFunction(() => location.hash.startsWith("#/map") && vaelet.view?.state);
      assert.match(await page.textContent("#lesson p"), /^Step 3 of 6/);
      assert.equal(await page.locator("#lesson details[open]").count(), 1);
      await page.click("#lesson .lesson-ways a >> nth=0");
      await page.waitForFunction(() => /^Step 4 of 6/.test(document.querySelector("#lesson p").textContent) && /temperature=2/.test(location.hash));
      await page.click("#lesson-close");
      await page.waitForFunction(() => !/lesson/.test(location.hash));
      assert.equal(await page.locator("#lesson").count(), 0);
    }, { bypassCSP: true }));

  test("Learn: a step that is opened from far down begins at its task", () =>
    withPage(env, "#/learn", async (page) => {
      for (const i of [2, 5]) {
        await page.click(`.go >> nth=${i}`);
        await page.waitForSelector("#lesson");
        await ready(page);
        await settle(page);
        const [top, bottom] = await page.locator("#lesson").evaluate((bar) => [bar.getBoundingClientRect().top, bar.getBoundingClientRect().bottom]);
        assert.ok(top >= 0 && bottom <= PHONE.viewport.height, `the task of step ${i + 1} stands from ${top} to ${bottom}`);
        await page.click("#nav-learn");
        await page.waitForSelector(".learn");
      }
    }, PHONE));

  test("Learn: the last step leads to the part that it is about", () =>
    withPage(env, "#/inside?model=digits-beta-1&beta=16&lesson=6", async (page) => {
      await ready(page);
      await page.tap("#lesson-part");
      await page.waitForFunction(() => Math.abs(document.getElementById("part-family").getBoundingClientRect().top) < 5);
    }, PHONE));

  onPage("Sample: what was chosen leaves most of a phone on its side free", "#/sample", async (page) => {
    await page.tap("#picks button >> nth=2");
    await page.waitForSelector("#numbers .plot-area");
    await settle(page);
    const { height } = await page.locator("#tray").evaluate((tray) => tray.getBoundingClientRect());
    assert.ok(height < 195, `${height} of 390 pixels`);
  }, { viewport: { width: 844, height: 390 }, hasTouch: true, isMobile: true });

  onPage("Sample: the browser's Back closes what was chosen", "#/sample?model=digits", async (page) => {
    await page.tap("#picks button >> nth=8");
    await page.waitForSelector("#tray", { state: "visible" });
    await page.goBack();
    await page.waitForSelector("#tray", { state: "hidden" });
    assert.match(page.url(), /#\/sample\?model=digits/);
    assert.doesNotMatch(page.url(), /chosen/);
  }, PHONE);

  onPage("Edit: what scrolls below the two faces on a phone is hidden by them", "#/edit", async (page) => {
    await page.tap("#origin summary");
    const chosen = page.locator("#origin-host .choice label:has(:checked)");
    await chosen.waitFor();
    const above = await chosen.evaluate((label) => {
      scrollBy(0, label.getBoundingClientRect().top - 60);
      const { left, top, width, height } = label.getBoundingClientRect();
      return Boolean(document.elementFromPoint(left + width / 2, top + height / 2)?.closest(".before-after"));
    });
    assert.equal(above, true);
  }, PHONE);

  onPage("Inside: a number of a layer under the magnifying glass is no wider than a phone", "#/inside", async (page) => {
    for (const [part, i] of [["encoder", 0], ["decoder", -1]]) {
      const layer = page.locator(`#${part} .layer:visible canvas`).nth(i); // one that convolves
      await layer.scrollIntoViewIfNeeded();
      await layer.tap({ position: { x: 30, y: 20 } });
      await page.waitForSelector(`#${part}-probe .probe-pair`);
      const wide = await page.locator(`#${part}, #${part}-probe *`).evaluateAll((nodes) => nodes.map((node) => node.getBoundingClientRect().right));
      assert.ok(Math.max(...wide) <= PHONE.viewport.width, `${Math.max(...wide)} pixels`);
    }
  }, PHONE);

  onPage("Morph: its slider is in the first screen of a phone, and without motion it stands where the ways differ", "#/morph", async (page) => {
    const { bottom } = await page.locator("#t").evaluate((slider) => slider.getBoundingClientRect());
    assert.ok(bottom <= PHONE.viewport.height, `it ends at ${bottom}`);
    assert.equal((await state(page)).t, 0.5);
    await page.setViewportSize({ width: 340, height: 844 });
    const tops = await page.locator(".morph-frame").evaluateAll((frames) => frames.map((frame) => frame.getBoundingClientRect().top));
    assert.equal(new Set(tops).size, 1, `the three stand at ${tops}`);
  }, { ...PHONE, reducedMotion: "reduce" });

  onPage("sounds are called so, and no smile is told of them", "#/edit?model=voices", async (page) => {
    assert.deepEqual(await page.locator("#machine .is-picture").allTextContents(), ["sound", "sound"]);
    await page.waitForFunction(() => /pitch upwards/.test(document.querySelector("#sound").textContent));
    const prose = await page.textContent("#attributes-prose");
    assert.match(prose, /Other things change too: whatever goes\s+with it in the recordings comes along/);
    await page.goto(`${env.server.url}#/map?model=voices`);
    await ready(page);
    assert.match(await page.textContent("#lead"), /the sound there is what the network makes of them/);
    await page.goto(`${env.server.url}#/draw?model=voices`);
    await ready(page);
    assert.deepEqual(await page.locator("#machine .is-picture").allTextContents(), ["picture", "picture"]);
    assert.match(await page.textContent("#missing"), /^“Spoken digits” was not trained on drawings/);
  });

  onPage("Map: two numbers of faces open where there is a face", "#/map?model=faces-map", async (page) => {
    const contrast = await page.evaluate(async () => {
      const [opened, middle] = await Promise.all([vaelet.view.state.z, [0, 0]].map((z) => vaelet.model.decode(new Float32Array(z))));
      const range = (pixels) => Math.max(...pixels) - Math.min(...pixels);
      return range(opened) / range(middle);
    });
    assert.ok(contrast > 1.2, `${contrast} of the contrast in the middle`);
  });

  onPage("Draw: the words of a chart keep clear of its numbers, and a slider's name is in one line", "#/draw?example=3", async (page) => {
    const box = (selector) => page.locator(selector).first().evaluate((node) => node.getBoundingClientRect().toJSON());
    const ticks = await page.locator("#posterior .plot-tick").evaluateAll((nodes) => nodes.map((node) => node.getBoundingClientRect().top));
    const { bottom } = await box("#posterior .plot-y");
    assert.ok(bottom <= Math.min(...ticks), `the caption ends at ${bottom}, the uppermost number begins at ${Math.min(...ticks)}`);
    const { height } = await box(".noise label");
    assert.ok(height < 30, `${height} pixels high`);
  }, PHONE);

  test("an element without controls shows its pictures alone", async () => {
    const article = await startArticle(`<script type="module" src="${env.server.url}web/vae-let.js"></script><vae-let model="digits" view="morph" controls="none" loading="eager"></vae-let>`, "default-src * data: blob: 'wasm-unsafe-eval'");
    try {
      await withPage(env, "", async (page) => {
        await page.waitForFunction(() => document.querySelector("vae-let")?.loadedModel);
        const seen = (selector) => page.locator(`vae-let >> ${selector}`).first().isVisible();
        assert.equal(await seen("#slerp"), true);
        for (const selector of ["#t", "#play", "#ends-two", "#a-another"]) assert.equal(await seen(selector), false, selector);
        await page.evaluate(() => document.querySelector("vae-let").setAttribute("controls", "slider"));
        await page.waitForFunction(() => document.querySelector("vae-let").shadowRoot.querySelector("#t").checkVisibility());
        assert.equal(await seen("#play"), false);
      }, { url: article.url });
    } finally {
      await article.close();
    }
  });

  onPage("Edit: the pictures at a slider's ends are where it leads, and a held picture shows what it was", "#/edit?model=avatars", async (page) => {
    await settle(page);
    const picture = (selector) => page.locator(selector).evaluate((canvas) => canvas.toDataURL());
    const [low, high] = [0, 1].map((i) => page.locator("#attributes .offset").first().locator(".end").nth(i));
    await page.waitForFunction(() => new Set([...document.querySelectorAll("#attributes .end canvas")].slice(0, 2).map((canvas) => canvas.toDataURL())).size === 2);
    const expected = await high.locator("canvas").evaluate((canvas) => canvas.toDataURL());
    await high.click();
    await settle(page);
    assert.equal(await picture("#after"), expected);
    await page.waitForFunction(() => location.hash.includes("edits="));
    assert.match(await low.getAttribute("aria-label"), /^Smile −|^Smile -/);
    const [before, after] = [await picture("#before"), await picture("#after")];
    assert.notEqual(after, before);
    await page.focus("#compare");
    await page.keyboard.down(" ");
    await page.waitForFunction((was) => document.querySelector("#after").toDataURL() === was, before);
    await page.keyboard.up(" ");
    await page.waitForFunction((was) => document.querySelector("#after").toDataURL() === was, after);
  });

  onPage("Sample: both priors with a slider between, on demand", "#/sample?model=digits", async (page) => {
    await page.click("#contrast-details summary");
    await page.waitForFunction(() => document.querySelectorAll("#contrast-sheet canvas").length === 8);
    const border = () => page.evaluate(() => getComputedStyle(document.querySelector(".contrast-learned")).clipPath);
    const before = await border();
    await page.focus("#contrast");
    await page.keyboard.press("End");
    assert.notEqual(await border(), before);
    const [learned, normal] = await page.evaluate(() => ["learned", "normal"].map((prior) => document.querySelector(`.contrast-${prior}`).getAttribute("aria-label")));
    assert.notEqual(learned, normal);
  });

  onPage("Sample: one face by the plain and by the sharpened decoder, on demand", "#/sample?model=portraits", async (page) => {
    await settle(page);
    await page.locator("#pair-details").evaluate((details) => details.setAttribute("open", ""));
    await page.waitForFunction(() => /critic/.test(document.querySelector("#pair-note")?.textContent));
    const pictures = () => page.evaluate(() => ["#pair-plain", "#pair-sharp", "#samples canvas"].map((selector) => {
      const canvas = document.querySelector(selector);
      return Array.from(canvas.getContext("2d").getImageData(0, 0, 64, 64).data);
    }));
    await page.waitForFunction(() => document.querySelector("#pair-sharp").getContext("2d").getImageData(32, 32, 1, 1).data[3] === 255);
    const [plain, sharp, first] = await pictures();
    assert.ok(maxDifference(plain, first) <= 1, "the plain one is the wall's first");
    assert.ok(maxDifference(plain, sharp) > 20);
    // Alike, for the latent is the same: on average within a sixth of the range.
    assert.ok(plain.reduce((sum, value, i) => sum + Math.abs(value - sharp[i]), 0) / plain.length < 40);
  });
});
