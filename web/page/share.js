/**
 * Sharing what is on the page: a link that holds all of it, or the lines that show it in somebody's own.
 */

import { SITE } from "../models/library.js";
import { element, fill } from "../parts/dom.js";
import { save } from "../parts/picture.js";
import { change, formatHash } from "../parts/route.js";
import { HEIGHT, WIDTH, cardOf } from "./card.js";

/** Milliseconds for which a button says that it has copied. */
const COPIED = 2_000;
/** What the file of a card is called. */
const CARD = "vaelet.png";

const MARKUP = `
  <h2 id="share-title">Share</h2>
  <div class="choice" id="share-what" role="radiogroup" aria-label="What the link shows">
    <label><input type="radio" name="share-what" value="playing" checked>Playing</label>
    <label><input type="radio" name="share-what" value="frame">This frame</label>
  </div>
  <p class="row">
    <input id="share-link" readonly aria-label="Link to exactly this">
    <button type="button" class="primary" data-copy="share-link">Copy link</button>
    <button type="button" id="share-system" hidden>Send…</button>
  </p>
  <div class="share-card" id="share-card-part" hidden>
    <img id="share-card" alt="A card with the picture, its numbers as bars, and the address" width="${WIDTH}" height="${HEIGHT}">
    <p>A card with the picture and its numbers. <button type="button" id="share-save" disabled>Save the card</button></p>
  </div>
  <p><label for="share-controls">Embed it in your page, with</label>
    <select id="share-controls"><option value="full">all controls</option><option value="slider">sliders only</option><option value="none">no controls</option></select></p>
  <textarea id="share-element" rows="4" readonly aria-label="Code of the element"></textarea>
  <p class="row"><button type="button" data-copy="share-element">Copy code</button></p>
  <p>If your site blocks scripts, use an iframe:</p>
  <textarea id="share-frame" rows="3" readonly aria-label="Code of the iframe"></textarea>
  <p class="row">
    <button type="button" data-copy="share-frame">Copy iframe</button>
    <button type="button" id="share-close">Close</button>
    <span id="copied" class="note" role="status"></span>
  </p>
`;

/**
 * @typedef {object} Shared
 * @property {string} view
 * @property {string} title
 * @property {string} model
 * @property {URLSearchParams} params the view's state in the address
 * @property {Record<string, string>} all what the view shows by default too, so that a link stays what it is
 * @property {Record<string, string> | null} frame where something that plays stands now
 * @property {import("../vaelet.js").Model | null} loaded
 * @property {Float32Array | null | undefined} z of what is shown, from which its card is drawn
 */

/** The dialog; gives what opens it. @returns {(shared: Shared) => void} */
export function createSharing() {
  const dialog = element("dialog", { id: "share-dialog" });
  dialog.setAttribute("aria-labelledby", "share-title");
  const $ = fill(dialog, MARKUP);
  document.body.append(dialog);
  /** @type {Shared} */
  let shared;
  /** @type {Blob | null} */
  let card = null;
  /** The card's place is there before it is, so that nothing moves under a finger when it comes. */
  const showCard = async () => {
    card = null;
    const of = shared;
    const { loaded, z } = of;
    const isDrawn = z && z.length === loaded?.latentSize;
    $("share-card-part").hidden = !isDrawn;
    $("share-save").disabled = true;
    URL.revokeObjectURL($("share-card").src);
    $("share-card").removeAttribute("src");
    const made = isDrawn && (await cardOf(loaded, z, location.host + location.pathname).catch(console.info)); // links do without
    if (of !== shared) return;
    $("share-card-part").hidden = !made;
    if (!made) return;
    card = made;
    $("share-card").src = URL.createObjectURL(card);
    $("share-save").disabled = false;
  };
  const show = () => {
    const still = $("share-what").querySelector(":checked").value === "frame";
    const params = new URLSearchParams(shared.params);
    change(params, { backend: null, model: shared.model, ...shared.all, ...(shared.frame && (still ? shared.frame : { t: null, u: null })) });
    const { link, element, frame } = linksOf(shared, params, $("share-controls").value);
    $("share-link").value = link;
    $("share-element").value = element;
    $("share-frame").value = frame;
  };
  $("share-what").addEventListener("change", show);
  $("share-controls").addEventListener("change", show);
  $("share-close").addEventListener("click", () => dialog.close());
  $("share-system").hidden = !navigator.share;
  $("share-system").addEventListener("click", () => {
    const files = card ? [new File([card], CARD, { type: card.type })] : [];
    const picture = navigator.canShare?.({ files }) ? { files } : {};
    navigator.share({ title: shared.title, url: $("share-link").value, ...picture }).catch(() => {}); // the reader has changed their mind
  });
  $("share-save").addEventListener("click", () => save(card, CARD));
  dialog.addEventListener("click", ({ target }) => target.dataset.copy && copy(target, $(target.dataset.copy), $("copied")));
  return (next) => {
    shared = next;
    $("copied").textContent = "";
    $("share-what").hidden = !shared.frame;
    $("share-what").querySelector("input").checked = true;
    show();
    showCard();
    dialog.showModal();
  };
}

/** Copies a field, and says so on its button. */
async function copy(button, field, status) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // The browser does not let pages write to the clipboard here, but it is selected.
    status.textContent = "Press Ctrl+C or ⌘C to copy.";
    return;
  }
  const { textContent: name } = button;
  if (name === "Copied") return;
  button.textContent = status.textContent = "Copied";
  setTimeout(() => {
    button.textContent = name;
    status.textContent = "";
  }, COPIED);
}

/** What shows this view in the reader's own page or in another. @param {Shared} shared @param {URLSearchParams} params @param {string} controls */
function linksOf({ view, title, model }, params, controls) {
  const link = new URL(SITE);
  link.hash = formatHash(view, params);
  const state = new URLSearchParams(params);
  state.delete("model");
  const attributes = { model, view, ...(state.size > 0 && { state: state.toString() }), ...(controls !== "full" && { controls }) };
  const words = Object.entries(attributes).map(([name, value]) => `${name}="${quoted(value)}"`);
  const script = new URL("web/vae-let.js", SITE);
  const frame = new URL("web/embed.html", SITE);
  frame.hash = formatHash(view, change(new URLSearchParams(params), { controls: controls === "full" ? null : controls }));
  return {
    link: link.href,
    element: `<script type="module" src="${script}"></script>\n<vae-let ${words.join(" ")}><a href="${quoted(link.href)}">${quoted(title)}</a></vae-let>`,
    frame: `<iframe src="${quoted(frame.href)}" title="${quoted(title)}" loading="lazy" width="100%" height="640" style="border: 0"></iframe>`,
  };
}

const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
