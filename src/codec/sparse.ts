import type { BlockContext, BlockType } from './codec.ts';
import {
  applyMap,
  type ClassHistogram,
  clusterClasses,
  contextCount,
  countByClass,
  countSymbols,
  readMap,
  readTables,
  writeMap,
  writeTables,
} from './contexts.ts';
import { type DifferencePlan, readLowBits, readShift } from './dense.ts';
import { classesOfBlock, findShift, joinBlocks, numberWidth, splitBlocks } from './differences.ts';
import { viewNumbers } from './lanes.ts';
import { joinDifferences, LOW_BITS, splitDifferences } from './magnitude.ts';
import { countBits } from './packing.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { decodeSymbols, encodeSymbols } from './rans.ts';
import { buildReference, readReference, writeReference } from './reference.ts';

/** What the gaps add to the cost of a table: their own table of some 40 levels, and their number. */
const GAP_TABLE_BITS = 180;

/** The numbers of a block that differ from the reference, table by table, each table's in order. */
interface Changes {
  /** How many numbers of each table change. */
  readonly counts: Uint32Array;
  /** How many unchanged numbers of the same table lie between a change and the one before it. */
  readonly gaps: Uint32Array;
  readonly positions: Uint32Array;
}

/** Positions of the numbers that differ. */
function findChanges(plain: Uint8Array, base: Uint8Array, width: number): Uint32Array {
  const [a, b] = [viewNumbers(plain, width), viewNumbers(base, width)];
  const found = new Uint32Array(plain.length / width);
  let count = 0;
  if (width === 8) {
    for (let i = 0; i < found.length; i++) {
      found[count] = i;
      if (a[2 * i] !== b[2 * i] || a[2 * i + 1] !== b[2 * i + 1]) count++;
    }
  } else {
    for (let i = 0; i < found.length; i++) {
      found[count] = i;
      if (a[i] !== b[i]) count++;
    }
  }
  return found.subarray(0, count);
}

function sortChanges(found: Uint32Array, contexts: Uint8Array, tables: number): Changes {
  const counts = new Uint32Array(tables);
  for (const position of found) {
    const c = contexts[position] ?? 0;
    counts[c] = (counts[c] ?? 0) + 1;
  }
  const next = counts.map((_, c) => counts.subarray(0, c).reduce((sum, n) => sum + n, 0));
  const passed = new Uint32Array(tables);
  const gaps = new Uint32Array(found.length);
  const positions = new Uint32Array(found.length);
  let change = 0;
  for (let i = 0; change < found.length; i++) {
    const c = contexts[i] ?? 0;
    if (i !== found[change]) {
      passed[c] = (passed[c] ?? 0) + 1;
      continue;
    }
    const slot = next[c] ?? 0;
    gaps[slot] = passed[c] ?? 0;
    positions[slot] = i;
    passed[c] = 0;
    next[c] = slot + 1;
    change++;
  }
  return { counts, gaps, positions };
}

/** The numbers at these positions, one after the other. */
function pick(bytes: Uint8Array, positions: Uint32Array, width: number): Uint8Array {
  const out = new Uint8Array(positions.length * width);
  for (let i = 0; i < positions.length; i++) {
    const from = (positions[i] ?? 0) * width;
    for (let k = 0; k < width; k++) out[i * width + k] = bytes[from + k] ?? 0;
  }
  return out;
}

/** Tables of the symbols: first those of the gaps, then those of the values; a change's table is `c` for its gap, `tables + c` for its value. */
function listContexts(counts: Uint32Array): Uint8Array {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const contexts = new Uint8Array(2 * total);
  let at = 0;
  for (const first of [0, counts.length]) {
    counts.forEach((count, c) => {
      contexts.fill(first + c, at, at + count);
      at += count;
    });
  }
  return contexts;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** Counts of symbols by class, as if every number were coded: the unchanged ones are symbol 0. */
function countAll(symbols: Uint8Array, found: Uint32Array, classes: Uint8Array): ClassHistogram {
  const all = countByClass(new Uint8Array(classes.length), classes);
  const { first, counts } = all;
  for (let k = 0; k < found.length; k++) {
    const zero = ((classes[found[k] ?? 0] ?? 0) - first) << 8;
    const row = zero | (symbols[k] ?? 0);
    counts[row] = (counts[row] ?? 0) + 1;
    counts[zero] = (counts[zero] ?? 0) - 1;
  }
  return all;
}

/**
 * Codes only the numbers that differ. The tables are chosen by the base's exponent, and gaps are counted within the numbers of one
 * table: which number changes depends on its exponent more than on anything else.
 */
export function encodeSparse(plain: Uint8Array, type: BlockType, plan: DifferencePlan): Uint8Array {
  const width = numberWidth(type);
  const writer = new PayloadWriter();
  writeReference(writer, plan.reference);
  const found = findChanges(plain, plan.base, width);
  writer.varint(found.length);
  if (found.length > 0) writeChanges(writer, plain, type, plan.base, found);
  return writer.finish();
}

function writeChanges(
  writer: PayloadWriter,
  plain: Uint8Array,
  type: BlockType,
  base: Uint8Array,
  found: Uint32Array,
): void {
  const width = numberWidth(type);
  const pickBoth = (at: Uint32Array) => [pick(plain, at, width), pick(base, at, width)] as const;
  const view = { type, shift: findShift(type, ...pickBoth(found)) };
  const classes = classesOfBlock(base, type);
  const all = countAll(splitBlocks(...pickBoth(found), view).symbols, found, classes);
  const { map } = clusterClasses(all, classes.length, { tableBits: GAP_TABLE_BITS });
  const { counts, gaps, positions } = sortChanges(found, applyMap(map, classes), contextCount(map));
  writer.byte(view.shift);
  writeMap(writer, map);
  for (const count of counts.subarray(1)) writer.varint(count);
  const gapParts = splitDifferences(gaps, new Uint32Array(gaps.length));
  const values = splitBlocks(...pickBoth(positions), view);
  const symbols = concat(gapParts.symbols, values.symbols);
  const contexts = listContexts(counts);
  const frequencies = writeTables(writer, countSymbols(symbols, contexts, 2 * counts.length));
  const coded = encodeSymbols(symbols, contexts, frequencies);
  writer.varint(coded.length);
  for (const part of [coded, gapParts.lowBits, values.lowBits]) writer.bytes(part);
}

function placeInOneTable(count: number, gaps: Uint32Array): Uint32Array {
  const positions = new Uint32Array(gaps.length);
  let position = -1;
  for (let i = 0; i < gaps.length && position < count; i++) {
    position += (gaps[i] ?? 0) + 1;
    positions[i] = position;
  }
  check(position < count, 'a change lies outside the block');
  return positions;
}

/** Positions of the changes, from their gaps. */
function placeChanges(contexts: Uint8Array, counts: Uint32Array, gaps: Uint32Array): Uint32Array {
  const tables = counts.length;
  const ends = counts.map((_, c) => counts.subarray(0, c + 1).reduce((sum, n) => sum + n, 0));
  const next = ends.map((end, c) => end - (counts[c] ?? 0));
  if (tables === 1) return placeInOneTable(contexts.length, gaps);
  const left = new Float64Array(tables);
  for (let c = 0; c < tables; c++) {
    left[c] = (counts[c] ?? 0) > 0 ? (gaps[next[c] ?? 0] ?? 0) : Number.POSITIVE_INFINITY;
  }
  const positions = new Uint32Array(gaps.length);
  let placed = 0;
  for (let i = 0; i < contexts.length && placed < gaps.length; i++) {
    const c = contexts[i] ?? 0;
    const rest = left[c] ?? 0;
    if (rest > 0) {
      left[c] = rest - 1;
      continue;
    }
    const slot = next[c] ?? 0;
    positions[slot] = i;
    placed++;
    next[c] = slot + 1;
    left[c] = slot + 1 < (ends[c] ?? 0) ? (gaps[slot + 1] ?? 0) : Number.POSITIVE_INFINITY;
  }
  check(placed === gaps.length, 'a change lies outside the block');
  return positions;
}

/** Reads how many numbers of each table change; the first table has the rest. */
function readCounts(reader: PayloadReader, tables: number, total: number): Uint32Array {
  const counts = new Uint32Array(tables);
  let rest = total;
  for (let c = 1; c < tables; c++) {
    counts[c] = reader.varint(rest);
    rest -= counts[c] ?? 0;
  }
  counts[0] = rest;
  return counts;
}

function readGaps(reader: PayloadReader, symbols: Uint8Array): Uint32Array {
  const gaps = new Uint32Array(symbols.length);
  joinDifferences(symbols, reader.bytes((countBits(symbols, LOW_BITS) + 7) >>> 3), gaps, -1);
  return gaps;
}

/** A copy of the base with the numbers at these positions replaced. */
function replaceNumbers(base: Uint8Array, positions: Uint32Array, values: Uint8Array, width: number): Uint8Array {
  const plain = new Uint8Array(base);
  for (let i = 0; i < positions.length; i++) {
    const to = (positions[i] ?? 0) * width;
    for (let k = 0; k < width; k++) plain[to + k] = values[i * width + k] ?? 0;
  }
  return plain;
}

/** Decodes what {@link encodeSparse} made. */
export function decodeSparse(payload: Uint8Array, byteLength: number, context: BlockContext): Uint8Array {
  const { type } = context;
  const width = numberWidth(type);
  check(byteLength % width === 0, 'the block is no whole number of elements');
  const reader = new PayloadReader(payload);
  const base = buildReference(readReference(reader, byteLength / width), context, byteLength);
  const total = reader.varint(byteLength / width);
  if (total === 0) {
    check(reader.remaining === 0, 'something follows where nothing changes');
    return new Uint8Array(base);
  }
  const shift = readShift(reader, type);
  const map = readMap(reader);
  const tables = contextCount(map);
  const counts = readCounts(reader, tables, total);
  const symbolContexts = listContexts(counts);
  const frequencies = readTables(reader, 2 * tables);
  const symbols = decodeSymbols(reader.bytes(reader.varint(payload.length)), symbolContexts, frequencies);
  const half = symbols.length / 2;
  const gaps = readGaps(reader, symbols.subarray(0, half));
  const positions = placeChanges(applyMap(map, classesOfBlock(base, type)), counts, gaps);
  const valueSymbols = symbols.subarray(half);
  const residuals = { symbols: valueSymbols, lowBits: readLowBits(reader, valueSymbols) };
  return replaceNumbers(base, positions, joinBlocks(residuals, pick(base, positions, width), { type, shift }), width);
}
