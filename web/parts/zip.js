/** Files as one zip archive, stored as they are (PKWARE's APPNOTE, sections 4.3.7 to 4.3.16). */

const UTF8 = 0x0800;
const CRC = Uint32Array.from({ length: 256 }, (_, i) => {
  let value = i;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** The CRC-32 of zip and PNG. @param {Uint8Array} bytes */
export function crcOf(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** @param {[string, Uint8Array][]} files paths and contents @returns {Uint8Array} */
export function zipOf(files) {
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [path, contents] of files) {
    const name = new TextEncoder().encode(path);
    // Version, flags, method, time and date (1 January 1980), CRC, sizes, lengths of name and extra field.
    const facts = [u16(20), u16(UTF8), u16(0), u16(0), u16(0x21), u32(crcOf(contents)), u32(contents.length), u32(contents.length), u16(name.length), u16(0)];
    const local = [u32(0x04034b50), ...facts, name, contents];
    directory.push(u32(0x02014b50), u16(20), ...facts, u16(0), u16(0), u16(0), u32(0), u32(at), name);
    parts.push(...local);
    at += length(local);
  }
  const size = length(directory);
  const end = [u32(0x06054b50), u16(0), u16(0), u16(files.length), u16(files.length), u32(size), u32(at), u16(0)];
  const all = [...parts, ...directory, ...end];
  const zip = new Uint8Array(length(all));
  let place = 0;
  for (const part of all) {
    zip.set(part, place);
    place += part.length;
  }
  return zip;
}

const length = (parts) => parts.reduce((sum, part) => sum + part.length, 0);
const u16 = (value) => Uint8Array.of(value, value >>> 8);
const u32 = (value) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
