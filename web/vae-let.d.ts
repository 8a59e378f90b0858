/** Types of vae-let.js: the element `<vae-let>`, which shows a view of a model inside an article. */

import type { BackendChoice, ErrorCode, Model, Progress } from "./vaelet.js";

export type View = "sample" | "draw" | "morph" | "map" | "edit" | "inside" | "use";
export type Loading = "lazy" | "eager";
export type Controls = "full" | "slider" | "none";

/** What the reader sees after having changed it, without anything made of a reader's own picture unless `ownInState` is set. */
export interface Change {
  view: View;
  /** As the property `state` has it. */
  state: string;
}

/** The events of `<vae-let>`; they do not bubble. Those of other names are the ones of any element. */
export interface VaeLetEventMap extends Omit<HTMLElementEventMap, "progress" | "load" | "error" | "change"> {
  /** Bytes of weights so far. */
  progress: CustomEvent<Progress>;
  /** The view is on the page, and its model can be used. Comes again with each view or model that is opened. */
  load: CustomEvent<{ model: Model }>;
  /** The model could not be loaded, or crashed; the element shows a sentence and a button to try again. */
  error: CustomEvent<Error & { code?: ErrorCode }>;
  /** The reader changed what the view shows. */
  change: CustomEvent<Change>;
}

/**
 * A view of a model. Properties mirror attributes: `null` and `undefined` take the attribute away,
 * and they may be set before the script has come. Elements that show the same model share it.
 * The content stands in where the element cannot run; `slot="caption"` goes below.
 * The page around the element can see what is drawn and shown in it; a frame (`embed.html`) tells nobody.
 */
export class VaeLet extends HTMLElement {
  /** A model published beside the script, as `../models/NAME/`; without it, one that suits the view. */
  get model(): string;
  set model(value: string | null | undefined);
  /** The address of a model's folder anywhere, relative to the document; goes before `model`. */
  get src(): string;
  set src(value: string | null | undefined);
  /** Which view is shown; `sample` by default. */
  get view(): View;
  set view(value: View | null | undefined);
  /**
   * What the view shows, like `seed=7&temperature=0.8`: the page's address after the question mark.
   * Follows the reader, what they draw included.
   */
  get state(): string;
  set state(value: string | null | undefined);
  /** The random seed, where `state` names none: an integer from 0 to 2³² − 1. */
  get seed(): string;
  set seed(value: string | number | null | undefined);
  /** In the view `use`, the use that fills it, where `state` names none: `detect`, `clean`, `fill`, `enlarge`, `compress` or `group`. */
  get use(): string;
  set use(value: string | null | undefined);
  /** The address of a picture to show until the weights are there, relative to the document. */
  get poster(): string;
  set poster(value: string | null | undefined);
  /** `lazy` (the default) loads when the element comes near the window. */
  get loading(): Loading;
  set loading(value: Loading | null | undefined);
  /** `auto` (the default) starts on the CPU and moves to the GPU where that is faster. */
  get backend(): BackendChoice;
  set backend(value: BackendChoice | null | undefined);
  /** `full` (the default), `slider` for sliders only, or `none`, which shows the pictures alone. */
  get controls(): Controls;
  set controls(value: Controls | null | undefined);
  /** Whether the heading and the text of the view are shown too. */
  explain: boolean;
  /**
   * Whether the latent of a reader's own picture is in `state` and `change` as well. The element
   * then says so to the reader, above the view and where a picture is chosen.
   */
  ownInState: boolean;

  /** The model on the page; `null` until `load`. Do not `free` it: other elements may show it. */
  get loadedModel(): Model | null;

  /**
   * The latent of the picture that `edit`, `morph` or `map` shows now, while a slider moves too; `null` in other views, before `load`,
   * and without `ownInState`, because it may be that of a reader's own picture. Set it to show another in `edit`, or as the first end in `morph`.
   */
  get latent(): Float32Array | null;
  set latent(z: ArrayLike<number>);

  addEventListener<K extends keyof VaeLetEventMap>(
    type: K,
    listener: (this: VaeLet, event: VaeLetEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof VaeLetEventMap>(
    type: K,
    listener: (this: VaeLet, event: VaeLetEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * The attributes, for whoever writes the element in JSX. Frameworks declare their elements each in
 * its own way; for React 19 it is
 *
 * ```ts
 * declare module "react" {
 *   namespace JSX {
 *     interface IntrinsicElements {
 *       "vae-let": VaeLetAttributes & React.HTMLAttributes<VaeLet> & React.RefAttributes<VaeLet>;
 *     }
 *   }
 * }
 * ```
 */
export interface VaeLetAttributes {
  model?: string | undefined;
  src?: string | undefined;
  view?: View | undefined;
  state?: string | undefined;
  seed?: string | number | undefined;
  poster?: string | undefined;
  loading?: Loading | undefined;
  backend?: BackendChoice | undefined;
  controls?: Controls | undefined;
  explain?: boolean | undefined;
  "own-in-state"?: boolean | undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    "vae-let": VaeLet;
  }
}
