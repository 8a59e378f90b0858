/** Animations as files. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { animate } from "../../web/parts/apng.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** A frame as a browser gives it: one grey pixel, its data in two chunks; checksums are not looked at. */
function frame(grey) {
  const data = deflateSync(Uint8Array.of(0, grey));
  const chunk = (type, bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, Buffer.from(type), Buffer.from(bytes), Buffer.alloc(4)]);
  };
  const header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0];
  const png = Buffer.concat([Buffer.from(SIGNATURE), chunk("IHDR", header), chunk("tEXt", Buffer.from("a note")), chunk("IDAT", data.subarray(0, 3)), chunk("IDAT", data.subarray(3)), chunk("IEND", [])]);
  return { width: 1, height: 1, convertToBlob: async () => new Blob([png]) };
}

/** Of a file, as [type, data, checksum]. */
function chunksOf(bytes) {
  const chunks = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    chunks.push([bytes.toString("latin1", at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length), bytes.readUInt32BE(at + 8 + length)]);
    at += 12 + length;
  }
  return chunks;
}

test("frames become one animated PNG, numbered through, with all their data", async () => {
  const blob = await animate([frame(1), frame(2), frame(3)], 40);
  assert.equal(blob.type, "image/png");
  const bytes = Buffer.from(await blob.arrayBuffer());
  assert.deepEqual([...bytes.subarray(0, 8)], SIGNATURE);
  const chunks = chunksOf(bytes);
  assert.deepEqual(chunks.map(([type]) => type), ["IHDR", "acTL", "fcTL", "IDAT", "IDAT", "fcTL", "fdAT", "fdAT", "fcTL", "fdAT", "fdAT", "IEND"]);
  assert.equal(chunks[1][1].readUInt32BE(0), 3);
  const numbered = chunks.filter(([type]) => type === "fcTL" || type === "fdAT");
  assert.deepEqual(numbered.map(([, data]) => data.readUInt32BE(0)), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(chunks.filter(([type]) => type === "fcTL").map(([, data]) => data.readUInt16BE(20) / data.readUInt16BE(22)), [0.04, 0.04, 0.04]);
  const third = Buffer.concat(chunks.slice(9, 11).map(([, data]) => data.subarray(4)));
  assert.deepEqual(third, deflateSync(Uint8Array.of(0, 3)));
  // The best known checksum there is.
  assert.equal(chunks.at(-1)[2], 0xae426082);
});
