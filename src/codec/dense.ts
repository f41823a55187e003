import type { BlockContext, BlockType } from './codec.ts';
import {
  applyMap,
  clusterClasses,
  contextCount,
  countByClass,
  readMap,
  readTables,
  writeMap,
  writeTables,
} from './contexts.ts';
import {
  classesOfBlock,
  findShift,
  joinBlocks,
  maxShift,
  type NumberView,
  numberWidth,
  splitBlocks,
} from './differences.ts';
import { joinFast, type SplitBlock, splitFast } from './kernels/dense-kernels.ts';
import { LOW_BITS } from './magnitude.ts';
import { countBits } from './packing.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { decodeSymbols, encodeSymbols } from './rans.ts';
import { buildReference, type Reference, readReference, writeReference } from './reference.ts';

/** Against what a block is coded; what the chooser decides. */
export interface DifferencePlan {
  readonly reference: Reference;
  /** The reference's bytes, as a decoder will build them. */
  readonly base: Uint8Array;
}

/** Splits a block's differences from its reference, by the module's loops or by plain ones. */
export function splitBlock(plain: Uint8Array, reference: Uint8Array, view: NumberView): SplitBlock {
  return splitFast(plain, reference, view) ?? splitPlainly(plain, reference, view);
}

function splitPlainly(plain: Uint8Array, reference: Uint8Array, view: NumberView): SplitBlock {
  const { symbols, lowBits } = splitBlocks(plain, reference, view);
  const classes = classesOfBlock(reference, view.type);
  return {
    count: symbols.length,
    histogram: countByClass(symbols, classes),
    lowBits,
    encode: (map, frequencies) => encodeSymbols(symbols, applyMap(map, classes), frequencies),
  };
}

/** Codes the difference of every number: symbols by tables that the base's exponent chooses, low bits as they are. */
export function encodeDense(plain: Uint8Array, type: BlockType, plan: DifferencePlan): Uint8Array {
  const shift = findShift(type, plain, plan.base);
  const split = splitBlock(plain, plan.base, { type, shift });
  const { map, counts } = clusterClasses(split.histogram, split.count);
  const writer = new PayloadWriter();
  writeReference(writer, plan.reference);
  writer.byte(shift);
  writeMap(writer, map);
  const coded = split.encode(map, writeTables(writer, counts));
  writer.varint(coded.length);
  writer.bytes(coded);
  writer.bytes(split.lowBits);
  return writer.finish();
}

/** Reads and checks the low bits that follow the symbols. */
export function readLowBits(reader: PayloadReader, symbols: Uint8Array, lengths = LOW_BITS): Uint8Array {
  const bits = countBits(symbols, lengths);
  check(reader.remaining === (bits + 7) >>> 3, 'the low bits have another length');
  const lowBits = reader.rest();
  check(bits % 8 === 0 || (lowBits[lowBits.length - 1] ?? 0) >>> (bits % 8) === 0, 'bits are set where none belong');
  return lowBits;
}

/** Reads how many low bits the block leaves out. */
export function readShift(reader: PayloadReader, type: BlockType): number {
  const shift = reader.byte();
  check(shift <= maxShift(type), 'it leaves out too many bits');
  return shift;
}

/** Decodes what {@link encodeDense} made. */
export function decodeDense(payload: Uint8Array, byteLength: number, context: BlockContext): Uint8Array {
  const { type } = context;
  check(byteLength % numberWidth(type) === 0, 'the block is no whole number of elements');
  const reader = new PayloadReader(payload);
  const base = buildReference(readReference(reader, byteLength / numberWidth(type)), context, byteLength);
  const shift = readShift(reader, type);
  const map = readMap(reader);
  const frequencies = readTables(reader, contextCount(map));
  const coded = reader.bytes(reader.varint(payload.length));
  const joined = joinFast({ coded, map, frequencies, lowBits: reader.unread }, base, { type, shift });
  if (joined !== undefined) return joined;
  const symbols = decodeSymbols(coded, applyMap(map, classesOfBlock(base, type)), frequencies);
  return joinBlocks({ symbols, lowBits: readLowBits(reader, symbols) }, base, { type, shift });
}
