/** Reads a little-endian base-128 number of at most five bytes; `undefined` when it does not end. */
export function readVarint32(
  bytes: Uint8Array,
  at: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { value, end: at + i + 1 };
  }
  return undefined;
}

/** One step of the stream: bytes as they stand, or a copy of what was written before. */
interface Element {
  readonly length: number;
  /** How far back the copy begins; absent for a literal. */
  readonly distance?: number;
  /** Where the literal's bytes, or the next element, begin. */
  readonly next: number;
}

const littleEndian = (bytes: Uint8Array, at: number, count: number): number => {
  let value = 0;
  for (let i = count - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
};

function readElement(bytes: Uint8Array, at: number): Element {
  const tag = bytes[at] ?? 0;
  const high = tag >> 2;
  switch (tag & 3) {
    case 0: {
      const extra = Math.max(0, high - 59);
      return { length: (extra === 0 ? high : littleEndian(bytes, at + 1, extra)) + 1, next: at + 1 + extra };
    }
    case 1:
      return { length: 4 + (high & 7), distance: ((tag >> 5) << 8) | (bytes[at + 1] ?? 0), next: at + 2 };
    case 2:
      return { length: high + 1, distance: littleEndian(bytes, at + 1, 2), next: at + 3 };
    default:
      return { length: high + 1, distance: littleEndian(bytes, at + 1, 4), next: at + 5 };
  }
}

/**
 * Decodes a Snappy block (Snappy, "Compressed format description").
 *
 * @param limit the most bytes that it may decode to
 * @returns `undefined` when the bytes are no such block
 */
export function decodeSnappy(bytes: Uint8Array, limit: number): Uint8Array | undefined {
  const length = readVarint32(bytes, 0);
  if (length === undefined || length.value > limit) return undefined;
  const out = new Uint8Array(length.value);
  let filled = 0;
  for (let at = length.end; at < bytes.byteLength; ) {
    const element = readElement(bytes, at);
    if (element.next > bytes.byteLength || element.length > out.byteLength - filled) return undefined;
    if (element.distance === undefined) {
      if (element.length > bytes.byteLength - element.next) return undefined;
      out.set(bytes.subarray(element.next, element.next + element.length), filled);
      at = element.next + element.length;
    } else {
      if (element.distance === 0 || element.distance > filled) return undefined;
      // Byte by byte: a copy may reach into what it writes.
      for (let i = 0; i < element.length; i += 1) out[filled + i] = out[filled + i - element.distance] ?? 0;
      at = element.next;
    }
    filled += element.length;
  }
  return filled === out.byteLength ? out : undefined;
}
