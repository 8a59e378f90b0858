/**
 * The element in a frame, for pages where scripts are not allowed: `embed.html#/view?model=…&…`.
 * It tells the page around it how tall it is, `{ type: "vaelet:height", height }` in CSS pixels,
 * and what the reader made of it, `{ type: "vaelet:change", view, state }`.
 */

import { formatHash, parseHash } from "./route.js";
import "./vae-let.js";

const element = document.createElement("vae-let");
const tell = (message) => parent.postMessage(message, "*");

function show() {
  const { view, params } = parseHash(location.hash);
  const model = params.get("model");
  params.delete("model");
  Object.assign(element, { model, view, state: params.toString(), loading: "eager", explain: params.get("explain") === "1" });
}

show();
document.body.append(element);
addEventListener("hashchange", show);
element.addEventListener("change", ({ detail: { view, state } }) => {
  const params = new URLSearchParams(state);
  if (element.model) params.set("model", element.model);
  history.replaceState(null, "", formatHash(view, params));
  tell({ type: "vaelet:change", view, state });
});
new ResizeObserver(([{ target }]) => tell({ type: "vaelet:height", height: Math.ceil(target.offsetHeight) })).observe(element);
