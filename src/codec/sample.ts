import type { BlockType } from './codec.ts';
import { numberWidth } from './differences.ts';

/** Numbers that an estimate reads: a thirty-second of a full chunk. How often it picks another codec than the whole block would is not measured. */
const SAMPLE_COUNT = 16384;
/** Strips that a sample is made of, spread over the block, so that no single row decides. */
const STRIPS = 8;

/** Byte ranges of the strips of a block. */
function stripsOf(byteLength: number, width: number): readonly (readonly [number, number])[] {
  const count = byteLength / width;
  if (count <= SAMPLE_COUNT) return [[0, byteLength]];
  const length = SAMPLE_COUNT / STRIPS;
  return Array.from({ length: STRIPS }, (_, i) => {
    const start = Math.floor(((count - length) * i) / (STRIPS - 1));
    return [start * width, (start + length) * width] as const;
  });
}

/** Some of a block's bytes, from the same numbers for every block of that many numbers. */
export function sampleBlock(block: Uint8Array, type: BlockType): Uint8Array {
  const strips = stripsOf(block.length, numberWidth(type)).map(([start, end]) => block.subarray(start, end));
  return strips.length === 1 ? block : new Uint8Array(Buffer.concat(strips));
}
