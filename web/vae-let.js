/**
 * `<vae-let model view …>`: a view of a model inside somebody's article. One script tag is enough;
 * several elements share one runtime and, where they show the same model, one model.
 *
 * Attributes, each also a property:
 * - `model`   a model published beside this script, by its folder's name
 * - `src`     or the address of a model's folder, or of its model.json, anywhere
 * - `view`    sample, draw, morph, map, edit, inside or use
 * - `state`   what the view shows, as in the page's address after the question mark; follows the reader
 * - `seed`    of the pictures, where `state` names none
 * - `use`     in the view use: detect, clean, fill, enlarge, compress or group, where `state` names none; all without it
 * - `poster`  a picture to show until the weights are there, instead of the model's samples
 * - `loading` lazy (the default: when it comes near the window) or eager
 * - `backend` auto (the default), webgpu or cpu
 * - `controls` full (the default), slider (of the controls only the sliders) or none (only what is shown)
 * - `explain` also shows the heading and the text of the view; "false" counts as absent
 * - `own-in-state` also puts what was made of a reader's own picture into `state` and `change`; the element says so
 *
 * Events: `progress` (`detail` `{ loaded, total }` in bytes), `load` (`detail.model`), `error`
 * (`detail` the error, which has a `code`), `change` (`detail` `{ view, state }`). The page around the
 * element can see all of this, and all that is drawn in it; a frame (`embed.html`) tells nobody.
 * Content stands in until the element runs, and where it cannot; `slot="caption"` goes below.
 */

import { folderAt } from "./api/files.js";
import { PAGE, favourite, folderOf, isName, library } from "./models/library.js";
import { fill } from "./parts/dom.js";
import { withoutOwn } from "./parts/own.js";
import { formatSource, latentSource } from "./parts/source.js";
import { createPlayer } from "./player/player.js";
import { VIEWS, change, formatHash } from "./parts/route.js";
import { sharedStyles } from "./parts/styles.js";
import { VaeletError } from "./vaelet.js";

const WORDS = { view: VIEWS, loading: ["lazy", "eager"], backend: ["auto", "webgpu", "cpu"], controls: ["full", "slider", "none"] };
const STRINGS = ["model", "src", "state", "seed", "use", "poster"];
const NAMES = [...STRINGS, ...Object.keys(WORDS)];
/** Properties that are on or off, by their attributes. */
const FLAGS = { explain: "explain", ownInState: "own-in-state" };
/** How a view's state says that a latent is shown. */
const LATENTS = { edit: (face) => ({ face, edits: null }), morph: (a) => ({ a, t: "0" }) };
/** How far from the window an element begins to load. */
const NEAR = "300px";

const MARKUP = `
  <p id="recipient" class="note" hidden>This page gets the numbers that the network makes of a photo of yours: its author asked for them.</p>
  <div id="player" class="plain"></div><div id="fallback"><slot></slot></div>
  <p id="source" class="note source" hidden><a id="source-link" target="_blank" rel="noopener noreferrer">Open in vaelet</a></p><slot name="caption"></slot>`;

/** Named here, beside what a bundler writes. */
const styles = sharedStyles(new URL("./views.css", import.meta.url));
const otherStyles = sharedStyles(new URL("./other-views.css", import.meta.url));

/** What some frameworks write for a property that has no value. */
const NOTHING = ["undefined", "null"];
const isOn = (value) => Boolean(value) && ![...NOTHING, "false"].includes(value);

/** Where there is no document, on a server say, this module can be imported, and does nothing. */
const Base = globalThis.HTMLElement ?? class {};

export class VaeLet extends Base {
  static observedAttributes = [...NAMES, ...Object.values(FLAGS)];

  #player = null;
  /** What the reader sees: the `state` attribute, with the reader's own pictures. */
  #params = new URLSearchParams();
  /** The `state` that the reader's last change led to. @type {string | null} */
  #written = null;
  #sight = null;
  /** Whether its styles could be had. @type {Promise<boolean>} */
  #styled;
  #near = false;
  #queued = false;
  /** The address and view on the page, to see whether an attribute asks for something else. */
  #shown = "";

  connectedCallback() {
    // Properties that were set before this script had come.
    for (const name of [...NAMES, ...Object.keys(FLAGS)]) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    try {
      if (!this.shadowRoot) this.#build();
    } catch (cause) {
      // Its content stays where it is.
      const error = new VaeletError("unsupported", "This page allows markup only from the Trusted Types policies that it lists. Add the policy “vaelet” to them.", { cause });
      console.info(error);
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
      return;
    }
    this.#sight = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      this.#near = true;
      this.#sight.disconnect();
      this.#update();
    }, { rootMargin: NEAR });
    this.#sight.observe(this);
    this.#update();
  }

  disconnectedCallback() {
    if (!this.shadowRoot) return;
    this.#sight.disconnect();
    // Moving an element takes it out and puts it in again.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#player.close();
      this.#shown = "";
      this.#near = false;
    });
  }

  /** In another document: constructed styles do not come along. */
  adoptedCallback() {
    if (this.shadowRoot) this.#styled = styles.addTo(this.shadowRoot);
  }

  attributeChangedCallback(_, before, after) {
    if (before !== after && this.shadowRoot) this.#update();
  }

  /** The model on the page, with the API of vaelet.js; `null` until `load`. */
  get loadedModel() {
    return this.#player?.model ?? null;
  }

  /** The latent of the picture that edit, morph or map shows, where `ownInState` is set; a copy. @returns {Float32Array | null} */
  get latent() {
    const z = this.ownInState ? this.#player?.latent : null;
    return z ? Float32Array.from(z) : null;
  }

  set latent(z) {
    const changes = LATENTS[this.view]?.(formatSource(latentSource(Float32Array.from(z))));
    if (changes) this.state = change(new URLSearchParams(this.state), changes).toString();
  }

  #build() {
    const content = document.createDocumentFragment();
    fill(content, MARKUP);
    const shadow = this.attachShadow({ mode: "open" });
    shadow.append(content);
    const $ = (id) => shadow.getElementById(id);
    this.#styled = styles.addTo(shadow);
    const fallback = $("fallback");
    const tell = (type, detail) => this.dispatchEvent(new CustomEvent(type, { detail }));
    // The article has its own first heading.
    const lower = (heading) => shadow.querySelector(heading).setAttribute("aria-level", "2");
    this.#player = createPlayer($("player"), {
      addStyles: () => otherStyles.addTo(this.shadowRoot),
      onProgress: (progress) => tell("progress", progress),
      onLoad: (model) => {
        tell("load", { model });
      },
      onError: (error) => {
        fallback.hidden = false;
        tell("error", error);
      },
      onParams: (params) => {
        if (params !== this.#params) return;
        this.#written = (this.ownInState ? params : withoutOwn(params)).toString();
        if (this.#written === this.state) return; // a picture of the reader's own
        this.state = this.#written;
        this.#shown = this.#request();
        this.#showSource();
        tell("change", { view: this.view, state: this.state });
      },
    });
    lower("#title");
  }

  /** A link to the page with the same model and state, where there is a page and the author wants controls. */
  #showSource(name = this.model) {
    const $ = (id) => this.shadowRoot.getElementById(id);
    $("source").hidden = !PAGE || Boolean(this.src) || this.controls !== "full";
    if ($("source").hidden) return;
    const params = change(withoutOwn(this.#params), { model: name || null });
    $("source-link").href = new URL(formatHash(this.view, params), PAGE).href;
  }

  /** Any number of changes at a time are one. */
  #update() {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(async () => {
      const [models, hasStyles] = await Promise.all([this.src ? [] : library().catch(() => []), this.#styled]);
      this.#queued = false;
      if (!this.isConnected) return;
      this.#show(models);
      if (!hasStyles) this.#player.tell("The styles of this element could not be fetched, so it looks plain. Reload the page to try again.");
    });
  }

  /** Everything that says what is on the page, in one text. */
  #request() {
    return [this.view, this.src, this.model, this.seed, this.use, this.state, this.backend, this.ownInState].join(" ");
  }

  #show(models) {
    const name = isName(this.model) ? this.model : favourite(models, this.view);
    let folder;
    try {
      folder = this.src ? folderAt(this.src) : folderOf(name);
    } catch (error) {
      this.#player.refuse(error);
      return;
    }
    const entry = this.src ? undefined : models.find((model) => model.name === name);
    this.shadowRoot.getElementById("recipient").hidden = !this.ownInState;
    const player = this.shadowRoot.getElementById("player");
    player.classList.toggle("plain", !this.explain);
    player.dataset.controls = this.controls;
    const what = { view: this.view, folder, backend: this.backend, entry, recipient: this.ownInState ? "author" : "nobody" };
    if (this.poster && URL.canParse(this.poster, document.baseURI)) what.picture = new URL(this.poster, document.baseURI);
    const fallback = this.shadowRoot.getElementById("fallback");
    if (this.loading === "lazy" && !this.#near) {
      fallback.hidden = true; // the player takes over
      this.#player.preview(what);
      return;
    }
    if (this.#shown === this.#request()) return;
    fallback.hidden = true;
    this.#shown = this.#request();
    this.#params = new URLSearchParams(this.state === this.#written ? this.#params : this.state);
    for (const name of ["seed", "use"]) if (this[name] && !this.#params.has(name)) this.#params.set(name, this[name]);
    this.#showSource(name);
    this.#player.open({ ...what, params: this.#params }).catch(() => {}); // the player shows it, and `error` tells
  }
}

// Attributes mirror properties.
for (const name of NAMES) {
  const words = WORDS[name];
  Object.defineProperty(VaeLet.prototype, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = this.getAttribute(name) ?? "";
      if (words) return words.includes(value) ? value : words[0];
      return NOTHING.includes(value) ? "" : value;
    },
    set(value) {
      if (value === null || value === undefined) this.removeAttribute(name);
      else this.setAttribute(name, value);
    },
  });
}

for (const [name, attribute] of Object.entries(FLAGS)) {
  Object.defineProperty(VaeLet.prototype, name, {
    configurable: true,
    enumerable: true,
    get() {
      return this.hasAttribute(attribute) && isOn(this.getAttribute(attribute) || attribute);
    },
    set(value) {
      if (isOn(value)) this.setAttribute(attribute, "");
      else this.removeAttribute(attribute);
    },
  });
}

if (globalThis.customElements?.get("vae-let")) console.info("vaelet: another script has defined <vae-let> on this page; that one is used.");
else globalThis.customElements?.define("vae-let", VaeLet);
