/** Files of the models that this browser keeps for its reader (`models/kept.js`). */

import { VaeletError } from "./errors.js";

/** Their cache. */
export const KEPT_MODELS = "vaelet-kept";

/** @param {URL} url @returns {Promise<{ bytes: Uint8Array, type: string }>} @throws {VaeletError} */
export async function readKept(url) {
  const found = await caches.open(KEPT_MODELS).then((cache) => cache.match(url.href, { ignoreSearch: true })).catch(() => undefined);
  if (!found) throw new VaeletError("not-found", `This browser keeps no ${decodeURIComponent(url.pathname.split("/").slice(-2).join("/"))}: the model was deleted, or was kept in another browser.`);
  return { bytes: new Uint8Array(await found.arrayBuffer()), type: "" };
}
