/**
 * A sound of the reader's own: said into the microphone, which the browser asks for first, or read from
 * a file. Beside it stand what the encoder gets and what comes back, to be seen and heard. The sound stays
 * in this page; what leaves the dialog is the picture of it.
 */

import { VaeletError } from "../vaelet.js";
import { subjectOf } from "../models/subject.js";
import { element, fill } from "./dom.js";
import { acceptFiles } from "./drop.js";
import { openSpeaker, playSound } from "./hear.js";
import { paintPicture, sizeFor } from "./picture.js";

/** Milliseconds after which a recording stops by itself. */
const LONGEST = 3000;
/** Samples in a second that a file is read at; the lowest that all browsers can. */
const RATE = 8000;
/** Bytes of a file. */
const MOST_BYTES = 50_000_000;

const REFUSED = "The microphone was refused. Allow it for this page in the browser's settings, or choose a file.";
const NO_MICROPHONE = "No microphone was found. Connect one, or choose a file.";
const NO_SOUND = "This file is not a sound that the browser can open, or it is damaged. Choose a WAV, MP3 or OGG file.";

const markup = ({ one }, promise) => `
  <h2 id="sound-title">A ${one} of yours</h2>
  <p class="note" id="sound-help">${promise}</p>
  <div class="crop-stage">
    ${[["seen", "What the network gets"], ["back", "How it says it again"]].map(([id, title]) => `
      <figure class="crop-${id}">
        <figcaption>${title}</figcaption>
        <div class="frame"><canvas id="sound-${id}" class="pixels" role="img" aria-label="${title}: time to the right, pitch upwards"></canvas></div>
        <button type="button" id="sound-hear-${id}" disabled>Hear it</button>
      </figure>`).join("")}
  </div>
  <p class="note" id="sound-status" role="status"></p>
  <p class="note" id="sound-error" role="alert"></p>
  <div class="row">
    <button type="button" id="sound-use" disabled>Use this recording</button>
    <button type="button" id="sound-record" class="primary">Record</button>
    <button type="button" id="sound-choose">Choose a file…</button>
    <button type="button" id="sound-cancel">Cancel</button>
  </div>
  <input type="file" id="sound-file" accept="audio/*" aria-label="A recording of your own" hidden>
`;

/**
 * Lets the reader say something, or choose a file.
 * @param {HTMLElement} host receives the dialog for as long as it is open
 * @param {{ model: import("../vaelet.js").Model, promise: string, file?: File }} options
 *   `promise` says what becomes of the sound; `file` is one that was dropped on the view
 * @returns {Promise<Float32Array | null>} its picture, `[1, H, W]` in [0, 1], or `null` when cancelled
 */
export function chooseSound(host, { model, promise, file }) {
  const dialog = element("dialog", { className: "cropper" });
  dialog.setAttribute("aria-labelledby", "sound-title");
  dialog.setAttribute("aria-describedby", "sound-help");
  const { info } = model;
  const $ = fill(dialog, markup(subjectOf(info), promise));
  for (const id of ["seen", "back"]) sizeFor($(`sound-${id}`), info.input);
  host.append(dialog);
  const isOpen = () => dialog.open && dialog.isConnected;
  let pixels = null;
  let newest = 0;
  /** What the two buttons play. @type {Record<string, { samples: Float32Array, rate: number } | null>} */
  const heard = { seen: null, back: null };

  const say = (text, error = "") => {
    $("sound-status").textContent = text;
    $("sound-error").textContent = error;
  };
  /** @param {Blob} blob */
  const take = async (blob) => {
    const current = (newest += 1);
    const isNewest = () => current === newest && isOpen();
    try {
      const sound = await samplesOf(blob);
      const picture = await model.listen(sound.samples, { rate: sound.rate });
      const { mean } = await model.encode(picture);
      const [redrawn, back] = await Promise.all([model.decode(mean), model.speak(mean)]);
      if (!isNewest()) return;
      pixels = picture;
      Object.assign(heard, { seen: sound, back });
      paintPicture($("sound-seen"), picture, { input: info.input, ink: false });
      paintPicture($("sound-back"), redrawn, { input: info.input, ink: false });
      for (const id of ["use", "hear-seen", "hear-back"]) $(`sound-${id}`).disabled = false;
      say("Recorded. Hear both, then use it or record again.");
      $("sound-use").focus();
    } catch (error) {
      console.info(error);
      if (isNewest()) say("", error.code && error instanceof VaeletError ? error.message : NO_SOUND);
    }
  };

  /** @type {MediaRecorder | null} */
  let recorder = null;
  const stop = () => recorder?.state === "recording" && recorder.stop();
  const record = async () => {
    if (recorder) {
      stop();
      return;
    }
    say("");
    let stream;
    try {
      if (!navigator.mediaDevices?.getUserMedia || typeof MediaRecorder === "undefined") throw new DOMException("none", "NotFoundError");
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      console.info(error);
      say("", ["NotAllowedError", "SecurityError"].includes(error.name) ? REFUSED : NO_MICROPHONE);
      return;
    }
    const release = () => {
      for (const track of stream.getTracks()) track.stop();
    };
    if (!isOpen()) {
      release();
      return;
    }
    const parts = [];
    const own = (recorder = new MediaRecorder(stream));
    own.ondataavailable = ({ data }) => parts.push(data);
    own.onstop = () => {
      release();
      clearTimeout(timer);
      recorder = null;
      if (!isOpen()) return;
      $("sound-record").textContent = "Record again";
      say("Listening to it…");
      take(new Blob(parts, { type: own.mimeType }));
    };
    own.start();
    const timer = setTimeout(stop, LONGEST);
    $("sound-record").textContent = "Stop";
    say(`Recording. Press “Stop” after your ${subjectOf(info).one}.`);
  };
  $("sound-record").addEventListener("click", record);
  $("sound-choose").addEventListener("click", () => $("sound-file").click());
  $("sound-file").addEventListener("change", ({ target }) => {
    if (target.files.length > 0) take(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
  for (const id of ["seen", "back"]) {
    $(`sound-hear-${id}`).addEventListener("click", () => {
      openSpeaker();
      playSound(heard[id]);
    });
  }
  acceptFiles(dialog, (dropped) => (dropped ? take(dropped) : say("", NO_SOUND)));

  return new Promise((resolve) => {
    let chosen = null;
    $("sound-use").addEventListener("click", () => {
      chosen = pixels;
      dialog.close();
    });
    $("sound-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      stop();
      dialog.remove();
      resolve(chosen);
    });
    dialog.showModal();
    if (file) take(file);
  });
}

/** What a recording or a file holds: both ears mixed, whatever its rate and its bits. @param {Blob} blob @throws {VaeletError} */
async function samplesOf(blob) {
  if (blob.size > MOST_BYTES) throw new VaeletError("bad-input", "This file is too long. Cut it to a few seconds, then choose it again.");
  const bytes = await blob.arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  const samples = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    const values = sound.getChannelData(channel);
    for (let i = 0; i < samples.length; i += 1) samples[i] += values[i] / sound.numberOfChannels;
  }
  return { samples, rate: sound.sampleRate };
}
