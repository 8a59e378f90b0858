/** The work of a panel: the newest picture's, where it is looked at; an older one's is cancelled. */

import { createTask } from "../../parts/task.js";

/**
 * @template T
 * @param {object} panel
 * @param {HTMLElement} panel.node the work waits while this is out of sight
 * @param {HTMLElement} panel.status says that it works, or why it cannot
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {(answer: T) => void} show
 */
export function createWork({ node, status }, ask, show) {
  let abort = new AbortController();
  /** Whether it is known if the panel is in sight. */
  let looked = false;
  const sight = new IntersectionObserver(() => {
    looked = true;
    sight.disconnect();
  });
  sight.observe(node);
  const task = createTask(
    async () => {
      const { signal } = (abort = new AbortController());
      const timer = setTimeout(() => {
        status.textContent = "Working…";
      }, 300);
      try {
        const answer = await ask(signal);
        status.textContent = "";
        return { answer };
      } catch (error) {
        status.textContent = signal.aborted ? "" : error.message;
        if (!signal.aborted && !error.code) throw error;
        return null;
      } finally {
        clearTimeout(timer);
      }
    },
    (done) => done && show(done.answer),
    { report: reportError, node, ahead: false },
  );
  return {
    /** Does it again, for what is there now. */
    renew() {
      abort.abort();
      task();
    },
    get busy() {
      return !looked || task.busy;
    },
    cancel() {
      task.cancel();
      sight.disconnect();
      abort.abort();
    },
  };
}

/**
 * A panel as the view has it, around its work.
 * @template T
 * @param {ReturnType<typeof createWork>} work
 * @param {{ show: (picture: Float32Array) => void, answer: () => T, waits?: { cancel: () => void }[] }} panel what it does with
 *   another picture, what it has found, and what else is to be cancelled with it
 */
export function panelOf(work, { show, answer, waits = [] }) {
  return {
    show,
    get busy() {
      return work.busy;
    },
    get answer() {
      return answer();
    },
    unmount() {
      for (const part of [work, ...waits]) part.cancel();
    },
  };
}

/** Radio buttons for a few words. @param {HTMLElement} host @param {string} name @param {Record<string, string>} words @param {string} chosen @param {(word: string) => void} onChoose */
export function fillChoice(host, name, words, chosen, onChoose) {
  for (const [word, text] of Object.entries(words)) {
    const input = Object.assign(document.createElement("input"), { type: "radio", name, id: `${name}-${word}`, value: word, checked: word === chosen });
    input.addEventListener("change", () => onChoose(word));
    const label = document.createElement("label");
    label.append(input, text);
    host.append(label);
  }
}
