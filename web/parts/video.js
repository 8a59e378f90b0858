/** Pictures as a film, recorded from a canvas: what messengers and sites show by themselves. */

import { element, paperOf } from "./dom.js";

/** What browsers record, the most widely played first, with the ending of its files. */
const KINDS = [
  ["video/mp4;codecs=avc1.42E01F", "mp4"],
  ["video/webm;codecs=vp9", "webm"],
  ["video/webm;codecs=vp8", "webm"],
];
/** Bits a second: some seconds stay below a megabyte. */
const RATE = 2_000_000;

const kind = () => globalThis.MediaRecorder && KINDS.find(([type]) => MediaRecorder.isTypeSupported(type));

/** Whether this browser records. */
export const canRecord = () => Boolean(kind()) && "captureStream" in HTMLCanvasElement.prototype;

/**
 * Records pictures of one size at so many a second, as they pass: this takes as long as the film.
 * @param {(HTMLCanvasElement | OffscreenCanvas)[]} frames
 * @param {number} rate frames a second
 * @returns {Promise<{ film: Blob, ending: string }>}
 */
export async function record(frames, rate) {
  const [mimeType, ending] = kind();
  const { width, height } = frames[0];
  const canvas = element("canvas", { width, height });
  const context = paperOf(canvas);
  const stream = canvas.captureStream(rate);
  const recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: RATE });
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const done = new Promise((resolve, reject) => {
    recorder.addEventListener("stop", resolve);
    recorder.addEventListener("error", ({ error }) => reject(error ?? new Error("the browser stopped recording")));
  });
  context.drawImage(frames[0], 0, 0);
  recorder.start();
  for (const frame of frames) {
    context.drawImage(frame, 0, 0);
    await new Promise((next) => setTimeout(next, 1000 / rate));
  }
  recorder.stop();
  await done;
  for (const track of stream.getTracks()) track.stop();
  return { film: new Blob(parts, { type: mimeType.split(";")[0] }), ending };
}
