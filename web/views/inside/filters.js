/**
 * How one number of a layer comes about: the bias, a sum over a patch of what the layer before wrote, weighted by a
 * filter, what a skip connection adds, and the activation. Filters are read from the model's weights (`safetensors`, whose
 * values are bytes times a scale for each column, or floats), kernel by kernel `[kernel, kernel, in, out]`.
 */

/**
 * @typedef {{ type: string, kernel?: number, stride?: number, padding?: number, params: string, activation: string, skip: number }} Step
 *   a layer that writes; `skip` is how many layers before its own what is added was written, 0 for nothing
 * @typedef {{ height: number, width: number, channels: number, values: Float32Array }} Map values [H, W, C]
 * @typedef {{ weight: (at: number) => number, bias: (at: number) => number }} Filter
 * @typedef {{ row: number, column: number, kernelRow: number, kernelColumn: number }} Tap
 */

/** What the layers do, in the order in which they write; `null` where what is written are not these layers one by one. @param {any[]} layers @returns {Step[] | null} */
export function stepsOf(layers) {
  const steps = [];
  for (const layer of layers) {
    if (layer.type === "reshape") continue;
    if (layer.type === "residual") {
      const inner = stepsOf(layer.layers);
      if (!inner?.length) return null;
      const last = inner[inner.length - 1];
      steps.push(...inner.slice(0, -1), { ...last, activation: layer.activation, skip: inner.length });
    } else if (["conv2d", "conv_transpose2d", "linear"].includes(layer.type)) steps.push({ ...layer, skip: 0 });
    else return null;
  }
  return steps;
}

/** Where a number looks: places of the layer before and of the kernel, on one axis. @param {Step} step @param {number} at @param {number} length of the layer before @returns {[number, number][]} */
export function tapsOf({ type, kernel, stride, padding }, at, length) {
  const taps = [];
  for (let k = 0; k < kernel; k += 1) {
    const place = type === "conv2d" ? at * stride - padding + k : (at + padding - k) / stride;
    if (Number.isInteger(place) && place >= 0 && place < length) taps.push(/** @type {[number, number]} */ ([place, k]));
  }
  return taps.sort(([a], [b]) => a - b);
}

/** What part of the picture a number of an encoder's layer can see, on one axis: first and last pixel. @param {Step[]} steps those up to its layer @param {number} at @param {number} length of the picture */
export function seenFrom(steps, at, length) {
  let [first, last] = [at, at];
  for (const { kernel, stride, padding } of [...steps].reverse()) {
    first = first * stride - padding;
    last = last * stride - padding + kernel - 1;
  }
  return [Math.max(0, first), Math.min(length - 1, last)];
}

/**
 * @param {Step} step
 * @param {Map} before what the layer before wrote
 * @param {Filter} filter
 * @param {{ row: number, column: number, channel: number, channels: number }} place of the number, and how many channels its layer has
 * @returns {{ rows: [number, number][], columns: [number, number][], bias: number, sum: number, parts: number[] }} `parts`: what each channel of the layer before gives
 */
export function sumOf(step, before, filter, { row, column, channel, channels }) {
  const rows = tapsOf(step, row, before.height);
  const columns = tapsOf(step, column, before.width);
  const parts = Array.from({ length: before.channels }, (_, from) => {
    let part = 0;
    for (const [y, ky] of rows) {
      for (const [x, kx] of columns) {
        part += before.values[(y * before.width + x) * before.channels + from] * filter.weight(((ky * step.kernel + kx) * before.channels + from) * channels + channel);
      }
    }
    return part;
  });
  const bias = filter.bias(channel);
  return { rows, columns, bias, sum: bias + parts.reduce((all, part) => all + part, 0), parts };
}

/** A 16-bit float. @param {number} bits */
export function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  const size = exponent === 0 ? 2 ** -14 * fraction : exponent === 31 ? (fraction ? NaN : Infinity) : 2 ** (exponent - 15) * (1 + fraction);
  return bits & 0x8000 ? -size : size;
}

const READERS = {
  F16: (view, at) => half(view.getUint16(2 * at, true)),
  F32: (view, at) => view.getFloat32(4 * at, true),
  I8: (view, at) => view.getInt8(at),
};

/** Reads filters out of a model's weights, which the runtime has checked. @param {Uint8Array} bytes @returns {(params: string) => Filter} */
export function readFilters(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const tensor = (name) => {
    const { dtype, shape, data_offsets: [from, to] } = header[name];
    const part = new DataView(bytes.buffer, bytes.byteOffset + 8 + length + from, to - from);
    return { shape, read: (at) => READERS[dtype](part, at) };
  };
  return (params) => {
    const { shape, read } = tensor(`${params}.weight`);
    const scale = header[`${params}.weight.scale`] ? tensor(`${params}.weight.scale`) : null;
    const columns = shape[shape.length - 1];
    return { weight: scale ? (at) => read(at) * scale.read(at % columns) : read, bias: tensor(`${params}.bias`).read };
  };
}
