/**
 * Drawing, whoever draws and however: every size and place, long scribbles, pens beside palms,
 * erasers, links; and what the encoder gets of it, which no canvas and no browser may change.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DIGITS } from "../../web/parts/examples.js";
import { decodeInk, encodeInk } from "../../web/parts/ink-text.js";
import { addStroke, onPad } from "../../web/parts/ink.js";
import { correlation, drawStrokes, maxDifference, pageTests, ready, settle, state, useBrowser } from "./harness.mjs";

/** How much a drawing and its reconstruction have to look alike. */
const RESEMBLANCE = 0.7;
/** How much a drawing has to look like itself at another size: a mouse stands on whole pixels. */
const SAME = 0.9;
/** Digit 7 as strokes, and the sum of its 28×28 pixels that `crates/model/src/drawing.rs` tests natively. */
const SEVEN = [[[0.3, 0.2], [0.7, 0.2], [0.56, 0.5], [0.46, 0.8]]];
const SEVEN_BITS = 2_871_301_259;

const placed = (strokes, scale, left, top) => strokes.map((points) => points.map(([x, y]) => [scale * x + left, scale * y + top]));

/** Pointer events as a device sends them, at parts of an element's width and height. */
function touchWith(page, selector, events) {
  return page.evaluate(([selector, events]) => {
    const target = document.querySelector(selector);
    for (const [type, pointerType, pointerId, [x, y], more = {}] of events) {
      const box = target.getBoundingClientRect();
      const at = (part, start, length) => start + part * length;
      const { coalesced = [], ...options } = more;
      const make = ([px, py]) => new PointerEvent(type, {
        bubbles: true, cancelable: true, pointerId, pointerType, button: type === "pointermove" ? -1 : 0, buttons: type === "pointerup" ? 0 : 1,
        clientX: at(px, box.left, box.width), clientY: at(py, box.top, box.height), width: 1, height: 1, ...options,
      });
      const event = make([x, y]);
      const places = coalesced.map(([px, py]) => ({ clientX: at(px, box.left, box.width), clientY: at(py, box.top, box.height) }));
      if (places.length) event.getCoalescedEvents = () => places;
      target.dispatchEvent(event);
    }
  }, [selector, events]);
}
const strokesOf = (page) => page.evaluate(() => vaelet.view.pad.strokes);

describe("strokes as data", () => {
  test("a link gives the strokes that it gave when it was written", () => {
    const old = "fhcle8iwllij.kicyjso4";
    assert.deepEqual(decodeInk(old).map(({ length }) => length), [3, 2]);
    decodeInk(old).forEach((points, i) => points.forEach((point, j) => assert.ok(maxDifference(point, DIGITS[4][i][j]) < 1e-3, `${point}`)));
    assert.equal(encodeInk(decodeInk(old)), old);
  });

  test("what is on the pad is what its link gives", () => {
    const scribble = Array.from({ length: 60_000 }, (_, i) => [0.5 + 0.45 * Math.cos(i / 7) * Math.sin(i / 900), 0.5 + 0.45 * Math.sin(i / 7 + i / 5000)]);
    let strokes = [];
    for (const points of [...DIGITS.flat(), scribble, scribble.map(([x, y]) => [y, x]), [[0.2, 0.2]]]) strokes = addStroke(strokes, points);
    const text = encodeInk(strokes);
    assert.ok(text.length > 0 && text.length <= 8000, `${text.length}`);
    assert.deepEqual(decodeInk(text), strokes);
  });

  test("what leaves the pad is cut off at its edge, straight", () => {
    assert.deepEqual(onPad([[[2, 2]], [[3, -1], [3, 4]], []]), []);
    const pieces = onPad([[[0.5, 0.5], [4.5, 0.9], [4.5, 3], [0.5, 0.9]], [[0.2, 0.2]]]);
    assert.equal(pieces.length, 3);
    const [x, y] = pieces[0][1];
    assert.ok(Math.abs(x - 1.045) < 1e-9 && Math.abs(y - (0.5 + (0.4 * 0.545) / 4)) < 1e-9);
    assert.deepEqual(pieces[1].at(-1), [0.5, 0.9]);
    assert.deepEqual(pieces[2], [[0.2, 0.2]]);
  });
});

describe("drawing", () => {
  const env = useBrowser({ webgpu: false });
  const onPage = pageTests(env, "cpu");

  const SIZES = {
    "at a third of its size, in a corner": [1 / 3, 0.02, 0.01],
    "at a third of its size, in another corner": [1 / 3, 0.66, 0.65],
    "at a quarter of its size, in a corner": [1 / 4, 0.74, 0.01],
    "at a quarter of its size, in another corner": [1 / 4, 0, 0.72],
    "up to the edges": [1.4, -0.2, -0.2],
  };
  for (const [where, [scale, left, top]] of Object.entries(SIZES)) comesBack(where, (strokes) => placed(strokes, scale, left, top));
  const zoomed = () => addEventListener("DOMContentLoaded", () => (document.documentElement.style.zoom = "1.6"));
  comesBack("in a page that is zoomed, at a third of its size", (strokes) => placed(strokes, 1 / 3, 0.3, 0.3), { init: zoomed, viewport: { width: 1600, height: 1500 } });
  comesBack("on a phone with three pixels to one, at a third of its size", (strokes) => placed(strokes, 1 / 3, 0.5, 0.1), { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3 });

  function comesBack(where, place, options) {
    onPage(`ten of ten digits come back ${where}`, "#/draw?epsilon=1", async (page) => {
      await page.locator("#pad").scrollIntoViewIfNeeded();
      const drawings = [];
      for (const strokes of DIGITS) {
        if (drawings.length) await page.click("#clear");
        await drawStrokes(page, place(strokes));
        await settle(page);
        const { pixels, image } = await state(page);
        drawings.push({ pixels, image });
      }
      const own = drawings.map(({ pixels, image }) => correlation(pixels, image));
      const whole = await page.evaluate(async (digits) => {
        const { normalizeStrokes } = await import("./web/vaelet.js");
        return digits.map((strokes) => Array.from(normalizeStrokes(strokes)));
      }, DIGITS);
      for (const [digit, { pixels }] of drawings.entries()) {
        const same = correlation(pixels, whole[digit]);
        assert.ok(same >= SAME, `the ${digit} looks otherwise than at full size: ${same}`);
        assert.ok(own[digit] >= RESEMBLANCE, `${digit}: ${own[digit]}`);
        for (const [other, { image }] of drawings.entries()) {
          if (other !== digit) assert.ok(correlation(pixels, image) < own[digit], `the drawn ${digit} looks more like the ${other} that came back`);
        }
      }
    }, options);
  }

  /** As browsers do that protect from fingerprinting. */
  const noisy = () => {
    const { getImageData } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.getImageData = function (...area) {
      const image = getImageData.apply(this, area);
      crypto.getRandomValues(new Uint8Array(Math.min(65536, image.data.length))).forEach((value, i) => (image.data[i] = value));
      window.noisyReads = (window.noisyReads ?? 0) + 1;
      return image;
    };
  };
  onPage("a browser that gives noise for canvases changes nothing that the encoder sees", "#/draw", async (page) => {
    await drawStrokes(page, DIGITS[3]);
    await settle(page);
    const { pixels } = await state(page);
    const [strokes, bits] = await page.evaluate(async (seven) => {
      const { normalizeStrokes } = await import("./web/vaelet.js");
      const ofSeven = new Uint32Array(normalizeStrokes(seven).buffer);
      return [Array.from(normalizeStrokes(vaelet.view.pad.strokes)), ofSeven.reduce((sum, value) => (Math.imul(sum, 31) + value) >>> 0, 0)];
    }, SEVEN);
    assert.deepEqual(pixels, strokes);
    assert.equal(bits, SEVEN_BITS, "the same strokes are other pixels here than natively");
    await page.click("[data-example='4']");
    await drawStrokes(page, [[[0.2, 0.5], [0.4, 0.5]]]);
    await settle(page);
    assert.equal(await page.evaluate(() => window.noisyReads), undefined, "a canvas was read");
  }, { init: noisy });

  onPage("strokes over an example are one picture with it", "#/draw?example=4", async (page) => {
    const { pixels: before } = await state(page);
    await drawStrokes(page, [[[0.5, 0.5], [0.55, 0.5]]]);
    await settle(page);
    const { pixels: after } = await state(page);
    const ink = (pixels) => pixels.reduce((sum, value) => sum + value);
    assert.ok(ink(after) > ink(before) && ink(after) < 1.2 * ink(before), "the example became thicker or thinner");
    assert.ok(correlation(after, before) > 0.6); // it may have moved by a pixel, with its centre of mass
    await page.waitForFunction(() => /example=4.*ink=|ink=.*example=4/.test(location.hash));
    await page.reload();
    await ready(page);
    await settle(page);
    assert.deepEqual((await state(page)).pixels, after);
  });

  onPage("the API says what is wrong with strokes", "#/draw", async (page) => {
    const codes = await page.evaluate(async () => {
      const { normalizeStrokes } = await import("./web/vaelet.js");
      const codeOf = (...given) => {
        try {
          return normalizeStrokes(...given);
        } catch ({ name, code }) {
          return `${name} ${code}`;
        }
      };
      return [codeOf([]), codeOf([[]]), codeOf(null), codeOf([7]), codeOf([[[0, NaN]]]), codeOf([[[1]]]), codeOf([[[0, 0]]], { under: new Float32Array(9) }), codeOf([[[0.5, 0.5]]]).length];
    });
    assert.deepEqual(codes, [undefined, undefined, ...Array(5).fill("VaeletError bad-input"), 784]);
  });

  onPage("a scribble of 20,000 points ends nothing, and is in its link", "#/draw", async (page) => {
    const points = Array.from({ length: 20_000 }, (_, i) => [0.5 + 0.4 * Math.cos(i / 9) * Math.sin(i / 1000), 0.5 + 0.4 * Math.sin(i / 9 + i / 4000)]);
    await touchWith(page, "#pad", [["pointerdown", "mouse", 1, points[0]], ...points.slice(1).map((point) => ["pointermove", "mouse", 1, point]), ["pointerup", "mouse", 1, points.at(-1)]]);
    await touchWith(page, "#pad", [["pointerdown", "mouse", 1, [0.1, 0.1]], ["pointermove", "mouse", 1, [0.2, 0.1]], ["pointerup", "mouse", 1, [0.2, 0.1]]]);
    await settle(page);
    const strokes = await strokesOf(page);
    assert.equal(strokes.length, 2);
    const { pixels } = await state(page);
    await page.waitForFunction(() => location.hash.includes("ink="));
    await page.reload();
    await ready(page);
    await settle(page);
    assert.deepEqual((await state(page)).pixels, pixels);
  });

  const LINE = [[0.2, 0.2], [0.5, 0.5], [0.8, 0.4]];
  const stroke = (pointerType, id, points, more) => [
    ["pointerdown", pointerType, id, points[0], more],
    ...points.slice(1).map((point) => ["pointermove", pointerType, id, point, more]),
    ["pointerup", pointerType, id, points.at(-1), more],
  ];

  onPage("a pen draws though a palm rests, and the palm leaves no mark", "#/draw", async (page) => {
    const palm = { width: 60, height: 48 };
    await touchWith(page, "#pad", [["pointerdown", "touch", 5, [0.8, 0.9], palm], ...stroke("pen", 2, LINE), ["pointermove", "touch", 5, [0.82, 0.9], palm], ["pointerup", "touch", 5, [0.82, 0.9], palm]]);
    await settle(page);
    let strokes = await strokesOf(page);
    assert.equal(strokes.length, 1);
    assert.ok(maxDifference(strokes[0][0], LINE[0]) < 0.01);
    // The hand is put down again while the pen is in use; then it is the palm that comes first, and smears.
    await touchWith(page, "#pad", [["pointerdown", "touch", 6, [0.1, 0.9], palm], ["pointermove", "touch", 6, [0.6, 0.9], palm], ["pointerup", "touch", 6, [0.6, 0.9], palm]]);
    assert.equal((await strokesOf(page)).length, 1);
    await touchWith(page, "#pad", stroke("pen", 2, LINE.map(([x, y]) => [y, x])));
    strokes = await strokesOf(page);
    assert.equal(strokes.length, 2);
    await page.click("#undo");
    await page.click("#undo");
    assert.equal(await page.isDisabled("#undo"), true, "the palm can be undone");
  });

  onPage("a palm that is lifted before the pen comes leaves no mark, and what a finger has drawn stays", "#/draw", async (page) => {
    const palm = [["pointerdown", "touch", 5, [0.8, 0.9]], ["pointerup", "touch", 5, [0.81, 0.9]]];
    await touchWith(page, "#pad", [...stroke("touch", 4, LINE), ...palm, ...stroke("pen", 2, LINE.map(([x, y]) => [y, x]))]);
    const strokes = await strokesOf(page);
    assert.equal(strokes.length, 2);
    assert.ok(maxDifference(strokes[0][0], LINE[0]) < 0.01);
    await page.click("#undo");
    assert.equal((await strokesOf(page)).length, 1);
  });

  onPage("what the system takes for a hand goes, a line that it breaks off stays, and a second finger does nothing", "#/draw", async (page) => {
    await touchWith(page, "#pad", [["pointerdown", "touch", 1, [0.9, 0.9]], ["pointercancel", "touch", 1, [0.9, 0.9]]]);
    assert.equal((await strokesOf(page)).length, 0);
    await touchWith(page, "#pad", [
      ["pointerdown", "touch", 2, LINE[0]], ["pointerdown", "touch", 3, [0.1, 0.9]], ["pointermove", "touch", 3, [0.9, 0.9]],
      ["pointermove", "touch", 2, LINE[1]], ["pointerup", "touch", 3, [0.9, 0.9]], ["pointercancel", "touch", 2, LINE[1]],
    ]);
    const strokes = await strokesOf(page);
    assert.equal(strokes.length, 1);
    assert.ok(maxDifference(strokes[0].at(-1), LINE[1]) < 0.01);
  });

  onPage("a pen's other end erases, its side button does nothing, and undo brings back", "#/draw", async (page) => {
    await touchWith(page, "#pad", [...stroke("pen", 1, LINE), ...stroke("pen", 1, [[0.2, 0.8], [0.8, 0.8]])]);
    await touchWith(page, "#pad", stroke("pen", 1, [[0.5, 0.1], [0.5, 0.3]], { button: 2, buttons: 2 }));
    assert.equal((await strokesOf(page)).length, 2);
    await touchWith(page, "#pad", stroke("pen", 1, [[0.5, 0.7], [0.5, 0.95]], { button: 5, buttons: 32 }));
    const left = await strokesOf(page);
    assert.equal(left.length, 1);
    assert.ok(maxDifference(left[0][0], LINE[0]) < 0.01);
    await page.click("#undo");
    assert.equal((await strokesOf(page)).length, 2);
  });

  onPage("events far outside, without a place, and a pad that changes its size do no harm", "#/draw", async (page) => {
    await touchWith(page, "#pad", [["pointerdown", "mouse", 1, [0.5, 0.5]], ["pointermove", "mouse", 1, [9, 0.5], { coalesced: [[0.6, 0.5], [5, 0.5], [NaN, 0.5], [9, 0.5]] }], ["pointerup", "mouse", 1, [9, 0.5]]]);
    const [points] = await strokesOf(page);
    assert.ok(Math.abs(points.at(-1)[0] - 1.045) < 0.002 && Math.abs(points.at(-1)[1] - 0.5) < 0.002, `${points}`);
    await touchWith(page, "#pad", [["pointerdown", "mouse", 1, [0.2, 0.2]]]);
    await page.evaluate(() => (document.querySelector("#pad").parentElement.style.width = "120px"));
    await touchWith(page, "#pad", [["pointermove", "mouse", 1, [0.4, 0.4]]]);
    await page.evaluate(() => (document.querySelector("#pad").parentElement.hidden = true));
    await touchWith(page, "#pad", [["pointermove", "mouse", 1, [0.4, 0.4]]]);
    await page.evaluate(() => (document.querySelector("#pad").parentElement.hidden = false));
    await touchWith(page, "#pad", [["pointermove", "mouse", 1, [0.7, 0.6]], ["pointerup", "mouse", 1, [0.7, 0.6]]]);
    await settle(page);
    const strokes = await strokesOf(page);
    assert.equal(strokes.length, 2);
    assert.ok(strokes[1].every((point, i) => maxDifference(point, [[0.2, 0.2], [0.4, 0.4], [0.7, 0.6]][i]) < 0.01), JSON.stringify(strokes[1]));
  });

  onPage("a pen takes the map over from a resting palm", "#/map?x=0&y=0", async (page) => {
    await touchWith(page, "#pad", [["pointerdown", "touch", 5, [0.9, 0.95], { width: 60, height: 60 }], ["pointerdown", "pen", 2, [0.3, 0.3]], ["pointermove", "pen", 2, [0.4, 0.35]]]);
    await settle(page);
    const before = await state(page);
    await touchWith(page, "#pad", [["pointermove", "touch", 5, [0.9, 0.9]], ["pointerup", "pen", 2, [0.4, 0.35]]]);
    await settle(page);
    const after = await state(page);
    assert.deepEqual([after.x, after.y], [before.x, before.y]);
    const { x, y } = await page.evaluate(() => vaelet.view.state);
    assert.ok(x < 0.5 && y > 0.5, `${x}, ${y}`);
  });
});
