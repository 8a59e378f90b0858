/**
 * Long work in slices of a few milliseconds, between which the page is free: to draw, to scroll,
 * to answer its reader. All work of the CPU runtime, and what views build and paint that takes a while, goes
 * through here, so that in one task of the page there is never more of it than a slice.
 */

/** Milliseconds of a slice, unless a single step takes longer. */
const SLICE = 8;

/** Work that is not done, the next first. @type {Job[]} */
const queue = [];
/** Milliseconds that were worked in this task of the page. */
let spent = 0;
let waiting = false;
/** @type {MessagePort | undefined} */
let port;

/**
 * @typedef {object} Job
 * @property {() => boolean} step does a little, and says whether there is more to do
 * @property {() => void} resolve
 * @property {(error: unknown) => void} reject
 */

/**
 * Does work step by step; where this task has time left, its first steps at once.
 * @param {() => boolean} step does a little, and says whether there is more to do
 * @returns {Promise<void>} rejects with what a step throws
 */
export function inSlices(step) {
  return new Promise((resolve, reject) => {
    const job = { step, resolve, reject };
    if (spent >= SLICE || work(job)) queue.push(job);
  });
}

/**
 * Does something in one go: at once where this task has time left, otherwise in a later one.
 * @template T
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>} what it gives; rejects with what it throws
 */
export async function inTurn(work) {
  let result;
  await inSlices(() => {
    result = work();
    return false;
  });
  return result;
}

/** Works until the slice is over. Whether there is more to do. @param {Job} job */
function work({ step, resolve, reject }) {
  const start = performance.now();
  const before = spent;
  let more = true;
  try {
    while (more && spent < SLICE) {
      more = step();
      spent = before + performance.now() - start;
    }
    if (!more) resolve();
  } catch (error) {
    more = false;
    reject(error);
  }
  wait();
  return more;
}

/** Goes on in the next task. A message comes at once, where a timer is held back for 4 ms. */
function wait() {
  if (waiting) return;
  waiting = true;
  if (!port) {
    const channel = new MessageChannel();
    channel.port1.onmessage = goOn;
    port = channel.port2;
  }
  port.postMessage(null);
}

function goOn() {
  waiting = false;
  spent = 0;
  while (queue.length > 0 && spent < SLICE) {
    const job = queue.shift();
    if (work(job)) queue.push(job); // behind the others: nobody waits for a long one
  }
}
