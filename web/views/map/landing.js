/** A digit that is drawn beside the map and lands on it: its mean, the ellipse of its uncertainty, and samples within. */

import { createPad } from "../../parts/pad.js";
import { sigmaOf } from "../../parts/posterior.js";
import { setAttributes, shape } from "../../parts/svg.js";
import { partsOf } from "./plane.js";

/** Samples of the posterior that are shown. */
const SAMPLES = 8;

/**
 * @param {(id: string) => any} $ finds `landing-pad`, `landing-invite`, `landing-clear` and `landing`, which lies over the map
 * @param {object} options
 * @param {import("../../vaelet.js").Model} options.model with two latents, of pictures that can be drawn
 * @param {import("./plane.js").Plane["extent"]} options.extent
 * @param {(place: number[]) => void} options.onLand where the mean is
 * @param {(error: Error) => void} options.report
 */
export function createLanding($, { model, extent, onLand, report }) {
  const ellipse = shape("ellipse", {});
  const dots = shape("path", {});
  const svg = shape("svg", { class: "points landing", viewBox: "0 0 100 100", "aria-hidden": "true" });
  svg.append(ellipse, dots);
  $("landing").append(svg);
  const at = (place) => partsOf(extent, place).map((part) => 100 * part);
  let unmounted = false;
  let encoding = false;
  let changed = false;
  const land = async () => {
    changed = true;
    if (encoding) return;
    encoding = true;
    try {
      while (changed && !unmounted) {
        changed = false;
        const pixels = pad.read();
        $("landing").hidden = !pixels;
        if (!pixels) continue;
        const { mean, logVar } = await model.encode(pixels);
        if (unmounted || changed) continue;
        const [cx, cy] = at([...mean]);
        const [rx, ry] = [...logVar].map((value) => (50 * sigmaOf(value)) / extent.half);
        setAttributes(ellipse, { cx, cy, rx, ry });
        const samples = Array.from({ length: SAMPLES }, (_, i) => at([...model.reparameterize(mean, logVar, { seed: i })]));
        setAttributes(dots, { d: samples.map(([x, y]) => `M${x.toFixed(2)} ${y.toFixed(2)}h0`).join("") });
        onLand([...mean]);
      }
    } catch (error) {
      if (!unmounted) report(error);
    } finally {
      encoding = false;
    }
  };
  const pad = createPad($("landing-pad"), {
    onInk() {
      $("landing-invite").hidden = !pad.empty;
      land();
    },
    onCommit() {},
  });
  $("landing-clear").addEventListener("click", () => pad.clear());
  return {
    get busy() {
      return encoding;
    },
    unmount() {
      unmounted = true;
    },
  };
}
