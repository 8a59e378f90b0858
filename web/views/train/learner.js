/** The worker that trains, as promises and events. */

import { VaeletError } from "../../api/errors.js";

/** Milliseconds that the program of the worker may take to come. */
const PATIENCE = 60_000;

/**
 * @param {{ onSteps: (event: any) => void, onPictures: (event: any) => void, onCheckpoint: (bytes: Uint8Array) => void, onDevice: (text: string) => void, onStopped: (error: VaeletError) => void }} hooks
 */
export function createLearner({ onSteps, onPictures, onCheckpoint, onDevice, onStopped }) {
  /** @type {Worker} */
  let worker;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let asked = 0;

  /** Starts a worker, instead of one whose program has stopped in the middle. */
  function launch() {
    worker?.terminate();
    worker = new Worker(new URL("worker.js", import.meta.url), { type: "module", name: "vaelet trains" });
    worker.addEventListener("message", ({ data }) => receive(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      failAll(new VaeletError("not-found", "The program that trains (vaelet-learn-web.js and vaelet-learn-web_bg.wasm) could not be loaded. Check your connection, and that both files were published beside index.html."));
    });
  }

  function failAll(error) {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  function receive({ id, event, result, error, ...data }) {
    if (event === "steps") onSteps(data);
    else if (event === "pictures") onPictures(data);
    else if (event === "checkpoint") onCheckpoint(data.checkpoint);
    else if (event === "device") onDevice(data.text);
    else if (event !== "stopped" && !error) {
      waiting.get(id)?.resolve(result);
      waiting.delete(id);
    } else {
      const reason = understood(error);
      if (event === "stopped") onStopped(reason);
      else waiting.get(id)?.reject(reason);
      waiting.delete(id);
      if (reason.code !== "crashed") return;
      launch();
      if (event !== "stopped") onStopped(reason);
      failAll(reason);
    }
  }

  launch();
  return {
    /** Asks the worker for something. @param {string} action @param {object} [options] @param {Transferable[]} [transfer] @returns {Promise<any>} */
    ask(action, options, transfer = []) {
      asked += 1;
      const id = asked;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new VaeletError("stalled", "The program that trains does not answer. Reload the page; what was trained so far is kept.")), PATIENCE);
        const end = (settle) => (value) => {
          clearTimeout(timer);
          settle(value);
        };
        waiting.set(id, { resolve: end(resolve), reject: end(reject) });
        worker.postMessage({ id, action, options }, transfer);
      });
    },
    end: () => worker.terminate(),
  };
}

/** An error of the worker as the page has it. */
function understood({ message, code, advice }) {
  const sentence = code === "crashed" ? `The program that trains crashed (${message}). What was trained up to the last seconds is kept: press Run to go on.` : `${message[0].toUpperCase()}${message.slice(1)}.`;
  return Object.assign(new VaeletError(code, sentence), { advice });
}
