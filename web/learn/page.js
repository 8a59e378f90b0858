/**
 * The page `#/learn`: a lesson of ten minutes in six steps. Each is a link to a view in a state of its own,
 * a question, and an answer to reveal. It can be printed, and works offline like everything else.
 */

import { element, fill } from "../parts/dom.js";
import { STEPS, linkOf } from "./steps.js";

const step = ({ title, doIt, question, answer }, i) => `
  <li>
    <h2>${i + 1}. ${title}</h2>
    <p><a class="go" href="${linkOf(i)}">Open this step</a> ${doIt}</p>
    <p><b>${question}</b></p>
    <details><summary>Show the answer</summary><p>${answer}</p></details>
  </li>`;

const MARKUP = `
<article class="learn">
  <h1 tabindex="-1">Learn it in ten minutes</h1>
  <p class="lead">Six steps, each with something to do, a question and an answer. Everything runs on your device, without an account, and nothing is uploaded.</p>
  <p class="row">
    <button type="button" id="print">Print</button>
    <button type="button" id="reveal">Show all answers</button>
  </p>
  <fieldset class="levels">
    <legend>Mathematics on all pages, also those that the steps lead to</legend>
    <div class="choice" role="radiogroup">${[["none", "none"], ["notation", "notation: μ, σ, KL"], ["formulas", "formulas"]].map(([level, text]) => `
      <label><input type="radio" name="level" value="${level}">${text}</label>`).join("")}
    </div>
  </fieldset>
  <ol>${STEPS.map(step).join("")}</ol>
  <section>
    <h2>For teachers</h2>
    <p><b>Time:</b> ten minutes alone, half an hour with discussion. <b>Needs:</b> any current browser, also on a phone. For a room with poor Wi-Fi, “Download for offline use” at the foot of a view brings all models (the list says how large they are).</p>
    <p><b>One task each.</b> “Open this step” shows the task above the view. The address of that page is a link to the step; print this page for a worksheet.</p>
    <p><b>Goals.</b> Pupils can say what encoder, code and decoder do; what a latent space is; that a code is a range, μ ± σ; and that training balances good copies against little information.</p>
    <p><b>Common misconceptions.</b> “The faces are stored somewhere.” No: two million numbers cannot hold the photos; the model’s card shows the nearest training photo beside samples.
      “Each number has a meaning.” Seldom: most change several things at once. “Blurred means badly trained.” 64 numbers leave details open, and the average of all possibilities is blurred.
      “A morph is a cross-fade.” Compare both in Morph.</p>
    <p><b>More time?</b> The part “How it learned” of <a href="#/inside?model=digits-beta-1">Inside</a> shows a small network before, during and after training. On <a href="#/train">Train</a> a network learns from drawings of the pupils.</p>
    <p><b>To discuss.</b> The portraits are of members of two parliaments. Which people are missing, and where can you see it in the samples? May a school show faces that look like real people?</p>
  </section>
</article>`;

/**
 * The level is the page's own; its switch stands at the foot of every page.
 * @param {HTMLElement} root
 */
function offerLevels(root) {
  const all = /** @type {HTMLSelectElement} */ (document.getElementById("maths"));
  const show = () => {
    const level = /** @type {HTMLInputElement} */ (root.querySelector(`[name="level"][value="${all.value}"]`));
    level.checked = true;
    const links = /** @type {HTMLAnchorElement[]} */ ([...root.querySelectorAll(".go")]);
    for (const [i, link] of links.entries()) link.href = linkOf(i, all.value);
  };
  root.querySelector(".levels").addEventListener("change", ({ target }) => {
    all.value = /** @type {HTMLInputElement} */ (target).value;
    all.dispatchEvent(new Event("change"));
  });
  all.addEventListener("change", show);
  show();
}

/** @param {HTMLElement} root */
export async function mount(root) {
  const styles = element("link", { rel: "stylesheet", href: new URL("learn.css", import.meta.url).href });
  const styled = new Promise((done) => {
    styles.onload = styles.onerror = done;
  });
  document.head.append(styles);
  document.title = "Learn · vaelet";
  await styled;
  const $ = fill(root, MARKUP);
  const answers = root.querySelectorAll("details");
  const reveal = () => answers.forEach((answer) => (answer.open = true));
  $("reveal").addEventListener("click", reveal);
  offerLevels(root);
  $("print").addEventListener("click", () => window.print());
  addEventListener("beforeprint", reveal);
}
