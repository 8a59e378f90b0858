/**
 * The reader's own picture: chosen, taken by the camera, dropped or pasted, then moved under a frame until it lies as
 * the pictures did that the model was trained on. Beside it stand what the encoder gets and what
 * comes back. The picture stays in this page; what leaves the dialog are the pixels of the crop.
 */

import { within } from "../api/network.js";
import { subjectOf } from "../models/subject.js";
import { ZOOMS, crop, paintCrop, placementFor, readPicture, readsBack, shift, zoomTo } from "./crop.js";
import { element, fill, formatNumber, oncePerFrame, paperOf } from "./dom.js";
import { acceptFiles } from "./drop.js";
import { panAndZoom } from "./pan-zoom.js";
import { imageOf, pixelsOf, sizeFor } from "./picture.js";
import { createSlider } from "./slider.js";

/** Pixels across the frame's canvas. */
const SHOWN = 640;
/** Degrees that a picture can be tilted, either way. */
const TILT = 30;
/** Samples whose middle is the guide. */
const GUIDE_SAMPLES = 64;

/** Milliseconds after which the code that looks for faces counts as missing. */
const CODE = 20_000;

const NO_PICTURE = "This file is not an image that the browser can open. Choose a JPEG, PNG or WebP; save a phone's HEIC photo as one of these first.";
const NOISE = "This browser adds noise to what pages read from a canvas, to protect you from tracking, so the network would see noise. Allow this page to read canvases, or use another browser.";
const CAMERA_REFUSED = "The browser does not let this page use the camera. Allow it in the browser’s settings for this page, or choose a photo.";
const NO_CAMERA = "No camera could be started: there is none, or another program uses it. Choose a photo instead.";
const NOTHING_DROPPED = "No image was found in what you dropped or pasted. Save the image as a file first, or copy the image itself, not its address.";

const markup = ({ one }, promise) => `
  <h2 id="crop-title">Your photo</h2>
  <p class="note" id="crop-help">
    ${promise} ${one === "face"
      ? "Line up eyes and mouth with the faint face."
      : "Line it up with the faint picture."}
  </p>
  <div class="crop-stage">
    <div class="frame crop-frame" id="crop-frame" role="application" aria-label="Your photo in its frame: arrow keys move it, plus and minus zoom">
      <canvas id="crop-picture" hidden></canvas>
      <canvas id="crop-mean" class="crop-guide pixels" hidden></canvas>
      <video id="crop-camera" playsinline muted hidden></video>
      <p class="invite" id="crop-invite">Choose a photo, drop one here or paste one</p>
    </div>
    ${[["seen", "What the network sees"], ["back", "How it redraws it"]].map(([id, title]) => `
      <figure class="crop-${id}">
        <figcaption>${title}</figcaption>
        <div class="frame"><canvas id="crop-${id}" class="pixels" role="img" aria-label="${title}" hidden></canvas></div>
      </figure>`).join("")}
  </div>
  <div class="crop-controls">
    <div id="crop-zoom-host"></div>
    <div id="crop-tilt-host"></div>
    <label class="check"><input type="checkbox" id="crop-guide" checked>Show guide</label>
  </div>
  <p class="crop-verdict" id="crop-verdict" role="status"></p>
  <p class="note" id="crop-error" role="alert"></p>
  <div class="row">
    <button type="button" id="crop-shoot" class="primary" hidden>Take the photo</button>
    <button type="button" id="crop-use" disabled>Use this photo</button>
    <button type="button" id="crop-choose" class="primary">Choose a photo…</button>
    <button type="button" id="crop-video" hidden>Use the camera</button>
    <button type="button" id="crop-find" hidden>Find the face</button>
    <button type="button" id="crop-cancel">Cancel</button>
  </div>
  <input type="file" id="crop-file" accept="image/*" aria-label="A photo of your own" hidden>
`;

/**
 * Lets the reader choose a picture and bring it into the model's form.
 * @param {HTMLElement} host receives the dialog for as long as it is open
 * @param {{ model: import("../vaelet.js").Model, promise: string, report: (error: Error) => void, file?: File }} options
 *   `promise` says what becomes of the picture; `file` is one that was dropped on the view
 * @returns {Promise<Float32Array | null>} `[C, H, W]` in [0, 1], or `null` when cancelled
 */
export async function choosePicture(host, { model, promise, report, file }) {
  if (subjectOf(model.info).sound) return (await import("./recorder.js")).chooseSound(host, { model, promise, file });
  const dialog = element("dialog", { className: "cropper", tabIndex: -1 }); // holds the focus, so that pasting reaches it
  dialog.setAttribute("aria-labelledby", "crop-title");
  dialog.setAttribute("aria-describedby", "crop-help");
  const $ = fill(dialog, markup(subjectOf(model.info), promise));
  host.append(dialog);
  /** A view that is left takes its dialog along. */
  const isOpen = () => dialog.open && dialog.isConnected;
  const fail = (error) => {
    dialog.close();
    report(error);
  };

  const table = createTable($, model, isOpen, fail);
  const say = (text) => {
    $("crop-error").textContent = text;
  };
  const closed = new AbortController();
  const camera = createCamera($, closed.signal, say);
  let newest = 0;
  const take = async (file) => {
    if (!file) return say(NOTHING_DROPPED);
    const current = (newest += 1);
    camera.stop();
    try {
      const picture = await readPicture(file);
      if (current !== newest || !isOpen()) return;
      say(readsBack() ? "" : NOISE);
      table.lay(picture);
      $("crop-use").disabled = false;
      $("crop-use").classList.add("primary");
      $("crop-choose").classList.remove("primary");
      $("crop-choose").textContent = "Another photo…";
      $("crop-frame").focus();
    } catch (error) {
      console.info(error);
      if (current === newest) say(NO_PICTURE);
    }
  };
  acceptPictures(dialog, $("crop-frame"), take, closed.signal);
  $("crop-choose").addEventListener("click", () => $("crop-file").click());
  $("crop-file").addEventListener("change", ({ target }) => {
    if (target.files.length > 0) take(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
  $("crop-shoot").addEventListener("click", async () => {
    const photo = await camera.shoot();
    if (photo && isOpen()) take(photo);
  });

  return new Promise((resolve) => {
    let chosen = null;
    $("crop-use").addEventListener("click", () => {
      chosen = table.pixels();
      dialog.close();
    });
    $("crop-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      table.clear();
      closed.abort();
      dialog.remove();
      resolve(chosen);
    });
    dialog.showModal();
    $("crop-choose").focus();
    table.showGuide();
    if (file) take(file);
    else if (navigator.userActivation?.isActive !== false) $("crop-file").click(); // the click that asked for a photo opens the list of files
  });
}

/**
 * The camera, which the reader asks for, and then the browser asks the reader. Its picture stays in this page.
 * @param {AbortSignal} closed when it ends at the latest
 * @param {(text: string) => void} say
 */
function createCamera($, closed, say) {
  /** @type {HTMLVideoElement} */
  const video = $("crop-camera");
  /** @type {MediaStream | null} */
  let stream = null;
  const show = (on) => {
    video.hidden = !on;
    $("crop-shoot").hidden = !on;
    if (on) $("crop-invite").hidden = true;
  };
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
    show(false);
  };
  closed.addEventListener("abort", stop);
  $("crop-video").hidden = !navigator.mediaDevices?.getUserMedia;
  $("crop-video").addEventListener("click", async () => {
    say("");
    try {
      const asked = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
      stop();
      stream = asked;
      if (closed.aborted) return stop();
      video.srcObject = stream;
      await video.play();
      show(true);
      $("crop-shoot").focus();
    } catch (error) {
      console.info(error);
      stop();
      if (!closed.aborted) say(error.name === "NotAllowedError" ? CAMERA_REFUSED : NO_CAMERA);
    }
  });
  return {
    stop,
    /** What the camera sees now. @returns {Promise<Blob>} */
    shoot() {
      const { videoWidth: width, videoHeight: height } = video;
      const photo = new OffscreenCanvas(Math.max(1, width), Math.max(1, height));
      paperOf(photo).drawImage(video, 0, 0);
      return photo.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    },
  };
}

/** What the picture lies on: the frame with the guide over it, the two small pictures, the sliders. */
function createTable($, model, isOpen, fail) {
  const { input } = model.info;
  const aspect = input.height / input.width;
  $("crop-picture").width = SHOWN;
  $("crop-picture").height = Math.round(SHOWN * aspect);
  for (const id of ["crop-mean", "crop-seen", "crop-back"]) sizeFor($(id), input);
  let picture = null;
  let placement = null;
  /** Where a face was found in this picture; null where none was, undefined where it was not looked for. @type {Awaited<ReturnType<typeof import("./fit.js").fitFace>> | undefined} */
  let found;
  /** @type {typeof import("./fit.js") | null} */
  let fit = null;
  let looking = false;
  let stale = false;

  const pixels = () => pixelsOf(paperOf(crop(picture, placement, input)), input);
  const paint = (id, image) => {
    $(id).hidden = false;
    paperOf($(id)).putImageData(imageOf(image, input, false), 0, 0);
  };
  /** What comes back is for the newest placement; those between are passed over. */
  const look = async (seen) => {
    if (looking) return;
    looking = true;
    stale = false;
    try {
      const { mean } = await model.encode(seen);
      const image = await model.decode(mean);
      if (!isOpen()) return;
      paint("crop-back", image);
      const width = Math.min(picture.width, picture.height / aspect) / 2 ** placement.zoom;
      if (fit) $("crop-verdict").textContent = fit.verdictOf(fit.errorOf(seen, image), model.info, { placement, found, width });
    } catch (error) {
      fail(error);
    } finally {
      looking = false;
      if (stale && isOpen()) draw();
    }
  };
  const draw = oncePerFrame(() => {
    if (!picture || !isOpen()) return;
    paintCrop($("crop-picture"), picture, placement);
    const seen = pixels();
    paint("crop-seen", seen);
    stale = true;
    look(seen);
  });
  const move = (next) => {
    placement = next;
    sliders.zoom.value = placement.zoom;
    sliders.tilt.value = (placement.tilt * 180) / Math.PI;
    draw();
  };
  /** Lays a face where it fits, unless the reader has begun to move it. */
  const find = async () => {
    const [sought, from] = [picture, placement];
    const isWanted = () => isOpen() && picture === sought && placement === from;
    $("crop-verdict").textContent = "Looking for the face…";
    try {
      fit ??= await within(import("./fit.js"), CODE, () => new Error("nothing came"));
      const answer = await fit.fitFace(sought, model, isWanted);
      if (picture !== sought || !isOpen()) return;
      if (isWanted() || answer) found = answer;
      $("crop-find").hidden = !found;
      if (isWanted() && found) move(found.placement);
      else draw();
    } catch (error) {
      console.info(error);
      if (picture === sought) $("crop-verdict").textContent = "The face could not be looked for. Move the photo by hand.";
    }
  };
  $("crop-find").addEventListener("click", () => move(found.placement));

  const sliders = {
    zoom: createSlider($("crop-zoom-host"), {
      id: "crop-zoom",
      label: "Zoom",
      ...ZOOMS,
      step: 0.02,
      value: 0,
      format: (zoom) => `${(2 ** zoom).toFixed(2)} ×`,
      onInput: (zoom) => picture && move(zoomTo(picture, placement, aspect, zoom)),
    }),
    tilt: createSlider($("crop-tilt-host"), {
      id: "crop-tilt",
      label: "Rotate",
      min: -TILT,
      max: TILT,
      step: 0.5,
      value: 0,
      format: (degrees) => `${formatNumber(degrees, 1)}°`,
      onInput: (degrees) => picture && move({ ...placement, tilt: (degrees * Math.PI) / 180 }),
    }),
  };
  panAndZoom($("crop-frame"), {
    shift: (dx, dy) => picture && move(shift(picture, placement, aspect, dx, dy)),
    zoom: (by, at) => picture && move(zoomTo(picture, placement, aspect, placement.zoom + by, at)),
  });

  const toggle = () => {
    $("crop-mean").style.visibility = $("crop-guide").checked ? "visible" : "hidden";
  };
  $("crop-guide").addEventListener("change", toggle);

  return {
    /** @param {import("./crop.js").Picture} next */
    lay(next) {
      picture = next;
      found = undefined;
      $("crop-find").hidden = true;
      $("crop-picture").hidden = false;
      $("crop-invite").hidden = true;
      $("crop-frame").tabIndex = 0;
      move(placementFor(picture));
      if (subjectOf(model.info).one === "face") find();
    },
    /** The crop as it is now. */
    pixels,
    async showGuide() {
      try {
        const image = await model.decode(middle(model));
        if (isOpen()) paint("crop-mean", image);
      } catch (error) {
        fail(error);
      }
    },
    clear: draw.cancel,
  };
}

/** The latent in the middle of where the model's pictures are. */
function middle(model) {
  const size = model.latentSize;
  const mean = new Float32Array(size);
  model.sample({ seed: 1, count: GUIDE_SAMPLES }).forEach((value, i) => {
    mean[i % size] += value / GUIDE_SAMPLES;
  });
  return mean;
}

/** Files that are pasted into the dialog, or dropped anywhere while it is open. @param {(file: File | undefined) => void} take */
function acceptPictures(dialog, frame, take, signal) {
  const over = (isOver) => () => frame.classList.toggle("is-over", isOver);
  dialog.addEventListener("dragover", over(true));
  for (const type of ["dragleave", "drop"]) dialog.addEventListener(type, over(false));
  acceptFiles(window, take, { signal, capture: true });
  dialog.addEventListener("paste", (event) => {
    event.preventDefault();
    take(event.clipboardData.files[0]);
  });
}
