import { isCastable } from './casts.ts';
import type { BlockContext, BlockType } from './codec.ts';
import {
  applyMap,
  clusterClasses,
  contextCount,
  countByClass,
  HISTORY_CLUSTERS,
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
import { findContexts, findWindow, type History, MAX_ORIGIN, turnSigns } from './history.ts';
import { type Added, isMovable, joinFast, type SplitBlock, splitFast } from './kernels/dense-kernels.ts';
import { LOW_BITS } from './magnitude.ts';
import { countBits } from './packing.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { decodeSymbols, encodeSymbols } from './rans.ts';
import { buildReference, predictBlock, type Reference, readReference, writeReference } from './reference.ts';

/** Against what a block is coded; what the chooser decides. */
export interface DifferencePlan {
  readonly reference: Reference;
  /** The reference's bytes, as a decoder will build them. */
  readonly base: Uint8Array;
}

/** Splits a block's differences from its reference, by the module's loops or by plain ones. */
export function splitBlock(plain: Uint8Array, reference: Uint8Array, view: NumberView, history?: History): SplitBlock {
  return splitFast(plain, reference, view, history) ?? splitPlainly(plain, reference, view, history);
}

function splitPlainly(
  plain: Uint8Array,
  reference: Uint8Array,
  view: NumberView,
  history: History | undefined,
): SplitBlock {
  const { symbols, lowBits } = splitBlocks(plain, reference, view);
  const found = history === undefined ? undefined : findContexts(reference, view.type, history);
  const classes = found?.contexts ?? classesOfBlock(reference, view.type);
  if (found !== undefined) turnSigns(symbols, found.signs);
  return {
    count: symbols.length,
    histogram: countByClass(symbols, classes),
    lowBits,
    encode: (map, frequencies) => encodeSymbols(symbols, applyMap(map, classes), frequencies),
  };
}

/** Codes the difference of every number: symbols by tables that the base's exponent chooses, low bits as they are. */
export function encodeDense(plain: Uint8Array, type: BlockType, plan: DifferencePlan): Uint8Array {
  const writer = new PayloadWriter();
  writeReference(writer, plan.reference);
  return writeDifferences(writer, plain, type, plan);
}

/** Codes differences from a reference whose last step is known: that decides the tables too, and a difference's sign says whether the number went on. */
export function encodeContinued(
  plain: Uint8Array,
  type: BlockType,
  plan: DifferencePlan,
  ancestors: { readonly base: Uint8Array; readonly before: Uint8Array },
): Uint8Array {
  const window = findWindow(plan.base, ancestors.base, ancestors.before, type);
  const writer = new PayloadWriter();
  writeReference(writer, plan.reference);
  writer.byte(window.first);
  writer.varint(window.origin);
  return writeDifferences(writer, plain, type, plan, { ...ancestors, ...window });
}

function writeDifferences(
  writer: PayloadWriter,
  plain: Uint8Array,
  type: BlockType,
  plan: DifferencePlan,
  history?: History,
): Uint8Array {
  const shift = findShift(type, plain, plan.base);
  const split = splitBlock(plain, plan.base, { type, shift }, history);
  const { map, counts } = clusterClasses(split.histogram, split.count, history === undefined ? {} : HISTORY_CLUSTERS);
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
  return readDifferences(reader, base, type);
}

/** Decodes what {@link encodeContinued} made. */
export function decodeContinued(payload: Uint8Array, byteLength: number, context: BlockContext): Uint8Array {
  const { type, base, baseType = type, baseOfBase: before } = context;
  check(isContinuable(type) && byteLength % numberWidth(type) === 0, 'a history is of no such numbers');
  check(baseType === type && base?.length === byteLength, 'it needs a base of its type and length');
  check(before?.length === byteLength, 'it needs the base of its base');
  const reader = new PayloadReader(payload);
  const reference = readReference(reader, byteLength / numberWidth(type));
  const [first, origin] = [reader.byte(), reader.varint(MAX_ORIGIN)];
  const history = { base, before, first, origin };
  const moved = reference.kind === 'predicted' && isMovable(type) ? { base, before, ...reference } : undefined;
  return readDifferences(reader, moved ?? buildReference(reference, context, byteLength), type, history);
}

/** True for the types whose last steps are looked at: real floats of at most 32 bits. */
export function isContinuable(type: BlockType): boolean {
  return isCastable(type) && type !== 'f64';
}

function readDifferences(reader: PayloadReader, added: Added, type: BlockType, history?: History): Uint8Array {
  const limit = reader.remaining;
  const shift = readShift(reader, type);
  const map = readMap(reader);
  const frequencies = readTables(reader, contextCount(map));
  const coded = reader.bytes(reader.varint(limit));
  const joined = joinFast({ coded, map, frequencies, lowBits: reader.unread }, added, { type, shift }, history);
  if (joined !== undefined) return joined;
  const base = added instanceof Uint8Array ? added : predictBlock(added, type);
  const found = history === undefined ? undefined : findContexts(base, type, history);
  const classes = found?.contexts ?? classesOfBlock(base, type);
  const symbols = decodeSymbols(coded, applyMap(map, classes), frequencies);
  if (found !== undefined) turnSigns(symbols, found.signs);
  return joinBlocks({ symbols, lowBits: readLowBits(reader, symbols) }, base, { type, shift });
}
