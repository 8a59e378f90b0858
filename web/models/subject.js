/**
 * What a model's pictures are called, as its file says, and how they are shown: what can be drawn as
 * ink on paper, anything else as it is; and the first lines of each view, which are there before the view is.
 */

/** Longest word or line that is taken from a model. */
const LONGEST = 80;

/**
 * @param {{ title: string, subject?: { one: string, many: string, unseen?: string, drawing?: string }, data?: { kind: string } }} info a
 *   model.json, or its entry in the list of models
 * @returns {{ drawable: boolean, ink: boolean, sound: boolean, kind: string, one: string, many: string, unseen: string, own: string }} words that are
 *   safe in markup; whether a reader can draw one, whether its pictures are shown as ink on paper, whether they are
 *   heard, what the machine takes and gives, and what a reader has of one's own
 */
export function subjectOf({ title, subject, data }) {
  const { one, many, unseen, drawing } = Object(subject);
  const known = isText(one) && isText(many);
  const plural = known ? plain(many) : "pictures";
  const nobody = `${plural[0].toUpperCase()}${plural.slice(1)} that never existed`;
  const drawable = known && drawing === "mnist";
  const sound = data?.kind === "sound";
  return {
    drawable,
    sound,
    kind: sound ? "sound" : data?.kind === "sequence" ? "text" : "picture",
    own: sound ? "recording" : known && one === "face" ? "photo" : "picture",
    ink: drawable || (known && drawing === "ink"),
    one: known ? plain(one) : "picture",
    many: plural,
    unseen: known ? (isText(unseen) ? plain(unseen) : nobody) : `${plain(title)}: pictures that never existed`,
  };
}

const isText = (value) => typeof value === "string" && plain(value) !== "";
const plain = (text) => String(text).replace(/[<>&"]/g, "").trim().slice(0, LONGEST);

const HEADINGS = {
  sample: ({ unseen }) => unseen,
  draw: ({ one }) => `Draw a ${one}, and the network redraws it`,
  morph: ({ one }) => `From one ${one} to another`,
  map: ({ many }) => `A map of ${many}`,
  edit: ({ one }) => `Change a ${one}`,
  inside: () => "How it works, step by step",
  use: ({ one }) => `What the network can do with a ${one}`,
};

const LEADS = {
  sample: ({ many }) => `A small neural network, running in your browser, makes up these ${many} from random numbers. Tap one.`,
  draw: (_, latents) => `The network turns your drawing into ${latents} numbers and redraws it from these numbers alone. It runs in your browser.`,
  morph: ({ many }) => `Every step between these ${many} is drawn anew by a small neural network in your browser. Move the slider.`,
  map: ({ kind }, latents) => `${latents > 2 ? "Every point stands for numbers" : "Every point is a pair of numbers"}, and the ${kind} there is what the network makes of them. Drag over the map.`,
  edit: ({ one, drawable, own }) => `Move a slider, and a small neural network in your browser redraws the ${one}.${drawable ? "" : ` It can be a ${own} of yours, which stays on your device.`}`,
  inside: ({ one }) => `One ${one} goes through the whole network. Each picture and number below is computed in your browser.`,
  use: ({ one }) => `One network, six uses. Take a ${one}, and see each of them.`,
};

/** @param {string} view @param {ReturnType<typeof subjectOf>} subject @param {number} latents how many there are */
export function headingOf(view, subject, latents) {
  return HEADINGS[view](subject, latents);
}

/** One plain sentence on what a view is and what to touch. @param {string} view @param {ReturnType<typeof subjectOf>} subject @param {number} latents */
export function leadOf(view, subject, latents) {
  return LEADS[view](subject, latents);
}
