/**
 * The page without a network: registers the worker that keeps a whole version of it (`sw.js`), and
 * hands it the files of models that this visit had loaded before that worker was there.
 */

import { fetchedByWorkers } from "../api/remote.js";
import { SITE } from "../models/library.js";
import { prefetchViews } from "../player/player.js";

/** Resolves once the page works offline, in this version. */
export async function keepPage() {
  await prefetchViews(); // a page that is open needs no file of its version any more
  const { serviceWorker } = navigator;
  const before = serviceWorker.controller;
  const registration = await serviceWorker.register(new URL("sw.js", SITE));
  await registration.update().catch(() => {}); // without a network there is no newer one
  const next = registration.installing ?? registration.waiting;
  if (next) await settled(next);
  const { active } = await serviceWorker.ready;
  if (active === before) return; // it has seen everything
  const urls = [...performance.getEntriesByType("resource").map(({ name }) => name), ...fetchedByWorkers];
  const { port1, port2 } = new MessageChannel();
  const done = new Promise((resolve) => {
    port1.onmessage = resolve;
  });
  active.postMessage(urls, [port2]);
  await done;
}

/** Waits until a worker has taken over, or was given up. @param {ServiceWorker} worker */
function settled(worker) {
  const isSettled = () => ["activated", "redundant"].includes(worker.state);
  return new Promise((resolve) => {
    if (isSettled()) resolve();
    worker.addEventListener("statechange", () => isSettled() && resolve());
  });
}
