/**
 * What stands above every view: its heading, one sentence, and a small drawing of the machine with
 * the part at work lit. The page has the first view's in its HTML, so that it is there before any script.
 */

import { headingOf, leadOf } from "../models/subject.js";

/** The parts of the machine in the order in which a picture passes them, with the view that shows each. */
const PARTS = [
  ["picture", "picture", "draw"],
  ["encoder", "encoder", "inside"],
  ["cloud", "μ, σ", "map"],
  ["latent", "z", "morph"],
  ["decoder", "decoder", "sample"],
  ["picture", "picture", "edit"],
];
/** The part from which on a view works: the decoder alone needs no picture. */
const STARTS = { sample: 3, morph: 3, map: 3, edit: 3, draw: 0, inside: 0, use: 0 };

const part = ([kind, name, view]) => `<li class="is-${kind}"><a data-view="${view}" href="#/${view}">${name}</a></li>`;

export const MARKUP = `
  <header class="heading" id="heading" hidden>
    <h1 id="title" tabindex="-1"></h1>
    <p class="lead" id="lead"></p>
    <ol class="machine" id="machine" aria-label="The network, part by part">${PARTS.map(part).join("")}</ol>
  </header>`;

/**
 * @param {(id: string) => any} $
 * @param {string} view
 * @param {ReturnType<typeof import("../models/subject.js").subjectOf>} subject
 * @param {number} latents how many there are
 */
export function showHeading($, view, subject, latents) {
  $("heading").hidden = false;
  $("title").textContent = headingOf(view, subject, latents);
  $("lead").textContent = leadOf(view, subject, latents);
  $("machine").dataset.of = subject.kind;
  $("machine").querySelectorAll("li").forEach((item, i) => {
    item.classList.toggle("lit", i >= STARTS[view]);
    const link = item.querySelector("a");
    if (i % 5 === 0) link.textContent = subject.kind; // the first and the last part
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
}
