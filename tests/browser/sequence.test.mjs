/**
 * Models of texts: what is written, read and refused, by pointer and by keyboard, in the views of texts and in the element; what an
 * address keeps; and numbers that are the trainer's.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { audit, ready, screenshot, settle, state, useBrowser, withPage } from "./harness.mjs";
import { serveSyllables } from "./syllables.mjs";

const MODEL = "model=syllables&backend=cpu";
const text = (page, selector) => page.locator(selector).innerText();
const shows = (page, selector, pattern) => page.waitForFunction(([at, source]) => new RegExp(source).test(document.querySelector(at)?.textContent ?? ""), [selector, pattern.source]);
const inAddress = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(decodeURIComponent(location.hash)), pattern.source);

describe("models of texts", () => {
  const env = useBrowser({ webgpu: false });
  /** Tests the page with that model, once everything is on the screen. */
  const onPage = (name, hash, use, options = {}) =>
    test(name, () =>
      withPage(env, "", async (page) => {
        await serveSyllables(page);
        await page.goto(env.server.url + hash);
        await ready(page);
        await settle(page);
        await use(page);
      }, { url: "about:blank", ...options }));

  onPage("spell and parse: a text comes back from its numbers, and what it costs is what the logits say", `#/sample?${MODEL}`, async (page) => {
    const found = await page.evaluate(async () => {
      const { model } = vaelet;
      const x = await model.parse("Cab");
      const { mean } = await model.encode(x);
      const [back] = await model.spell(mean);
      const [other] = await model.spell(mean, { classes: 1 });
      const begun = await Promise.all(["ca", "B", "ab"].map(async (begins) => (await model.spell(mean, { begins }))[0]));
      const many = await model.spell(model.sample({ seed: 5, count: 60 }));
      const [free, forced] = await Promise.all([model.decode(mean), model.decode(mean, { written: [3, 1, 2] })]);
      const { reconstruction, image } = await model.reconstruct(document.createElement("canvas"), x, { temperature: 0 });
      const codes = await Promise.all([() => model.parse("cd"), () => model.parse(""), () => model.parse("abca"), () => model.parse(7), () => model.spell([1]), () => model.spell(mean, { begins: "x" }), () => model.decode(mean, { written: [1] })].map((call) => call().then(() => "nothing", ({ code }) => code)));
      return { back, other, begun, many, free: free[6], forced: forced[6], reconstruction, logits: [...image], x: [...x], codes };
    });
    assert.deepEqual([found.back, found.other], ["cab", "bab"]);
    assert.deepEqual(found.begun, ["cab", "bab", "abb"]);
    assert.ok(!found.many.some((one) => one.includes("aa")), "no a follows an a");
    assert.ok(Math.abs(found.forced - found.free) < 1e-4, "the logits are those for the text that is written");
    assert.deepEqual(found.codes, Array(7).fill("bad-input"));
    let nats = 0;
    for (let t = 0; t < 3; t += 1) {
      const column = [0, 1, 2, 3].map((v) => found.logits[v * 3 + t]);
      const own = [0, 1, 2, 3].findIndex((v) => found.x[v * 3 + t] === 1);
      nats += Math.log(column.reduce((sum, value) => sum + Math.exp(value), 0)) - column[own];
    }
    assert.ok(Math.abs(nats - found.reconstruction) < 1e-4, `${nats} and ${found.reconstruction}`);
  });

  test("a model of pictures says that it has no texts", () =>
    withPage(env, "#/sample?model=digits&backend=cpu", async (page) => {
      await ready(page);
      const code = await page.evaluate(() => vaelet.model.spell(vaelet.model.sample()).catch((error) => error.code));
      assert.equal(code, "bad-input");
    }));

  onPage("Sample: cards with a text and its class; one is chosen by keyboard, kept in the address, and taken on", `#/sample?${MODEL}&seed=3`, async (page) => {
    assert.equal(await page.locator("#texts .text-card").count(), 60);
    assert.match(await text(page, "#texts button:first-child"), /^[A-C][a-c]{0,2}\s+(Switzerland|Austria)$/);
    await page.locator("#texts button").nth(3).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await inAddress(page, /chosen=(CH|AT)\+[abc]/);
    const chosen = await text(page, "#chosen");
    await page.selectOption("#group", { label: "Austria" });
    await settle(page);
    const items = (await state(page)).items;
    assert.ok(items.every(({ text, group }) => group === 1 && !text.includes("c")), "the second class writes no c");
    await inAddress(page, /class=AT/);
    await page.click("#to-edit");
    await ready(page);
    await settle(page);
    assert.equal((await text(page, "#back")).split("\n")[0], chosen.split("\n")[0]);
  });

  onPage("Morph: from one text to another, for both classes, step by step", `#/morph?${MODEL}&a=abc&a-class=CH&b=cc&b-class=AT`, async (page) => {
    assert.deepEqual(await page.locator("#way-body tr:first-child td").allInnerTexts(), ["Abc", "Abb"]);
    const last = await page.locator("#way-body tr:last-child td").allInnerTexts();
    assert.deepEqual(last, ["Cc", "Bb"]);
    await page.locator("#way-body tr:last-child button").click();
    await shows(page, "#here", /^BbAustria$/);
    await inAddress(page, /[?&]t=1/);
    await page.fill("#b-text", "xyz");
    await shows(page, "#b-text-problem", /"x" is none of the symbols/);
    await page.fill("#b-text", "aaaa");
    await shows(page, "#b-text-problem", /4 symbols; this model reads up to 3/);
    await page.fill("#b-text", "a");
    await shows(page, "#here", /^AAustria$/);
    await inAddress(page, /b=a&/);
  });

  onPage("Edit: a text for another class, a beginning finished, and what is near", `#/edit?${MODEL}&text=cab&text-class=CH&begin=c`, async (page) => {
    assert.equal(await text(page, "#back"), "Cab\nSwitzerland");
    assert.match(await text(page, "#elsewhere-list"), /^Bab\s+Austria$/);
    await page.waitForFunction(() => !vaelet.view.state.finishing && vaelet.view.state.finished.length > 0);
    const { finished } = await state(page);
    assert.ok(finished.every((one) => /^c[abc]{1,2}$/.test(one)), finished.join());
    assert.equal(await page.locator("#near li").count(), 12);
    await page.fill("#begin", "c!");
    await shows(page, "#begin-problem", /"!" is none of the symbols/);
    await page.fill("#begin", "ab");
    await page.waitForFunction(() => !vaelet.view.state.finishing && vaelet.view.state.finished.every((one) => /^ab[abc]$/.test(one)));
  });

  onPage("Map: places have texts, and sliders move over it", `#/map?${MODEL}`, async (page) => {
    await page.waitForFunction(() => document.querySelectorAll("#names span").length > 20);
    const before = (await state(page)).z;
    await page.locator("#x").focus();
    await page.keyboard.press("End");
    await settle(page);
    assert.notDeepEqual((await state(page)).z, before);
    await inAddress(page, /[?&]x=/);
  });

  onPage("Inside: what it reads, what it writes, and what that costs", `#/inside?${MODEL}&text=ab&text-class=AT`, async (page) => {
    assert.equal((await page.locator("#read td").allInnerTexts()).join(""), "ab⏎");
    assert.equal(await text(page, "#back"), "Ab");
    const { elbo } = await state(page);
    const again = await page.evaluate(async () => {
      const given = vaelet.model.given(1);
      return (await given.elbo(await given.parse("ab"), { seed: vaelet.view.state.seed })).elbo;
    });
    assert.ok(Math.abs(elbo - again) < 1e-3 * Math.abs(again), `${elbo} and ${again}`);
  });

  for (const view of ["sample", "morph", "map", "edit", "inside"]) {
    onPage(`${view} has nothing that a screen reader or a narrow screen would stumble over`, `#/${view}?${MODEL}`, async (page) => {
      assert.deepEqual(await audit(page), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} pixels too wide`);
      await screenshot(page, `texts-${view}`);
    }, { viewport: { width: 360, height: 800 }, bypassCSP: true });
  }

  test("the model's own samples are there before its weights", () =>
    withPage(env, "", async (page) => {
      await serveSyllables(page);
      await page.route("**/models/syllables/weights.safetensors", () => {}); // never comes
      await page.goto(`${env.server.url}#/sample?${MODEL}`);
      await shows(page, "#poster", /AbcSwitzerlandBabAustria/);
    }, { url: "about:blank" }));
});
