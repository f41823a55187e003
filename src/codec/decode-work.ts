import type { BlockType } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { numberWidth } from './differences.ts';
import { laneOf } from './lanes.ts';

/** What decoding a block costs is estimated from: all that an index says of it. */
export interface WorkOf {
  readonly codec: number;
  readonly type: BlockType;
  /** Of the plain content. */
  readonly byteLength: number;
  /** Of the stored record. */
  readonly recordByteLength: number;
}

/**
 * Nanoseconds that decoding takes a number of at most 32 bits, as measured on one core (Node 20, WebAssembly, chunks of 524,288 numbers of
 * f32, bf16 and f16, the least of 40 runs): only their ratios matter. Gathered, headed and updated blocks are estimates; of updates of rank 4 and 16 it
 * was 35 and 55 when that was measured afterwards, but what counts of an update is the work below it.
 */
const NS_PER_NUMBER: Readonly<Record<number, number>> = {
  [CODEC.raw]: 0.2,
  [CODEC.deflate]: 9,
  [CODEC.floats]: 4.8,
  [CODEC.bytes]: 4.2,
  [CODEC.dense]: 6.4,
  [CODEC.sparse]: 2.5,
  [CODEC.gathered]: 9,
  [CODEC.adaptive]: 9,
  [CODEC.continued]: 8.2,
  [CODEC.updated]: 25,
  [CODEC.headed]: 25,
};
/** Numbers of 64 bits are decoded by plain loops. */
const WIDE_FACTOR = 13;
/** Hashing and copying each plain byte, and reading and checking each stored byte. */
const NS_PER_PLAIN_BYTE = 0.5;
const NS_PER_STORED_BYTE = 0.15;

/**
 * How much work decoding a block is, without its ancestors: estimated, not timed, so that it is the same on every machine.
 *
 * @returns about nanoseconds.
 */
export function decodeWork({ codec, type, byteLength, recordByteLength }: WorkOf): number {
  const width = numberWidth(type);
  const isSimple = codec === CODEC.raw || codec === CODEC.deflate;
  const factor = width === 8 && !isSimple ? WIDE_FACTOR : 1;
  const perNumber = NS_PER_NUMBER[codec] ?? NS_PER_NUMBER[CODEC.dense] ?? 0;
  const numbers = (byteLength / width) * perNumber * factor;
  return numbers + byteLength * NS_PER_PLAIN_BYTE + recordByteLength * NS_PER_STORED_BYTE;
}

/** How much work decoding a block without a base is. */
export function standaloneWork(type: BlockType, byteLength: number): number {
  const isFloat = laneOf(type).exponentBits > 0;
  const codec = numberWidth(type) === 1 ? CODEC.bytes : isFloat ? CODEC.floats : CODEC.dense;
  return decodeWork({ codec, type, byteLength, recordByteLength: byteLength });
}

/** How much work decoding a difference with a history is: of the codecs of ordinary differences the slowest. */
export function deltaWork(type: BlockType, byteLength: number): number {
  return decodeWork({ codec: CODEC.adaptive, type, byteLength, recordByteLength: byteLength / 2 });
}

/** True for a merged update: slow to decode, and mostly all that follows from its base. */
export const isUpdate = ({ codec }: { readonly codec: number }): boolean => codec === CODEC.updated;

/** What decoding costs, as those see it who bound it. */
export interface WorkModel {
  /** Of one record, without its ancestors. */
  decode(block: WorkOf): number;
  /** Of a block of that type without a base. */
  alone(type: BlockType, byteLength: number): number;
  /** Of an ordinary difference, at most. */
  delta(type: BlockType, byteLength: number): number;
  isUpdate(block: Pick<WorkOf, 'codec'>): boolean;
}
