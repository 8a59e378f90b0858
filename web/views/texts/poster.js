/** What there is to see of a model of texts before its weights are: its own samples of seed 7, which were published with it. */

import { fetchFile, textOf } from "../../api/network.js";
import { classNamer } from "../../parts/class-name.js";
import { element } from "../../parts/dom.js";
import { SAMPLES } from "../../parts/source.js";
import { capitalised, notationOf } from "./writer.js";

/** Milliseconds without a byte after which nothing stands in for the view. */
const PATIENCE = 5_000;

/**
 * Shows cards of them.
 * @param {HTMLElement} host
 * @param {object} options
 * @param {URL} options.source the file with them
 * @param {any} options.entry of the model
 * @param {number} options.rows the most that are shown
 * @param {() => Promise<boolean>} options.addStyles
 */
export async function showSamples(host, { source, entry: { data, condition }, rows, addStyles }) {
  const { shown } = host.dataset;
  host.replaceChildren();
  const [{ bytes }] = await Promise.all([fetchFile(source, { patience: PATIENCE }), addStyles()]);
  const nameOf = classNamer(condition);
  const notation = await notationOf({ data });
  const cards = textOf(source, bytes).trim().split("\n").map((line) => {
    const [text, name] = line.split("\t");
    const title = name ? [element("small", { textContent: nameOf(name) })] : [];
    return element("div", { className: "text-card" }, element("b", { className: "text-name" }, notation ? notation.picture(text) : data?.capitals ? capitalised(text) : text), ...title);
  });
  if (host.dataset.shown === shown) host.replaceChildren(element("div", { className: "texts" }, ...cards.slice(0, rows > 1 ? SAMPLES : 4)));
}
