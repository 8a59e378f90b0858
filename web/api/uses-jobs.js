/**
 * What the uses of a model do, in slices: in a worker, or on the page itself. The arithmetic lives in
 * the program `vaelet-uses-web`, which is fetched with the first job.
 */

import start, * as glue from "../../vaelet-uses-web.js";
import { VaeletError, isCrash, stackOf, understood } from "./errors.js";
import { inSlices, inTurn } from "./slices.js";

/** Bytes of weights that are taken in, and hashed, at a time. */
const CHUNK = 64 * 1024;

/** Its classes and functions. @type {any} */
const program = glue;
/** @type {Promise<any> | undefined} */
let loading;
/** Where the program's stack ends now. @type {WebAssembly.Global} */
let stack;
/** Models by the keys that the page gave them, with what was made of them. @type {Map<number, { uses: any, codec: any }>} */
const models = new Map();

function load() {
  loading ??= fetchProgram().catch((cause) => {
    loading = undefined; // so that the next attempt starts afresh
    throw new VaeletError("network", "The program for the uses of a model (vaelet-uses-web.js and vaelet-uses-web_bg.wasm) could not be loaded. Check the connection, and try again; if this page was published again meanwhile, reload it.", { cause });
  });
  return loading;
}

async function fetchProgram() {
  stack = stackOf(await start());
}

/** Calls the program; after a crash nothing that it holds is used again. @template T @param {() => T} question @returns {T} */
function call(question) {
  const top = stack.value;
  try {
    return question();
  } catch (error) {
    if (isCrash(error)) {
      stack.value = top;
      models.clear();
    }
    throw understood(error);
  }
}

/** Takes steps of an object of the program, as long as nobody cancels, or until `deadline`. */
function steps(step, signal, deadline = Infinity) {
  return inSlices(() => {
    signal?.throwIfAborted();
    return call(step) && performance.now() < deadline;
  });
}

/**
 * Begins something, lets `work` go on with it, and frees it whatever happens. What has been finished is
 * the program's no more.
 */
async function using(begin, work) {
  const object = await inTurn(() => call(begin));
  try {
    return await work(object);
  } finally {
    if (object.__wbg_ptr) object.free();
  }
}

function modelOf(key) {
  const model = models.get(key);
  if (!model) throw new VaeletError("crashed", "The program crashed and no longer has this model. The next call reads it again.");
  return model;
}

/** The codec of a model, measured once. */
async function codecOf(model, signal) {
  if (model.codec) return model.codec;
  const codec = call(() => program.Codec.start(model.uses));
  await steps(() => codec.step(model.uses), signal);
  model.codec ??= codec;
  return model.codec;
}

/** @type {import("./remote.js").Jobs} */
export const jobs = {
  /** Reads a model. */
  async open({ key, spec, weights }, { signal }) {
    await load();
    await using(
      () => program.Opening.start(spec),
      async (opening) => {
        for (let at = 0; at < weights.length; at += CHUNK) await inTurn(() => call(() => opening.push(weights.subarray(at, at + CHUNK))));
        await steps(() => opening.step(), signal);
        models.set(key, { uses: await inTurn(() => call(() => opening.finish())), codec: null });
      },
    );
  },

  async close({ key }) {
    const model = models.get(key);
    models.delete(key);
    model?.codec?.free();
    model?.uses.free();
  },

  /** Makes the samples from which inference starts, ahead of it. */
  async prepare({ key }, { signal }) {
    const { uses } = modelOf(key);
    await steps(() => uses.prepare(), signal);
  },

  async score({ key, picture, calibration: { values, lengths } }, { signal }) {
    const { uses } = modelOf(key);
    return using(
      () => program.Scoring.start(uses, picture),
      async (scoring) => {
        await steps(() => scoring.step(uses), signal);
        const [score, percentile, placePercentile, negLogLikelihood, ...map] = call(() => scoring.finish(values, lengths));
        return { score, percentile, placePercentile, negLogLikelihood, map: Float32Array.from(map) };
      },
    );
  },

  /** The answers to an observation, the most likely first. */
  async infer({ key, values, seen, noise, specks, jpeg, scale, count, climb, walk, seed, milliseconds, how }, { signal }) {
    const { uses } = modelOf(key);
    const deadline = performance.now() + milliseconds;
    if (seen.length > 0 || scale > 1 || noise > 0 || specks > 0 || jpeg > 0 || count > 1) await steps(() => uses.prepare(), signal);
    return using(
      () => program.Restoring.start(uses, values, seen, noise, specks, jpeg, scale, count, climb, walk, seed),
      async (restoring) => {
        await steps(() => restoring.step(uses), signal, deadline);
        const answers = await inTurn(() => call(() => restoring.finish(uses, how)));
        try {
          const nats = answers.nats();
          const half = nats.length / 2;
          return { z: answers.latents(), images: answers.pictures(), logLikelihood: nats.slice(0, half), logPrior: nats.slice(half) };
        } finally {
          answers.free();
        }
      },
    );
  },

  /** Packs black and white pictures, `size` values each. */
  async pack({ key, pictures, size }, { signal, tell }) {
    const { uses } = modelOf(key);
    return using(
      () => program.Packing.start(uses),
      async (packing) => {
        const bits = [];
        await steps(() => {
          const picture = pictures.subarray(bits.length * size, (bits.length + 1) * size);
          bits.push(packing.push(uses, picture));
          tell?.(bits.length);
          return bits.length * size < pictures.length;
        }, signal);
        const bytes = call(() => packing.finish(uses));
        return { file: bytes.slice(4), bits, borrowedBits: new DataView(bytes.buffer).getUint32(0, true) };
      },
    );
  },

  /** Pictures in so many bytes each: the most likely latent of each, quantised. */
  async squeeze({ key, latents, size, bytes }, { signal }) {
    const model = modelOf(key);
    const codec = await codecOf(model, signal);
    const count = latents.length / size;
    const codes = new Uint8Array(count * bytes);
    for (let i = 0; i < count; i += 1) {
      signal?.throwIfAborted();
      codes.set(await inTurn(() => call(() => codec.squeeze(model.uses, latents.subarray(i * size, (i + 1) * size), bytes))), i * bytes);
    }
    return { file: call(() => codec.file(model.uses, codes, count)), bits: Array.from({ length: count }, (_, i) => 8 * bytes * (i + 1)), borrowedBits: 0 };
  },

  /** The pictures of a file, in their order. */
  async unpack({ key, file }, { signal, tell }) {
    const model = modelOf(key);
    const { uses } = model;
    return using(
      () => program.Unpacking.start(uses, file),
      async (unpacking) => {
        const pictures = [];
        if (unpacking.lossless()) {
          await steps(() => {
            const picture = unpacking.pop(uses);
            if (picture) pictures.unshift(picture);
            if (picture) tell?.(picture);
            return picture !== undefined;
          }, signal);
        } else {
          const codec = await codecOf(model, signal);
          const codes = unpacking.codes();
          const bytes = codes.length / Math.max(1, unpacking.count());
          for (let at = 0; at < codes.length; at += bytes) {
            signal?.throwIfAborted();
            pictures.push(await inTurn(() => call(() => codec.expand(uses, codes.subarray(at, at + bytes)))));
          }
        }
        return pictures;
      },
    );
  },

  async group({ points, size, groups, seed }) {
    await load();
    return inTurn(() => call(() => program.group(points, size, groups, seed)));
  },

  /** Names for all points, and what share of what reaches each is of its name. */
  async name({ points, size, known, names }) {
    await load();
    const found = await inTurn(() => call(() => program.name(points, size, known, names)));
    const half = found.length / 2;
    return { names: Uint32Array.from(found.subarray(0, half)), shares: found.slice(half) };
  },
};
