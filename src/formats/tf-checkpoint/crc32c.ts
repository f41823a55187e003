/** Castagnoli's polynomial, reversed (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;
/** What LevelDB adds to a rotated checksum, so that a checksum of data with checksums in it is no fixed point. */
const MASK_DELTA = 0xa282ead8;

/** Table `k` continues a checksum over a byte with `k` zero bytes behind it. */
const TABLES: readonly Uint32Array[] = createTables();

function createTables(): readonly Uint32Array[] {
  const tables = Array.from({ length: SLICES }, () => new Uint32Array(256));
  const [first = new Uint32Array(256)] = tables;
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0);
    first[byte] = crc;
  }
  for (let k = 1; k < SLICES; k += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const before = tables[k - 1]?.[byte] ?? 0;
      const table = tables[k];
      if (table !== undefined) table[byte] = (before >>> 8) ^ (first[before & 255] ?? 0);
    }
  }
  return tables;
}

const [T0 = new Uint32Array(256), T1 = T0, T2 = T0, T3 = T0, T4 = T0, T5 = T0, T6 = T0, T7 = T0] = TABLES;

/** Continues a CRC-32C over more bytes, eight at a time; starts from 0. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const byte = (i: number) => bytes[i] ?? 0;
  let crc = ~previous;
  let at = 0;
  for (; at + SLICES <= bytes.byteLength; at += SLICES) {
    crc ^= byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    crc =
      (T7[crc & 255] ?? 0) ^
      (T6[(crc >>> 8) & 255] ?? 0) ^
      (T5[(crc >>> 16) & 255] ?? 0) ^
      (T4[crc >>> 24] ?? 0) ^
      (T3[byte(at + 4)] ?? 0) ^
      (T2[byte(at + 5)] ?? 0) ^
      (T1[byte(at + 6)] ?? 0) ^
      (T0[byte(at + 7)] ?? 0);
  }
  for (; at < bytes.byteLength; at += 1) crc = (crc >>> 8) ^ (T0[(crc ^ byte(at)) & 255] ?? 0);
  return ~crc >>> 0;
}

/** A checksum as LevelDB and TensorFlow store it. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
