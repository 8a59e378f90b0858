/**
 * Style sheets that come when they are needed, one for all roots that use them. They are constructed,
 * so that an article's policy on styles does not matter; where that cannot be, they are linked.
 */

import { fetchFile, textOf } from "../api/network.js";
import { element } from "./dom.js";

/** Milliseconds without a byte of the styles after which the page does without. */
const PATIENCE = 8_000;

/** @param {URL} url of a style sheet, fetched when first asked for */
export function sharedStyles(url) {
  const sheet = globalThis.Document && "adoptedStyleSheets" in Document.prototype ? new CSSStyleSheet() : null;
  /** @type {Promise<boolean> | undefined} */
  let loaded;
  const load = () => {
    // A bundler's development server answers anybody else with a script.
    loaded ??= fetchFile(url, { headers: { accept: "text/css" }, patience: PATIENCE })
      .then(({ bytes }) => sheet.replace(textOf(url, bytes)))
      .then(() => true, () => (loaded = undefined) ?? false);
    return loaded;
  };
  return {
    /** Resolves once they are there; to `false` where they could not be fetched. @param {Document | ShadowRoot} root */
    addTo(root) {
      try {
        if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
        return load();
      } catch {
        // An older browser, or an element that has moved to another document.
        const host = root instanceof Document ? root.head : root;
        if (!host.querySelector(`link[href="${url.href}"]`)) host.prepend(element("link", { rel: "stylesheet", href: url.href }));
        return Promise.resolve(true);
      }
    },
  };
}
