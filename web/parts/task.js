/**
 * Work that follows the reader: asked for any number of times it is done once per frame, one at a
 * time and from the newest state; what is out of sight waits until it is looked at, and what is
 * costly is done a few times a second.
 */

import { inTurn } from "../api/slices.js";
import { oncePerFrame } from "./dom.js";

/** How far beyond the edge of the window something counts as in sight. */
const MARGIN = "25%";

/**
 * @template T
 * @param {() => T | Promise<T>} ask gives an answer from the state as it is now
 * @param {(answer: T) => void | Promise<void>} show puts it on the page; not called any more after `cancel`
 * @param {object} options
 * @param {(error: Error) => void} options.report
 * @param {Element} [options.node] the work waits while this is out of sight
 * @param {boolean} [options.ahead] does it once out of sight too, so that nothing on the page moves later
 * @param {number} [options.pause] milliseconds from one answer to the next
 * @returns {(() => void) & { busy: boolean, inSight: boolean, cancel: () => void }} asks for the work
 */
export function createTask(ask, show, { report, node, ahead = true, pause = 0 }) {
  let inSight = !node;
  let stale = false;
  let working = false;
  let done = false;
  let unmounted = false;
  let earliest = 0;
  let timer = 0;
  const due = () => stale && !unmounted && (inSight || (ahead && !done));

  const run = oncePerFrame(async () => {
    if (working || !due()) return;
    const wait = earliest - performance.now();
    clearTimeout(timer);
    if (wait > 0) {
      timer = setTimeout(run, wait);
      return;
    }
    stale = false;
    working = true;
    try {
      const answer = await ask();
      await inTurn(() => unmounted || show(answer));
      done = true;
    } catch (error) {
      if (!unmounted) report(error);
    } finally {
      working = false;
      earliest = performance.now() + pause;
      if (due()) run();
    }
  });

  const sight = new IntersectionObserver(
    (entries) => {
      inSight = entries.at(-1).isIntersecting;
      if (due()) run();
    },
    { rootMargin: MARGIN },
  );
  if (node) sight.observe(node);

  const request = () => {
    stale = true;
    run();
  };
  return /** @type {any} */ (Object.defineProperties(request, {
    busy: { get: () => working || due() },
    inSight: { get: () => inSight },
    cancel: {
      value() {
        unmounted = true;
        sight.disconnect();
        clearTimeout(timer);
        run.cancel();
      },
    },
  }));
}
