/** Castagnoli's polynomial, reversed (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;
/** What LevelDB adds to a rotated checksum, so that a checksum of data with checksums in it is no fixed point. */
const MASK_DELTA = 0xa282ead8;

/** Eight tables in one: the `k`-th continues a checksum over a byte with `k` zero bytes behind it. */
const TABLE = createTable();

function createTable(): Uint32Array {
  const table = new Uint32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0);
    table[byte] = crc;
  }
  for (let i = 256; i < table.length; i += 1) {
    const before = table[i - 256] ?? 0;
    table[i] = (before >>> 8) ^ (table[before & 255] ?? 0);
  }
  return table;
}

/** Continues a CRC-32C over more bytes, eight at a time; starts from 0. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const table = TABLE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.byteLength - (bytes.byteLength % SLICES);
  let crc = ~previous;
  for (let at = 0; at < whole; at += SLICES) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      (table[1792 + (low & 255)] ?? 0) ^
      (table[1536 + ((low >>> 8) & 255)] ?? 0) ^
      (table[1280 + ((low >>> 16) & 255)] ?? 0) ^
      (table[1024 + (low >>> 24)] ?? 0) ^
      (table[768 + (high & 255)] ?? 0) ^
      (table[512 + ((high >>> 8) & 255)] ?? 0) ^
      (table[256 + ((high >>> 16) & 255)] ?? 0) ^
      (table[high >>> 24] ?? 0);
  }
  for (let at = whole; at < bytes.byteLength; at += 1) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0);
  }
  return ~crc >>> 0;
}

/** A checksum as LevelDB and TensorFlow store it. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
