/**
 * Passing on what is on the page: its address, or the lines that show it in somebody's own.
 */

import { SITE } from "../models/library.js";

/**
 * The dialog; gives what opens it.
 * @param {(id: string) => any} byId
 * @returns {(current: { view: string, params: URLSearchParams, model: string }) => void}
 */
export function createSharing(byId) {
  const dialog = byId("share-dialog");
  byId("share-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", async ({ target }) => {
    const field = target.dataset.copy && byId(target.dataset.copy);
    if (!field) return;
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      byId("copied").textContent = "Copied.";
    } catch {
      // The browser does not let pages write to the clipboard here, but it is selected.
      byId("copied").textContent = "Selected; copy it with the keyboard or the menu.";
    }
  });
  return (current) => {
    byId("copied").textContent = "";
    const { element, frame } = markupOf(current);
    byId("share-link").value = location.href;
    byId("share-element").value = element;
    byId("share-frame").value = frame;
    dialog.showModal();
  };
}

/** What shows this view, as it is now, in another page. */
function markupOf({ view, params, model }) {
  const state = new URLSearchParams(params);
  state.delete("model");
  state.delete("backend");
  const attributes = { model, view, ...(state.size > 0 && { state: state.toString() }) };
  const words = Object.entries(attributes).map(([name, value]) => `${name}="${quoted(value)}"`);
  const script = new URL("web/vae-let.js", SITE);
  const frame = new URL("web/embed.html", SITE);
  frame.hash = `#/${view}?${new URLSearchParams([["model", model], ...state])}`;
  return {
    element: `<script type="module" src="${script}"></script>\n<vae-let ${words.join(" ")}></vae-let>`,
    frame: `<iframe src="${quoted(frame.href)}" title="vaelet: ${view}" loading="lazy" width="100%" height="640"></iframe>`,
  };
}

const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
