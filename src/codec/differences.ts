import type { BlockType } from './codec.ts';
import { laneOf, narrowNumbers, shortenLane, viewNumbers, widenNumbers } from './lanes.ts';
import { joinDifferences, type Residuals, splitDifferences } from './magnitude.ts';
import { classesOf, fromOrdered, laneMask, shiftDown, shiftUp, toOrdered, trailingZeros } from './ordered.ts';
import {
  flipWide,
  joinWideDifferences,
  MAX_WIDE_SHIFT,
  readWide,
  shiftWideDown,
  shiftWideUp,
  splitWideDifferences,
  wideClassesOf,
  writeWide,
} from './wide-numbers.ts';

/** How the numbers of a block are seen: their type, without the lowest bits that are zero in all of them. */
export interface NumberView {
  readonly type: BlockType;
  readonly shift: number;
}

/** Bytes of one number; a complex element is two. */
export function numberWidth(type: BlockType): number {
  return laneOf(type).bits >> 3;
}

/** The largest shift that a payload may state for numbers of that type. */
export function maxShift(type: BlockType): number {
  const { bits, mantissaBits } = laneOf(type);
  return bits === 64 ? MAX_WIDE_SHIFT : bits === 8 ? 0 : Math.min(mantissaBits, bits - 1);
}

/** The largest shift that loses nothing of any of the blocks. */
export function findShift(type: BlockType, ...blocks: readonly Uint8Array[]): number {
  const width = numberWidth(type);
  let shift = maxShift(type);
  for (const block of blocks) {
    if (shift > 0) shift = Math.min(shift, trailingZeros(viewNumbers(block, width), 0, width === 8 ? 2 : 1));
  }
  return shift;
}

/** Class of each number of a block: what the tables are chosen by. */
export function classesOfBlock(block: Uint8Array, type: BlockType): Uint8Array {
  const lane = laneOf(type);
  if (lane.bits === 64) return wideClassesOf(readWide(block), lane);
  return classesOf(widenNumbers(block, numberWidth(type)), lane);
}

/** Differences of two blocks, number by number, in ordered integers. */
export function splitBlocks(plain: Uint8Array, reference: Uint8Array, view: NumberView): Residuals {
  const lane = shortenLane(laneOf(view.type), view.shift);
  if (numberWidth(view.type) === 8) {
    const [values, base] = [readWide(plain), readWide(reference)];
    for (const numbers of [values, base]) {
      shiftWideDown(numbers, view.shift);
      flipWide(numbers, lane, 'to-ordered');
    }
    return splitWideDifferences(values, base);
  }
  const [values, base] = [plain, reference].map((block) => {
    const numbers = widenNumbers(block, numberWidth(view.type));
    shiftDown(numbers, view.shift);
    toOrdered(numbers, lane);
    return numbers;
  });
  return splitDifferences(values ?? new Uint32Array(0), base ?? new Uint32Array(0));
}

/** The reverse of {@link splitBlocks}: adds differences to a reference. */
export function joinBlocks(residuals: Residuals, reference: Uint8Array, view: NumberView): Uint8Array {
  const { symbols, lowBits } = residuals;
  const lane = shortenLane(laneOf(view.type), view.shift);
  if (numberWidth(view.type) === 8) {
    const numbers = readWide(reference);
    shiftWideDown(numbers, view.shift);
    flipWide(numbers, lane, 'to-ordered');
    joinWideDifferences(symbols, lowBits, numbers, lane);
    flipWide(numbers, lane, 'from-ordered');
    shiftWideUp(numbers, view.shift);
    return writeWide(numbers);
  }
  const numbers = widenNumbers(reference, numberWidth(view.type));
  shiftDown(numbers, view.shift);
  toOrdered(numbers, lane);
  joinDifferences(symbols, lowBits, numbers, laneMask(lane));
  fromOrdered(numbers, lane);
  shiftUp(numbers, view.shift);
  return narrowNumbers(numbers, numberWidth(view.type));
}
