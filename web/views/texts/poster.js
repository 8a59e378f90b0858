/** What there is to see of a model of texts before its weights are: its own samples of seed 7, which were published with it. */

import { fileOf, isKept } from "../../api/files.js";
import { fetchFile, textOf } from "../../api/network.js";
import { classNamer } from "../../parts/class-name.js";
import { element } from "../../parts/dom.js";
import { capitalised } from "./writer.js";

/** Milliseconds without a byte after which nothing stands in for the view. */
const PATIENCE = 5_000;

/**
 * Cards of them; none of a model that the reader keeps.
 * @param {URL} folder of the model
 * @param {{ data?: { kind: string, capitals?: boolean }, condition?: { name: string } }} entry of the model
 * @returns {Promise<HTMLElement[]>}
 */
export async function samplesOf(folder, { data, condition }) {
  const url = fileOf(folder, "samples.txt");
  if (isKept(url)) return [];
  const { bytes } = await fetchFile(url, { patience: PATIENCE });
  const nameOf = classNamer(condition);
  return textOf(url, bytes).trim().split("\n").map((line) => {
    const [text, name] = line.split("\t");
    const title = name ? [element("small", { textContent: nameOf(name) })] : [];
    return element("div", { className: "text-card" }, element("b", { className: "text-name", textContent: data?.capitals ? capitalised(text) : text }), ...title);
  });
}
