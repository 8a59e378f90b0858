/**
 * Models of molecules: structures instead of texts, SMILES typed and refused, sliders with two ends, by pointer and by keyboard, in the
 * views and in the element.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { audit, ready, screenshot, settle, state, useBrowser, withPage } from "./harness.mjs";
import { serveCarbons } from "./carbons.mjs";

const MODEL = "model=carbons&backend=cpu";
const label = (selector) => `${selector} svg.structure`;
const labelled = (page, selector, name) => page.waitForFunction(([at, expected]) => document.querySelector(at)?.getAttribute("aria-label") === expected, [label(selector), name]);
const shows = (page, selector, pattern) => page.waitForFunction(([at, source]) => new RegExp(source).test(document.querySelector(at)?.textContent ?? ""), [selector, pattern.source]);
const inAddress = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(decodeURIComponent(location.hash)), pattern.source);
/** Every molecule on the page has its structure. */
const drawn = (page) => page.waitForFunction(() => [...document.querySelectorAll("#view .structure-host")].every((host) => host.querySelector("svg.structure path")));

describe("models of molecules", () => {
  const env = useBrowser({ webgpu: false });
  /** Tests the page with that model, once everything is on the screen. */
  const onPage = (name, hash, use, options = {}) =>
    test(name, () =>
      withPage(env, "", async (page) => {
        await serveCarbons(page);
        await page.goto(env.server.url + hash);
        await ready(page);
        await settle(page);
        await use(page);
      }, { url: "about:blank", ...options }));

  onPage("Sample: sixty structures, each with its SMILES; one is chosen by keyboard and kept in the address", `#/sample?${MODEL}&seed=3`, async (page) => {
    await drawn(page);
    assert.equal(await page.locator(label("#texts")).count(), 60);
    const hosts = await page.locator("#texts .structure-host").evaluateAll((all) => all.map((host) => [host.dataset.smiles, host.querySelector("svg").getAttribute("aria-label")]));
    assert.deepEqual(hosts.filter(([smiles, name]) => smiles !== name || smiles === ""), [], "a screen reader hears the SMILES");
    assert.ok(new Set(hosts.map(([smiles]) => smiles)).size > 40);
    await page.locator("#texts button").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await inAddress(page, /chosen=\[/);
    await labelled(page, "#chosen", hosts[1][0]);
  });

  onPage("Morph: from aspirin to caffeine unless told otherwise; what is typed is read as SMILES, or refused in a sentence", `#/morph?${MODEL}`, async (page) => {
    await drawn(page);
    const steps = await page.locator("#way-body svg.structure").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
    assert.deepEqual([steps[0], steps.at(-1)], ["aspirin", "caffeine"]);
    for (const [typed, sentence] of [
      ["", /is empty/],
      ["CC(", /does not end what begins at place 3/],
      ["CXC", /place 2, `X`/],
      ["CI", /has not learned \[I\]/],
      ["C.C", /several parts/],
      [`C${"CO".repeat(20)}`, /41 SELFIES tokens, and the model reads up to 30/],
    ]) {
      await page.fill("#b-text", typed);
      await shows(page, "#b-text-problem", sentence);
      assert.equal(await page.getAttribute("#b-text", "aria-invalid"), "true");
    }
    await page.fill("#b-text", "Nicotine");
    await labelled(page, "#way-body tr:last-child", "nicotine");
    await page.fill("#b-text", "C[C@H](N)C(=O)O");
    await shows(page, "#b-text-problem", /in space .* is left out/);
    await labelled(page, "#way-body tr:last-child", "CC(N)C(=O)O");
    await inAddress(page, /b=\[C\]\[C\]/);
    await page.locator("#way-body tr:last-child button").click();
    await labelled(page, "#here", "CC(N)C(=O)O");
  });

  onPage("Edit: a slider from soluble to oily, by keyboard, and what is near", `#/edit?${MODEL}&text=CCO`, async (page) => {
    await labelled(page, "#back", "CCO");
    assert.equal(await page.locator("#beginnings").isVisible(), false);
    assert.equal(await page.locator("label[for=move-0]").innerText(), "soluble ↔ oily");
    await page.locator("#move-0").focus();
    await page.keyboard.press("End");
    await page.waitForFunction(() => vaelet.view.state.text !== "[C][C][O]");
    await inAddress(page, /oily=3/);
    assert.match(await page.getAttribute("#move-0", "aria-valuetext"), /^oily, 3/);
    assert.equal((await state(page)).text.endsWith("[C][O]"), true, "only what the direction changes");
    await drawn(page);
    assert.equal(await page.locator(label("#near")).count(), 12);
  });

  onPage("Inside: the tokens that it reads, and the molecule that comes back", `#/inside?${MODEL}&text=OCC`, async (page) => {
    assert.deepEqual((await page.locator("#read td").allInnerTexts()).slice(0, 4), ["[O]", "[C]", "[C]", "⏎"]);
    await labelled(page, "#back", "OCC");
  });

  for (const view of ["sample", "morph", "map", "edit", "inside"]) {
    for (const [width, colorScheme] of [[390, "light"], [1440, "dark"]]) {
      onPage(`${view} has nothing that a screen reader or a screen of ${width} pixels would stumble over`, `#/${view}?${MODEL}`, async (page) => {
        await drawn(page);
        assert.deepEqual(await audit(page), []);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${wide} pixels too wide`);
        await screenshot(page, `molecules-${view}-${width}`);
      }, { viewport: { width, height: 900 }, bypassCSP: true, colorScheme });
    }
  }

  test("the model's own samples are drawn before its weights are there", () =>
    withPage(env, "", async (page) => {
      await serveCarbons(page);
      await page.route("**/models/carbons/weights.safetensors", () => {}); // never comes
      await page.goto(`${env.server.url}#/sample?${MODEL}`);
      await labelled(page, "#poster", "CCO");
    }, { url: "about:blank" }));
});
