import { IS_LITTLE_ENDIAN } from '../bytes/host.ts';
import { WsvcError } from '../errors.ts';
import type { BlockType } from './codec.ts';

/** How the bits of one number lie: sign, exponent, mantissa from the top for floats; `exponentBits` is 0 for integers. */
export interface Lane {
  readonly bits: number;
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly signed: boolean;
}

function floatLane(exponentBits: number, mantissaBits: number): Lane {
  return { bits: 1 + exponentBits + mantissaBits, exponentBits, mantissaBits, signed: true };
}

function integerLane(bits: number, signed: boolean): Lane {
  return { bits, exponentBits: 0, mantissaBits: bits, signed };
}

/** A complex element is two lanes; bytes of no known meaning are unsigned integers. */
const LANES = {
  f64: floatLane(11, 52),
  f32: floatLane(8, 23),
  f16: floatLane(5, 10),
  bf16: floatLane(8, 7),
  f8_e4m3: floatLane(4, 3),
  f8_e5m2: floatLane(5, 2),
  c64: floatLane(8, 23),
  c128: floatLane(11, 52),
  i64: integerLane(64, true),
  i32: integerLane(32, true),
  i16: integerLane(16, true),
  i8: integerLane(8, true),
  u64: integerLane(64, false),
  u32: integerLane(32, false),
  u16: integerLane(16, false),
  u8: integerLane(8, false),
  bool: integerLane(8, false),
  bytes: integerLane(8, false),
} as const satisfies Record<BlockType, Lane>;

/** Layout of one number of that type. */
export function laneOf(type: BlockType): Lane {
  return LANES[type];
}

/** The lane without its lowest bits, which are zero in every number of a block. */
export function shortenLane(lane: Lane, shift: number): Lane {
  return { ...lane, bits: lane.bits - shift, mantissaBits: lane.mantissaBits - shift };
}

if (!IS_LITTLE_ENDIAN) {
  throw new WsvcError('system', 'This machine stores numbers big end first, which wsvc does not support.');
}

/** The same bytes at a multiple of 8, as typed arrays need it; copies others (not by `slice`, which copies no Buffer). */
export function alignBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}

/** A view of numbers as unsigned integers; those of 64 bits as two words. Copies only bytes at an odd address. */
export function viewNumbers(bytes: Uint8Array, byteWidth: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, length } = alignBytes(bytes);
  if (byteWidth === 1) return new Uint8Array(buffer, byteOffset, length);
  if (byteWidth === 2) return new Uint16Array(buffer, byteOffset, length >> 1);
  return new Uint32Array(buffer, byteOffset, length >> 2);
}

/** Numbers of at most 32 bits, zero-extended to 32 bits; always a copy. */
export function widenNumbers(bytes: Uint8Array, byteWidth: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(viewNumbers(bytes, byteWidth));
}

/** The reverse of {@link widenNumbers}. */
export function narrowNumbers(numbers: Uint32Array<ArrayBuffer>, byteWidth: number): Uint8Array {
  if (byteWidth === 1) return new Uint8Array(numbers);
  const narrow = byteWidth === 2 ? new Uint16Array(numbers) : numbers;
  return new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength);
}
