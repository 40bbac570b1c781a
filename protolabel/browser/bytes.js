// Encode and decode the binary data exchanged between kernel and browser. Pure functions.

/** View bytes from the kernel as a typed array; copy a buffer that is not aligned. */
export function typed(value, Type) {
  if (!value) return new Type(0);
  const buffer = value.buffer ?? value;
  const start = value.byteOffset ?? 0;
  const count = Math.floor(value.byteLength / Type.BYTES_PER_ELEMENT);
  if (start % Type.BYTES_PER_ELEMENT === 0) return new Type(buffer, start, count);
  return new Type(buffer.slice(start, start + count * Type.BYTES_PER_ELEMENT));
}

/** One byte per point from one bit per point, the lowest bit first. */
export function unpackBits(bytes, n) {
  const flags = new Uint8Array(n);
  const end = Math.min(n, bytes.length * 8);
  for (let i = 0; i < end; i++) flags[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return flags;
}

export function packBits(flags) {
  const bytes = new Uint8Array((flags.length + 7) >> 3);
  for (let i = 0; i < flags.length; i++) bytes[i >> 3] |= flags[i] << (i & 7);
  return bytes;
}

export function countOf(flags) {
  let total = 0;
  for (let i = 0; i < flags.length; i++) total += flags[i];
  return total;
}
