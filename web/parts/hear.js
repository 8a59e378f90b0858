/**
 * Hearing what a view shows, in a model whose pictures are sounds. A view says which latent it shows; the
 * bar above it plays that, at once where the reader wants it.
 */

import { fill } from "./dom.js";

const MARKUP = `
  <button type="button" id="hear-it" disabled>Hear it</button>
  <label class="check"><input type="checkbox" id="hear-at-once" checked>Play what I choose</label>
  <span class="note">Each picture is a sound: time runs to the right, pitch upwards, and what is bright is loud.</span>
  <span class="note" id="hear-status" role="status"></span>
`;

/** One for the page; a browser lets it play once the reader has touched something. @type {AudioContext | undefined} */
let context;
/** What plays now, whichever view it is of. @type {AudioBufferSourceNode | undefined} */
let playing;

/**
 * Plays samples, instead of what plays now.
 * @param {{ samples: Float32Array, rate: number }} sound
 */
export function playSound({ samples, rate }) {
  playing?.stop();
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.getChannelData(0).set(samples);
  playing = context.createBufferSource();
  playing.buffer = buffer;
  playing.connect(context.destination);
  playing.start();
}

/** Asks for the loudspeaker: to be called while the reader touches something. */
export function openSpeaker() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {}); // it stays silent
}

/**
 * @param {HTMLElement} host receives the bar
 * @param {import("../vaelet.js").Model} model
 */
export function createHearing(host, model) {
  const $ = fill(host, MARKUP);
  /** @type {Float32Array | null} */
  let current = null;
  let newest = 0;
  let unmounted = false;
  const say = (text) => {
    $("hear-status").textContent = text;
  };
  model.prepareSound().catch(({ message }) => !unmounted && say(message));
  /** The first sound takes twice as long as the others, so one is made that nobody hears. */
  let isWarm = false;

  const play = async () => {
    const id = (newest += 1);
    const began = performance.now();
    const isNewest = () => id === newest && !unmounted;
    try {
      openSpeaker();
      const sound = await model.speak(current);
      if (!isNewest()) return;
      playSound(sound);
      host.dataset.milliseconds = String(performance.now() - began);
      host.dataset.played = String(id);
      say("");
    } catch (error) {
      console.info(error);
      if (isNewest()) say(error.code ? error.message : "This browser cannot play the sound. Check that the page may use the loudspeaker.");
    }
  };
  $("hear-it").addEventListener("click", play);

  return {
    /** What the view shows; `now` where the reader has just chosen it. @param {Float32Array} z @param {{ now?: boolean }} [options] */
    hear(z, { now = true } = {}) {
      current = z.slice();
      $("hear-it").disabled = false;
      if (now && $("hear-at-once").checked) play();
      else if (!isWarm) model.speak(current).catch(() => {}); // `play` tells
      isWarm = true;
    },
    unmount() {
      unmounted = true;
      playing?.stop();
      host.replaceChildren();
      delete host.dataset.played;
    },
  };
}
