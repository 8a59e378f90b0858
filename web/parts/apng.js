/**
 * An animation as one file: an animated PNG (W3C PNG, third edition), which every browser plays
 * and which loses nothing. The browser writes each frame as a PNG of its own; their data are put
 * together here.
 */

import { pngOf } from "./picture.js";
import { crcOf } from "./zip.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/**
 * @param {OffscreenCanvas[]} frames of one size
 * @param {number} delay milliseconds from frame to frame
 * @returns {Promise<Blob>} looping
 */
export async function animate(frames, delay) {
  const pictures = [];
  for (const frame of frames) pictures.push(chunksOf(new Uint8Array(await (await pngOf(frame)).arrayBuffer())));
  const { width, height } = frames[0];
  const header = pictures[0].find(({ type }) => type === "IHDR").data;
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", header), chunk("acTL", u32(frames.length), u32(0))];
  let sequence = 0;
  for (const [i, picture] of pictures.entries()) {
    parts.push(chunk("fcTL", u32(sequence++), u32(width), u32(height), u32(0), u32(0), u16(delay), u16(1000), [0, 0]));
    for (const { type, data } of picture) {
      if (type !== "IDAT") continue;
      parts.push(i === 0 ? chunk("IDAT", data) : chunk("fdAT", u32(sequence++), data));
    }
  }
  parts.push(chunk("IEND"));
  return new Blob(parts, { type: "image/png" });
}

/** @param {Uint8Array} png */
function chunksOf(png) {
  const view = new DataView(png.buffer);
  const chunks = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    chunks.push({ type, data: png.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/** A chunk: length, type, data, and the CRC of the last two. */
function chunk(type, ...data) {
  const bytes = [...type].map((letter) => letter.charCodeAt(0));
  const length = data.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(12 + length);
  out.set(u32(length), 0);
  out.set(bytes, 4);
  let at = 8;
  for (const part of data) {
    out.set(part, at);
    at += part.length;
  }
  out.set(u32(crcOf(out.subarray(4, at))), at);
  return out;
}

const u32 = (value) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
const u16 = (value) => [(value >>> 8) & 0xff, value & 0xff];
