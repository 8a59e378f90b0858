/** States one after the other, to go back and forth in. */

/** Changes of one control that follow each other this fast, in milliseconds, are one. */
const TOGETHER = 800;

/** @template T @param {T} first */
export function createHistory(first) {
  const past = [];
  const future = [];
  let present = first;
  let last = { control: null, time: 0 };
  const go = (from, to) => {
    if (from.length === 0) return present;
    to.push(present);
    present = from.pop();
    last = { control: null, time: 0 };
    return present;
  };
  return {
    /** @param {T} state @param {string} [control] that was moved: a key held down and a double click are one change */
    push(state, control = null) {
      const now = performance.now();
      if (control === null || control !== last.control || now - last.time > TOGETHER) past.push(present);
      last = { control, time: now };
      present = state;
      future.length = 0;
    },
    undo: () => go(past, future),
    redo: () => go(future, past),
    get present() {
      return present;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
  };
}
