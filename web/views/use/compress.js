/**
 * Compress: the picture in a few bytes beside JPEG and WebP; and, where pictures are black and white, a
 * chain of them without loss, unpacked again picture by picture.
 */

import { join } from "../../api/numbers.js";
import { afterPause, formatNumber, paperOf } from "../../parts/dom.js";
import { imageOf, paintPicture, pixelsOf, sizeFor } from "../../parts/picture.js";
import { numberParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { decibels } from "./pictures.js";
import { createWork } from "./work.js";

const [LEAST, MOST, USUAL] = [4, 64, 16];
/** Pictures of a chain, and in a row of it. */
const CHAIN = 100;
const ROW = 20;
/** Sides, as parts of the picture's, and qualities in which other formats are tried. */
const SIDES = [1, 0.5, 0.25, 0.125];
const QUALITIES = [0.9, 0.7, 0.5, 0.3, 0.15, 0.05, 0];
/** Of the smallest files, and those nearly as small, the best is shown. */
const NEARLY = 1.05;

/** @param {import("./use.js").Panel} panel */
export function createCompress({ $, model, subject, node, status, params, setParams, announce, chain }) {
  const { input, likelihood } = model.info;
  const ink = { input, ink: subject.ink };
  for (const id of ["compress-model", "compress-jpeg", "compress-webp"]) sizeFor($(id), input);
  let bytes = Math.round(numberParam(params, "bytes", USUAL, LEAST, MOST));
  let picture = null;
  let found = null;
  /** What other formats make of the picture: every file that was tried. */
  let files = { jpeg: [], webp: [] };
  let packed = null;
  let abort = new AbortController();
  let packing = false;

  const work = createWork({ node, status }, async (signal) => {
    const { file } = await model.compress(picture, { bytes, signal });
    const [pixels] = await model.decompress(file, { signal });
    const fresh = picture;
    if (files.of !== fresh) files = { of: fresh, jpeg: await filesOf(fresh, input, "image/jpeg", signal), webp: await filesOf(fresh, input, "image/webp", signal) };
    return pixels;
  }, (pixels) => {
    found = pixels;
    paintPicture($("compress-model"), pixels, ink);
    $("compress-model-number").textContent = `${bytes} bytes, ${decibels(pixels, picture)}`;
    for (const kind of ["jpeg", "webp"]) showFile(kind);
    announce(`${bytes} bytes: ${decibels(pixels, picture)}.`);
  });
  /** The best file of another format that is small enough, else its smallest. */
  const showFile = (kind) => {
    const all = files[kind];
    const fitting = all.filter(({ size }) => size <= bytes).sort((a, b) => a.error - b.error);
    const least = Math.min(...all.map(({ size }) => size));
    const smallest = all.filter(({ size }) => size <= NEARLY * least).sort((a, b) => a.error - b.error);
    const best = fitting[0] ?? smallest[0];
    $(`compress-${kind}-number`).textContent = best ? `${fitting[0] ? "" : "at least "}${best.size} bytes, ${decibels(best.pixels, picture)}` : "this browser writes none";
    if (best) paintPicture($(`compress-${kind}`), best.pixels, ink);
  };
  const soon = afterPause(() => work.renew(), 60);
  createSlider($("compress-bytes-host"), {
    id: "compress-bytes",
    label: "Bytes",
    min: LEAST,
    max: MOST,
    step: 1,
    value: bytes,
    format: (value) => `${value} bytes`,
    onInput: (value) => {
      bytes = value;
      setParams({ bytes: value === USUAL ? null : value });
      soon();
    },
  });

  // Without loss
  $("lossless").hidden = likelihood.kind !== "bernoulli";
  const black = (pixels) => pixels.map((value) => (value >= 0.5 ? 1 : 0));
  const pack = async () => {
    abort.abort();
    const { signal } = (abort = new AbortController());
    packing = true;
    try {
      const pictures = (await chain(CHAIN)).map(black);
      if (signal.aborted) return;
      const { width, height } = input;
      sizeFor($("chain"), input, ROW, Math.ceil(pictures.length / ROW));
      $("chain-sheet").hidden = false;
      $("compress-facts").hidden = true;
      $("chain-verdict").textContent = "Packing…";
      const { file, bits, borrowedBits } = await model.compress(join(pictures), { signal });
      const pixels = pictures.length * width * height;
      packed = { bytes: file.length, perPixel: bits.at(-1) / pixels, same: false };
      $("chain-count").textContent = String(pictures.length);
      $("chain-bytes").textContent = `${file.length}, ${borrowedBits / 8} of them borrowed`;
      $("chain-bits").textContent = formatNumber(packed.perPixel, 3);
      $("chain-gzip").textContent = formatNumber((8 * (await gzipped(pictures))) / pixels, 3);
      $("compress-facts").hidden = false;
      $("chain-verdict").textContent = "Unpacking, the last one first…";
      let left = pictures.length;
      let same = 0;
      const paper = paperOf($("chain"));
      await model.decompress(file, {
        signal,
        onPicture(pixels) {
          left -= 1;
          same += Number(pixels.every((value, i) => value === pictures[left][i]));
          paintAt(paper, pixels, ink, (left % ROW) * width, Math.floor(left / ROW) * height);
        },
      });
      packed.same = same === pictures.length;
      $("chain-verdict").textContent = packed.same ? `All ${same} are back, bit by bit.` : `${same} of ${pictures.length} are back bit by bit.`;
      announce($("chain-verdict").textContent);
    } catch (error) {
      if (!signal.aborted) $("chain-verdict").textContent = error.message;
    } finally {
      if (abort.signal === signal) packing = false;
    }
  };
  $("compress-chain").addEventListener("click", pack);

  return {
    /** @param {Float32Array} next */
    show(next) {
      picture = next;
      work.renew();
    },
    get busy() {
      return work.busy || packing;
    },
    get answer() {
      return found;
    },
    get packed() {
      return packed;
    },
    unmount() {
      soon.cancel();
      work.cancel();
      abort.abort();
    },
  };
}

function paintAt(context, pixels, { input, ink }, left, top) {
  const image = imageOf(pixels, input, false);
  if (ink) {
    // White ink of that opacity, as everywhere.
    pixels.forEach((value, i) => image.data.set([255, 255, 255, Math.round(255 * value)], 4 * i));
  }
  context.putImageData(image, left, top);
}

/** What a format makes of a picture, at several sizes and qualities. */
async function filesOf(pixels, input, type, signal) {
  const whole = new OffscreenCanvas(input.width, input.height);
  paperOf(whole).putImageData(imageOf(pixels, input, false), 0, 0);
  const files = [];
  for (const part of SIDES) {
    const small = new OffscreenCanvas(Math.ceil(input.width * part), Math.ceil(input.height * part));
    const context = paperOf(small);
    context.imageSmoothingQuality = "high";
    context.drawImage(whole, 0, 0, small.width, small.height);
    for (const quality of QUALITIES) {
      signal.throwIfAborted();
      const blob = await small.convertToBlob({ type, quality });
      if (blob.type !== type) return [];
      const bitmap = await createImageBitmap(blob);
      const back = paperOf(new OffscreenCanvas(input.width, input.height));
      back.imageSmoothingQuality = "high";
      back.drawImage(bitmap, 0, 0, input.width, input.height);
      bitmap.close();
      const seen = pixelsOf(back, input);
      files.push({ size: blob.size, pixels: seen, error: seen.reduce((sum, value, i) => sum + (value - pixels[i]) ** 2, 0) });
    }
  }
  return files;
}

/** Bytes of black and white pictures, eight pixels to a byte, after gzip. @param {Float32Array[]} pictures */
async function gzipped(pictures) {
  const all = join(pictures);
  const bits = Uint8Array.from({ length: Math.ceil(all.length / 8) }, (_, i) => all.subarray(8 * i, 8 * i + 8).reduce((sum, value, bit) => sum | (value << (7 - bit)), 0));
  const stream = new Blob([bits]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}
