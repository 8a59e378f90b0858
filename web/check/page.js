/**
 * The page `#/check`: whether this machine's GPU gives the CPU's numbers. The verdict stands first;
 * the report is what a reader with a strange GPU sends us.
 */

import { element, fill } from "../parts/dom.js";
import { cells, textOf, verdict } from "./report.js";
import { run } from "./run.js";

const MARKUP = `
<section class="check">
  <h1 tabindex="-1">GPU check</h1>
  <p>Every kernel and every model runs on this machine's GPU and on its CPU, and the numbers are compared. Nothing leaves this page.</p>
  <p id="verdict" class="verdict" role="status"></p>
  <progress id="progress" aria-label="Checks that are done" value="0"></progress>
  <p class="row">
    <button type="button" id="copy" class="primary">Copy the report</button>
    <span id="copied" role="status"></span>
  </p>
  <p id="results" class="legend">Largest difference between GPU and CPU (in parts of values beyond ±1), and milliseconds of decoding one picture</p>
  <div class="scrolls" role="region" aria-labelledby="results" tabindex="0">
    <table aria-labelledby="results">
      <thead><tr><th scope="col">Check</th><th scope="col">Difference</th><th scope="col">GPU</th><th scope="col">CPU</th><th scope="col">Result</th></tr></thead>
      <tbody id="items"></tbody>
    </table>
  </div>
  <details>
    <summary>The report as text</summary>
    <textarea id="report" rows="16" readonly aria-label="The report as text"></textarea>
  </details>
</section>`;

/** A screen reader hears so many times how far it is. */
const ANNOUNCEMENTS = 4;

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} params `only`: a part of the names of what to check
 * @returns {Promise<import("./run.js").Report>} once all is checked
 */
export function mount(root, params) {
  document.head.append(element("link", { rel: "stylesheet", href: new URL("check.css", import.meta.url).href }));
  document.title = "GPU check · vaelet";
  const byId = fill(root, MARKUP);
  let report = { device: [], hasGpu: true, items: [], done: false };
  let announced = -1;
  const show = (newest) => {
    report = newest;
    const { items, done, hasGpu } = report;
    const checked = items.filter(({ state }) => state !== "waiting").length;
    byId("progress").max = items.length || 1;
    byId("progress").value = checked;
    byId("progress").hidden = done;
    const part = Math.floor((ANNOUNCEMENTS * checked) / items.length);
    if (done || part !== announced) byId("verdict").textContent = verdict(report);
    announced = part;
    byId("verdict").dataset.state = !done ? "waiting" : hasGpu && items.every(({ state }) => state === "right") ? "right" : "wrong";
    byId("items").replaceChildren(...items.map(rowOf));
    byId("report").value = textOf(report);
  };
  byId("copy").addEventListener("click", async () => {
    const text = textOf(report);
    byId("report").value = text;
    try {
      await navigator.clipboard.writeText(text);
      byId("copied").textContent = "Copied.";
    } catch {
      // The browser does not let pages write to the clipboard here.
      byId("report").closest("details").open = true;
      byId("report").select();
      byId("copied").textContent = "Selected; copy it with the keyboard or the menu.";
    }
  });
  show(report);
  root.querySelector("h1").focus({ preventScroll: true });
  return run(params.get("only") ?? "", show);
}

function rowOf(item) {
  const [difference, gpu, cpu, result] = cells(item);
  const row = element("tr", {}, element("th", { scope: "row", textContent: item.name }), ...[difference, gpu, cpu, result].map((textContent) => element("td", { textContent })));
  row.dataset.state = item.state;
  return row;
}
