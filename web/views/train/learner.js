/** The worker that trains, as promises and events. */

import { VaeletError } from "../../api/errors.js";

/** Milliseconds that the program of the worker may take to come. */
const PATIENCE = 60_000;

/**
 * @param {{ onSteps: (event: any) => void, onPictures: (event: any) => void, onCheckpoint: (bytes: Uint8Array) => void, onStopped: (error: VaeletError) => void }} hooks
 */
export function createLearner({ onSteps, onPictures, onCheckpoint, onStopped }) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module", name: "vaelet trains" });
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let asked = 0;

  worker.addEventListener("message", ({ data }) => {
    const { id, event, result, error } = data;
    if (event === "steps") onSteps(data);
    else if (event === "pictures") onPictures(data);
    else if (event === "checkpoint") onCheckpoint(data.checkpoint);
    else if (event === "stopped") onStopped(understood(error));
    else {
      const question = waiting.get(id);
      waiting.delete(id);
      if (error) question?.reject(understood(error));
      else question?.resolve(result);
    }
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    const error = new VaeletError("not-found", "The program that trains (vaelet-learn-web.js and vaelet-learn-web_bg.wasm) could not be loaded. Check your connection, and that both files were published beside index.html.");
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });

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
