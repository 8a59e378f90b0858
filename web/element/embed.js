/**
 * The element in a frame, for pages where scripts are not allowed: `embed.html#/view?model=…&…`.
 * It tells the page around it how tall it is, `{ type: "vaelet:height", height }` in CSS pixels, and
 * nothing else: what a reader makes here stays here.
 */

import { formatHash, parseHash } from "../parts/route.js";
import "../vae-let.js";

const element = document.createElement("vae-let");

function show() {
  const { view, params } = parseHash(location.hash);
  const model = params.get("model");
  const controls = params.get("controls");
  for (const name of ["model", "controls"]) params.delete(name);
  Object.assign(element, { model, view, controls, state: params.toString(), loading: "eager", explain: params.get("explain") === "1" });
}

show();
document.getElementById("starting").remove(); // the program has taken over
document.body.append(element);
addEventListener("hashchange", show);
// The frame's own address, which no other page can read: a reload shows the same.
element.addEventListener("change", ({ detail: { view, state } }) => {
  const params = new URLSearchParams(state);
  if (element.model) params.set("model", element.model);
  if (element.controls !== "full") params.set("controls", element.controls);
  history.replaceState(null, "", formatHash(view, params));
});
const tellHeight = () => parent.postMessage({ type: "vaelet:height", height: Math.ceil(element.offsetHeight) }, "*");
new ResizeObserver(tellHeight).observe(element);
