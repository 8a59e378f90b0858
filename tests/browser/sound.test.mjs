/**
 * Models whose pictures are sounds: what is heard, how soon, what becomes of a recording, and what is said of
 * files and microphones that cannot be used.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ready, settle, state, useBrowser, withPage } from "./harness.mjs";
import { serveTones } from "./tones.mjs";

const MODEL = "model=tones&backend=cpu";

/** A WAV file of a falling tone, as microphones and programs write them. */
function wav({ rate = 8000, channels = 1, bits = 16, seconds = 0.4 } = {}) {
  const frames = Math.round(rate * seconds);
  const size = frames * channels * (bits / 8);
  const file = Buffer.alloc(44 + size);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + size, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE((rate * channels * bits) / 8, 28);
  file.writeUInt16LE((channels * bits) / 8, 32);
  file.writeUInt16LE(bits, 34);
  file.write("data", 36);
  file.writeUInt32LE(size, 40);
  for (let i = 0; i < frames; i += 1) {
    const t = i / rate;
    const value = 0.6 * Math.sin(2 * Math.PI * (900 * t - 500 * t * t));
    for (let c = 0; c < channels; c += 1) file.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), 44 + (i * channels + c) * (bits / 8), bits / 8);
  }
  return file;
}

const asFile = (name, buffer) => ({ name, mimeType: "audio/wav", buffer });
const played = (page, times) => page.waitForFunction((least) => Number(document.querySelector("#sound").dataset.played ?? 0) >= least, times);

describe("models of sounds", () => {
  const env = useBrowser({ webgpu: false });
  /** Tests the page with that model, once everything is on the screen. */
  const onPage = (name, hash, use) =>
    test(name, () =>
      withPage(env, "", async (page) => {
        await serveTones(page);
        await page.goto(env.server.url + hash);
        await ready(page);
        await settle(page);
        await use(page);
      }, { url: "about:blank" }));

  onPage("speak and listen: a sound of the model's length, whose picture is the one that was decoded", `#/sample?${MODEL}`, async (page) => {
    const found = await page.evaluate(async () => {
      const { model } = vaelet;
      const z = model.sample({ seed: 3 });
      const [picture, sound] = [await model.decode(z), await model.speak(z)];
      const again = await model.listen(sound.samples, { rate: sound.rate });
      const loud = [...picture.keys()].filter((i) => picture[i] > 0.6);
      const codes = await Promise.all(
        [() => model.speak(z.slice(1)), () => model.speak(model.sample({ count: 2 })), () => model.listen(new Float32Array(800), { rate: 8000 }), () => model.listen(sound.samples, { rate: 3 }), () => model.listen(sound.samples, {}), () => model.listen([NaN], { rate: 8000 })].map((call) => call().then(() => "nothing", ({ code }) => code)),
      );
      const loudest = Math.max(...sound.samples.map(Math.abs));
      return { rate: sound.rate, samples: sound.samples.length, loudest, again: again.length, apart: loud.reduce((sum, i) => sum + Math.abs(picture[i] - again[i]), 0) / loud.length, codes };
    });
    assert.deepEqual([found.rate, found.samples, found.again], [8000, 5296, 4096]);
    assert.ok(Math.abs(found.loudest - 0.9) < 1e-3);
    assert.ok(found.apart < 0.12, `${found.apart} of 72 decibels`);
    assert.deepEqual(found.codes, Array(6).fill("bad-input"));
  });

  test("a model of pictures says that it has no sounds", () =>
    withPage(env, "#/sample?model=digits&backend=cpu", async (page) => {
      await ready(page);
      const code = await page.evaluate(() => vaelet.model.speak(vaelet.model.sample()).catch((error) => error.code));
      assert.equal(code, "bad-input");
      assert.ok(await page.locator("#sound").isHidden());
    }));

  onPage("Sample: what is chosen is heard, by pointer and by keyboard, and can be heard again", `#/sample?${MODEL}`, async (page) => {
    await page.locator("#picks button").nth(3).click();
    await played(page, 1);
    await page.locator("#picks button").nth(3).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await played(page, 2);
    await page.uncheck("#hear-at-once");
    await page.locator("#picks button").nth(0).click();
    await settle(page);
    await page.focus("#hear-it");
    await page.keyboard.press("Enter");
    await played(page, 3);
    assert.equal(await page.locator("#sound").getAttribute("data-played"), "3", "not at once where that is not wanted");
  });

  onPage("Morph and Edit: where the reader stops is heard", `#/morph?${MODEL}&t=0.2`, async (page) => {
    await page.locator("#t").focus();
    await page.keyboard.press("ArrowRight");
    await played(page, 1);
    await page.evaluate((hash) => (location.hash = hash), `#/edit?${MODEL}`);
    await ready(page);
    await page.click("#try");
    await played(page, 1);
  });

  onPage("a recording of one's own: files of any kind that browsers read, and sentences for the others", `#/edit?${MODEL}`, async (page) => {
    await page.click("#own");
    for (const [rate, channels, bits] of [[8000, 1, 16], [44_100, 2, 16], [48_000, 1, 24]]) {
      await page.setInputFiles("#sound-file", asFile("tone.wav", wav({ rate, channels, bits })));
      await page.waitForFunction(() => !document.querySelector("#sound-use").disabled);
    }
    for (const [file, said] of [[Buffer.from("no sound at all"), /not a sound/], [wav().subarray(0, 20), /not a sound/], [wav({ seconds: 0 }), /not a sound|silent/]]) {
      await page.setInputFiles("#sound-file", asFile("bad.wav", file));
      await page.waitForFunction(() => document.querySelector("#sound-error").textContent !== "");
      assert.match(await page.textContent("#sound-error"), said);
      await page.setInputFiles("#sound-file", asFile("tone.wav", wav()));
      await page.waitForFunction(() => document.querySelector("#sound-error").textContent === "");
    }
    await page.click("#sound-use");
    await settle(page);
    assert.match((await state(page)).face, /./);
    await played(page, 1);
  });

  onPage("a microphone that is refused or missing is told", `#/edit?${MODEL}`, async (page) => {
    await page.click("#own");
    for (const [name, said] of [["NotAllowedError", /refused/], ["NotFoundError", /No microphone/]]) {
      await page.evaluate((reason) => {
        navigator.mediaDevices.getUserMedia = async () => {
          throw new DOMException("no", reason);
        };
      }, name);
      await page.click("#sound-record");
      await page.waitForFunction((pattern) => new RegExp(pattern).test(document.querySelector("#sound-error").textContent), said.source);
    }
    await page.click("#sound-cancel");
    await page.waitForFunction(() => !document.querySelector("#sound-cancel")); // its event comes later
  });
});
