/**
 * What a reader would lose by closing the page: their drawings and the state of training. Both lie in Cache Storage,
 * and go no further.
 */

const CACHE = "vaelet-training";
const DRAWINGS = "drawings";
const CHECKPOINT = "checkpoint";
const SETTINGS = "x-settings";

const addressOf = (name) => new URL(`training/~${name}`, document.baseURI).href;

/** @param {Float32Array[]} drawings 28×28 each, in [0, 1] */
export async function keepDrawings(drawings) {
  const bytes = new Uint8Array(drawings.length * 784);
  drawings.forEach((drawing, i) => bytes.set(drawing.map((value) => Math.round(255 * value)), 784 * i));
  await put(DRAWINGS, bytes);
}

/** @returns {Promise<Float32Array[]>} */
export async function keptDrawings() {
  const found = await get(DRAWINGS);
  if (!found) return [];
  const bytes = new Uint8Array(await found.arrayBuffer());
  return Array.from({ length: Math.floor(bytes.length / 784) }, (_, i) => Float32Array.from(bytes.subarray(784 * i, 784 * (i + 1)), (value) => value / 255));
}

/** @param {Uint8Array} bytes @param {string} settings the address that they belong to */
export async function keepCheckpoint(bytes, settings) {
  await put(CHECKPOINT, bytes, { [SETTINGS]: encodeURIComponent(settings) });
}

/** @returns {Promise<{ bytes: Uint8Array, settings: string } | undefined>} */
export async function keptCheckpoint() {
  const found = await get(CHECKPOINT);
  return found && { bytes: new Uint8Array(await found.arrayBuffer()), settings: decodeURIComponent(found.headers.get(SETTINGS) ?? "") };
}

export async function forgetCheckpoint() {
  await caches.open(CACHE).then((cache) => cache.delete(addressOf(CHECKPOINT))).catch(() => {});
}

async function put(name, bytes, headers = {}) {
  try {
    await (await caches.open(CACHE)).put(addressOf(name), new Response(bytes, { headers }));
  } catch {
    // A full disk, or a browser that forbids it: then a reload starts anew.
  }
}

async function get(name) {
  try {
    return await (await caches.open(CACHE)).match(addressOf(name));
  } catch {
    return undefined;
  }
}
