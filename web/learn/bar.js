/** The step of the lesson that the address names, above the view: what to do, the question, the answer, and the way on. */

import { element, fill } from "../parts/dom.js";
import { STEPS, linkOf } from "./steps.js";

/**
 * Shows it, or takes it away where the address names none.
 * @param {URLSearchParams} params of the address
 * @param {() => void} onClose the reader has had enough of the lesson
 */
export function showStep(params, onClose) {
  const i = Number(params.get("lesson")) - 1;
  const shown = document.getElementById("lesson");
  const maths = params.get("maths") ?? "formulas";
  const key = `${i} ${maths}`;
  if (shown?.dataset.key === key) return; // its answer stays open
  shown?.remove();
  const step = STEPS[i];
  if (!step) return;
  const bar = element("aside", { id: "lesson", className: "lesson" });
  bar.dataset.key = key;
  bar.setAttribute("aria-label", "Lesson");
  const next = i + 1 < STEPS.length ? `<a href="${linkOf(i + 1, maths)}">Next step</a>` : '<a href="#/learn">End of the lesson</a>';
  const $ = fill(bar, `
    <p><a href="${linkOf(i, maths)}">Step ${i + 1} of ${STEPS.length}</a> ${step.doIt}</p>
    <details><summary>${step.question}</summary><p>${step.answer}</p></details>
    <p class="lesson-ways">${step.part ? '<button type="button" id="lesson-part">Go to that part</button>' : ""} ${next} <a href="#/learn">All steps</a> <button type="button" id="lesson-close">Close</button></p>`);
  $("lesson-part")?.addEventListener("click", () => document.getElementById(step.part)?.scrollIntoView());
  $("lesson-close").addEventListener("click", () => {
    bar.remove();
    onClose();
  });
  document.getElementById("main").prepend(bar);
}
