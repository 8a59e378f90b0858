/**
 * The page `#/learn`: a lesson of ten minutes in six steps. Each is a link to a view in a state of its own,
 * a question, and an answer to reveal. It can be printed, and works offline like everything else.
 */

import { element, fill } from "../parts/dom.js";

/** @typedef {{ title: string, link: string, doIt: string, question: string, answer: string }} Step */

/** @type {Step[]} */
const STEPS = [
  {
    title: "Pictures from random numbers",
    link: "#/sample?model=portraits&seed=7",
    doIt: "Press “New faces” a few times. Then tap a face, and drag one of its 64 numbers up and down.",
    question: "None of these people exist. Where do the faces come from?",
    answer: "From 64 random numbers each. The second half of the network, the decoder, has learned from photos how to turn 64 numbers into a face. Each number changes a bit of everything, because nobody told the network what it should stand for.",
  },
  {
    title: "Any random numbers will not do",
    link: "#/sample?model=portraits&seed=7&prior=normal",
    doIt: "Here the numbers are picked anywhere, from plain bell curves. Switch to “Where faces are” and back.",
    question: "Why do many of these look wrong?",
    answer: "Training asks the numbers of real faces to spread like plain bell curves, but does not quite get there: there are gaps. A point in a gap is like nothing that the decoder has seen, so it guesses.",
  },
  {
    title: "A drawing becomes numbers",
    link: "#/draw",
    doIt: "Draw a digit. Then drag a dot in the chart, first one with a narrow bar, then one with a wide bar.",
    question: "What does the width of a bar say?",
    answer: "How sure the network is of that number. The encoder gives for each number a mean μ and an uncertainty σ. A narrow bar is a number that your drawing decides, and moving it changes the picture. A bar that just covers the grey strip carries no information.",
  },
  {
    title: "Why a range and not one code",
    link: "#/draw?example=5&temperature=2",
    doIt: "The noise is doubled here. Press “New random draw”, then move “Amount of noise” to 0 and try again.",
    question: "What would be lost if the network always used the means μ, without noise?",
    answer: "During training the noise forces neighbouring codes to mean similar pictures, or pictures would often be redrawn wrongly. That makes the space smooth: between two codes there are sensible pictures, and random numbers give new ones.",
  },
  {
    title: "A map of all digits",
    link: "#/map?model=digits-map",
    doIt: "Drag over the map. Find a place where a 4 turns into a 9. Then choose “Dots by class”.",
    question: "Nobody told the network which digit is which. Why are similar ones together all the same?",
    answer: "Because of the noise: a code must still be redrawn well when it is moved a little. The network makes fewest mistakes if neighbours look alike. With only two numbers there is too little room, and different digits share a place; there the picture is a blur of them.",
  },
  {
    title: "Information has a price",
    link: "#/inside?model=digits-beta-1&beta=16",
    doIt: "Go to the last part, “One network, four settings of β”, and compare the four.",
    question: "What happens when information becomes too expensive?",
    answer: "The cost has two parts: the pixels that are wrong, and the information that the numbers carry. With a small β the network keeps much information and copies well, but random numbers give bad digits. With a large β it stops using most numbers, and every digit becomes the same blur.",
  },
];

const step = ({ title, link, doIt, question, answer }, i) => `
  <li>
    <h2>${i + 1}. ${title}</h2>
    <p><a class="go" href="${link}">Open this step</a> ${doIt}</p>
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
    <p><b>Time:</b> ten minutes alone, half an hour with discussion. <b>Needs:</b> any current browser, also on a phone. Once the page has been opened it works without a network.</p>
    <p><b>Goals.</b> Pupils can say what encoder, code and decoder do; that a code is a range, μ ± σ; and that training balances good copies against little information.</p>
    <p><b>Common misconceptions.</b> “The faces are stored somewhere.” No: two million numbers cannot hold the photos; the model’s card shows the nearest training photo beside samples.
      “Each number has a meaning.” Seldom: most change several things at once. “Blurred means badly trained.” 64 numbers leave details open, and the average of all possibilities is blurred.
      “A morph is a cross-fade.” Compare both in Morph.</p>
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
    for (const [i, link] of links.entries()) link.href = `${STEPS[i].link}${all.value === "formulas" ? "" : `${STEPS[i].link.includes("?") ? "&" : "?"}maths=${all.value}`}`;
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
