/**
 * The page without a network: registers the worker that keeps a whole version of it (`sw.js`), and
 * hands it the files of models that this visit had loaded before the worker was there.
 */

import { SITE } from "./library.js";
import { prefetchViews } from "./player.js";

/** Resolves once the page works offline. */
export async function keepPage() {
  const { serviceWorker } = navigator;
  const kept = Boolean(serviceWorker.controller); // then the worker has seen everything
  await serviceWorker.register(new URL("sw.js", SITE));
  const { active } = await serviceWorker.ready;
  await prefetchViews(); // a page that is open needs no file of its version any more
  if (kept) return;
  const urls = performance.getEntriesByType("resource").map(({ name }) => name);
  const { port1, port2 } = new MessageChannel();
  const done = new Promise((resolve) => {
    port1.onmessage = resolve;
  });
  active.postMessage(urls, [port2]);
  await done;
}
