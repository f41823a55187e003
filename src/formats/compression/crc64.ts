/** ECMA-182, reflected: what xz checks its blocks with. */
const POLYNOMIAL = 0xc96c5795d7870f42n;

function tableEntry(index: number): bigint {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1n) === 0n ? value >> 1n : (value >> 1n) ^ POLYNOMIAL;
  return value;
}

const TABLE = Array.from({ length: 256 }, (_, index) => tableEntry(index));
/** The halves of the table: big integers are a hundred times slower than these. */
const LOW = Uint32Array.from(TABLE, (value) => Number(value & 0xffffffffn));
const HIGH = Uint32Array.from(TABLE, (value) => Number(value >> 32n));

/** The CRC-64 of bytes. */
export function crc64(bytes: Uint8Array): bigint {
  let low = 0xffffffff;
  let high = 0xffffffff;
  for (let i = 0; i < bytes.length; i += 1) {
    const index = (low ^ (bytes[i] ?? 0)) & 0xff;
    low = (((low >>> 8) | (high << 24)) ^ (LOW[index] ?? 0)) >>> 0;
    high = ((high >>> 8) ^ (HIGH[index] ?? 0)) >>> 0;
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}
