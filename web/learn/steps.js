/** The steps of the lesson: each a link to a view in a state of its own, something to do, a question and its answer. */

/** @typedef {{ title: string, link: string, doIt: string, question: string, answer: string, part?: string }} Step `part` is where to look in a long view, by its id */

/** @type {Step[]} */
export const STEPS = [
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
    title: "A map of the latent space",
    link: "#/map?model=digits-map",
    doIt: "A code has only two numbers here, so the space of all codes, the <i>latent space</i>, is a map. Drag over it. Find a place where a 4 turns into a 9. Then choose “Dots by class”.",
    question: "Nobody told the network which digit is which. Why are similar ones together all the same?",
    answer: "Because of the noise: a code must still be redrawn well when it is moved a little. The network makes fewest mistakes if neighbours look alike. With only two numbers there is too little room, and different digits share a place; there the picture is a blur of them.",
  },
  {
    title: "Information has a price",
    link: "#/inside?model=digits-beta-1&beta=16",
    part: "part-family",
    doIt: "Go to the last part, “One network, four settings of β”, and compare the four.",
    question: "What happens when information becomes too expensive?",
    answer: "The cost has two parts: the pixels that are wrong, and the information that the numbers carry. With a small β the network keeps much information and copies well, but random numbers give bad digits. With a large β it stops using most numbers, and every digit becomes the same blur.",
  },
];

/** The address of a step, which is shown above the view. @param {number} i @param {string} [maths] how much mathematics is shown */
export function linkOf(i, maths = "formulas") {
  const [path, query] = STEPS[i].link.split("?");
  const params = new URLSearchParams(query);
  params.set("lesson", String(i + 1));
  if (maths !== "formulas") params.set("maths", maths);
  return `${path}?${params}`;
}
