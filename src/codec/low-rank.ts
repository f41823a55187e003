import { fromFloat32Bits, toFloat32Bits } from './casts.ts';
import type { BlockType } from './codec.ts';
import { check, type PayloadReader, type PayloadWriter } from './payload.ts';

/** Highest rank that is looked for: adapters are merged at 4 to 32, and more would cost more than it saves in small matrices. */
export const MAX_RANK = 32;

/** Which part of a matrix a block holds: it may begin and end inside a row. */
export interface MatrixView {
  readonly rowLength: number;
  /** Numbers of the first row that lie before the block. */
  readonly rowOffset: number;
}

/** A product of two thin matrices that is added to a block. */
export interface LowRank extends MatrixView {
  readonly rank: number;
  /** rows x rank, row-major; the rows that the block touches. */
  readonly left: Float32Array<ArrayBuffer>;
  /** rank x rowLength, row-major. */
  readonly right: Float32Array<ArrayBuffer>;
}

/** Rows that a block of so many numbers touches. */
export function countRows({ rowLength, rowOffset }: MatrixView, count: number): number {
  return Math.ceil((rowOffset + count) / rowLength);
}

/** Writes row length, row offset, rank and factors. */
export function writeLowRank(writer: PayloadWriter, update: LowRank): void {
  writer.varint(update.rowLength);
  writer.varint(update.rowOffset);
  writer.byte(update.rank);
  for (const { buffer } of [update.left, update.right]) writer.bytes(new Uint8Array(buffer));
}

/** Reads what {@link writeLowRank} wrote, for a block of so many numbers. */
export function readLowRank(reader: PayloadReader, count: number): LowRank {
  const rowLength = reader.varint(count);
  check(rowLength > 0, 'its rows are empty');
  const rowOffset = reader.varint(rowLength - 1);
  const rank = reader.byte();
  check(rank > 0 && rank <= MAX_RANK, 'its rank is out of range');
  const rows = countRows({ rowLength, rowOffset }, count);
  const readFactor = (length: number) => new Float32Array(new Uint8Array(reader.bytes(length * 4)).buffer);
  return { rowLength, rowOffset, rank, left: readFactor(rows * rank), right: readFactor(rank * rowLength) };
}

/** The product's row, each number summed in binary64 in the order of the ranks. */
function sumRow(update: LowRank, row: number, sums: Float64Array): void {
  const { rank, rowLength, left, right } = update;
  sums.fill(0);
  for (let r = 0; r < rank; r++) {
    const factor = left[row * rank + r] ?? 0;
    for (let j = 0, at = r * rowLength; j < rowLength; j++, at++) sums[j] = (sums[j] ?? 0) + factor * (right[at] ?? 0);
  }
}

/** Adds the product to a base of f32 or smaller floats; where that gives no finite number the base stays. */
export function addLowRank(base: Uint8Array, type: BlockType, update: LowRank): Uint8Array {
  const bits = toFloat32Bits(base, type);
  const values = new Float32Array(bits.buffer);
  const sums = new Float64Array(update.rowLength);
  let column = update.rowOffset;
  for (let i = 0, row = 0; i < values.length; row++, column = 0) {
    sumRow(update, row, sums);
    for (; column < update.rowLength && i < values.length; column++, i++) {
      const next = Math.fround((values[i] ?? 0) + (sums[column] ?? 0));
      if (next - next === 0) values[i] = next;
    }
  }
  return fromFloat32Bits(bits, type, 'nearest');
}
