/** Reads the weights of a model that is trained further. */

/**
 * Every tensor of a safetensors file, as f32. Columns of bytes are multiplied with their scales (`<name>.scale`).
 * @param {Uint8Array} file
 * @returns {Map<string, Float32Array>}
 * @throws {Error} for a damaged file
 */
export function readTensors(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, start)));
  const raw = new Map(Object.entries(header).filter(([name]) => name !== "__metadata__").map(([name, entry]) => [name, valuesOf(view, start, entry)]));
  /** @type {Map<string, Float32Array>} */
  const tensors = new Map();
  for (const [name, values] of raw) {
    const scale = header[name].dtype === "I8" ? raw.get(`${name}.scale`) : null;
    if (scale === undefined) throw new RangeError(`${name} has no scales`);
    tensors.set(name, scale ? values.map((value, i) => value * scale[i % scale.length]) : values);
  }
  return tensors;
}

const TYPES = {
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfOf(view.getUint16(at, true)) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
};

function valuesOf(view, start, { dtype, data_offsets: [from, to] }) {
  const { bytes, read } = TYPES[dtype];
  const length = (to - from) / bytes;
  if (!(length >= 0) || start + to > view.byteLength) throw new RangeError("the file is shorter than it says");
  return Float32Array.from({ length }, (_, i) => read(view, start + from + bytes * i));
}

/** The value of an f16. @param {number} bits */
function halfOf(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
