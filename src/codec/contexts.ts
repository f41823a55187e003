import { BitReader, BitWriter } from './bits.ts';
import { quantizeCounts, readLevels, spreadLevels, TABLE_SYMBOLS, writeLevels } from './frequency-table.ts';
import { check, type PayloadReader, type PayloadWriter } from './payload.ts';

/** A weight's class: the exponent of its base, 0 to 255. */
const CLASSES = 256;
/** Bounds a decoder's tables to what second-level caches hold (16 KiB each); chosen for that, its cost in size is not measured. */
const MAX_CONTEXTS = 16;
/**
 * With a history there are more of them to tell apart: 16, 32 and 64 tables took .3235, .3225 and .3225 of f32 in one run, .0533, .0525
 * and .0526 of bf16 in another. Those that hardly occur are not looked at one by one, for time.
 */
export const HISTORY_CLUSTERS: ClusterOptions = { most: 32, least: 256 };
/** Blocks of fewer numbers get one table: more could not pay for themselves. */
const MIN_COUNT_FOR_CONTEXTS = 1024;
/** Mean length of a level in a written table, in bits; a rough figure is enough to compare partitions. */
const LEVEL_BITS = 3;
const TABLE_HEADER_BITS = 24;

/** Classes that share a table: `starts` holds the first class of every table but the first. */
export interface ContextMap {
  readonly starts: Uint8Array;
}

interface Cluster {
  readonly first: number;
  readonly counts: Uint32Array;
  readonly tableBits: number;
  readonly bits: number;
}

/** Tables that classes are coded by. */
export interface ClassTables {
  readonly map: ContextMap;
  /** How often each symbol occurs, 256 counts a table. */
  readonly counts: Uint32Array;
  readonly bits: number;
}

/** Bits that coding these symbols takes, with their table and what else a table brings. */
function costOf(counts: Uint32Array, tableBits: number): number {
  let total = 0;
  let inner = 0;
  let first = -1;
  let last = 0;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    const count = counts[symbol] ?? 0;
    if (count === 0) continue;
    if (first < 0) first = symbol;
    last = symbol;
    total += count;
    inner += count * Math.log2(count);
  }
  return total === 0 ? 0 : total * Math.log2(total) - inner + tableBits + LEVEL_BITS * (last - first + 1);
}

function makeCluster(first: number, counts: Uint32Array, tableBits: number): Cluster {
  return { first, counts, tableBits, bits: costOf(counts, tableBits) };
}

function joinClusters(a: Cluster, b: Cluster): Cluster {
  return makeCluster(a.first, addCounts(a.counts, b.counts), a.tableBits);
}

function addCounts(a: Uint32Array, b: Uint32Array): Uint32Array {
  const sums = a.slice();
  for (let symbol = 0; symbol < sums.length; symbol++) sums[symbol] = (sums[symbol] ?? 0) + (b[symbol] ?? 0);
  return sums;
}

/** Symbols counted by class, for the classes from `first` on: 256 counts a class. */
export interface ClassHistogram {
  readonly first: number;
  readonly counts: Uint32Array;
}

/** Counts the symbols of each class. */
export function countByClass(symbols: Uint8Array, classes: Uint8Array): ClassHistogram {
  let first = 255;
  let last = 0;
  for (let i = 0; i < classes.length; i++) {
    const c = classes[i] ?? 0;
    if (c < first) first = c;
    if (c > last) last = c;
  }
  const counts = new Uint32Array(Math.max(1, last - first + 1) * TABLE_SYMBOLS);
  const offset = first * TABLE_SYMBOLS;
  for (let i = 0; i < symbols.length; i++) {
    const row = (((classes[i] ?? 0) << 8) | (symbols[i] ?? 0)) - offset;
    counts[row] = (counts[row] ?? 0) + 1;
  }
  return { first, counts };
}

/** The clusters one class each, without those that do not occur; classes of fewer symbols than `least` go with the next. */
function listClasses({ first, counts: all }: ClassHistogram, tableBits: number, least: number): Cluster[] {
  const clusters: Cluster[] = [];
  let waiting: Uint32Array | undefined;
  let begin = first;
  for (let at = 0; at < all.length; at += TABLE_SYMBOLS) {
    const row = all.subarray(at, at + TABLE_SYMBOLS);
    if (row.every((count) => count === 0)) continue;
    if (waiting === undefined) begin = first + at / TABLE_SYMBOLS;
    const counts: Uint32Array = waiting === undefined ? row : addCounts(row, waiting);
    const isLast = at + TABLE_SYMBOLS >= all.length;
    waiting = !isLast && counts.reduce((sum, count) => sum + count, 0) < least ? counts : undefined;
    if (waiting === undefined) clusters.push(makeCluster(begin, counts, tableBits));
  }
  return clusters;
}

/** Index of the neighbours that lose least when joined, and that loss in bits. */
function findCheapestJoin(clusters: readonly Cluster[], joined: readonly Cluster[]): { index: number; loss: number } {
  let best = { index: 0, loss: Number.POSITIVE_INFINITY };
  joined.forEach((join, index) => {
    const loss = join.bits - (clusters[index]?.bits ?? 0) - (clusters[index + 1]?.bits ?? 0);
    if (loss < best.loss) best = { index, loss };
  });
  return best;
}

function joinNeighbors(clusters: readonly Cluster[]): Cluster[] {
  return clusters.slice(1).map((next, i) => joinClusters(clusters[i] ?? next, next));
}

export interface ClusterOptions {
  /** What a table costs besides its levels. */
  readonly tableBits?: number;
  /** How many tables there may be. */
  readonly most?: number;
  /** Classes of fewer symbols go with the next without being looked at. */
  readonly least?: number;
}

/**
 * Joins neighbouring classes while their tables cost more than they save.
 *
 * @param count how many symbols there are.
 * @returns the map, the counts of each of its tables, and the bits that they let the symbols be coded in.
 */
export function clusterClasses(
  histogram: ClassHistogram,
  count: number,
  { tableBits = TABLE_HEADER_BITS, most = MAX_CONTEXTS, least = 1 }: ClusterOptions = {},
): ClassTables {
  const clusters = listClasses(histogram, tableBits, least);
  const limit = count < MIN_COUNT_FOR_CONTEXTS ? 1 : most;
  const joined = joinNeighbors(clusters);
  while (clusters.length > 1) {
    const { index, loss } = findCheapestJoin(clusters, joined);
    if (loss > 0 && clusters.length <= limit) break;
    const merged = joined[index];
    if (merged === undefined) break;
    clusters.splice(index, 2, merged);
    joined.splice(
      Math.max(0, index - 1),
      index === 0 ? 2 : 3,
      ...joinNeighbors(clusters.slice(Math.max(0, index - 1), index + 2)),
    );
  }
  const starts = Uint8Array.from(clusters.slice(1), (cluster) => cluster.first);
  const counts = new Uint32Array(Math.max(1, clusters.length) * TABLE_SYMBOLS);
  clusters.forEach((cluster, i) => void counts.set(cluster.counts, i * TABLE_SYMBOLS));
  return { map: { starts }, counts, bits: clusters.reduce((sum, cluster) => sum + cluster.bits, 0) };
}

/** Tables of a map. */
export function contextCount(map: ContextMap): number {
  return map.starts.length + 1;
}

/** Table of each class. */
export function spreadMap(map: ContextMap): Uint8Array {
  const tables = new Uint8Array(CLASSES);
  for (const start of map.starts) for (let c = start; c < CLASSES; c++) tables[c] = (tables[c] ?? 0) + 1;
  return tables;
}

/** Replaces each class by its table, in place. */
export function applyMap(map: ContextMap, classes: Uint8Array): Uint8Array {
  if (map.starts.length === 0) return classes.fill(0);
  const tables = spreadMap(map);
  for (let i = 0; i < classes.length; i++) classes[i] = tables[classes[i] ?? 0] ?? 0;
  return classes;
}

/** Writes the number of tables and where each begins. */
export function writeMap(writer: PayloadWriter, map: ContextMap): void {
  writer.byte(map.starts.length);
  writer.bytes(map.starts);
}

/** Reads what {@link writeMap} wrote. */
export function readMap(reader: PayloadReader): ContextMap {
  const starts = reader.bytes(reader.byte());
  check(
    starts.every((start, i) => start > (starts[i - 1] ?? 0)),
    'the tables do not begin in order',
  );
  return { starts };
}

/** Counts symbols by table: 256 counts a table. */
export function countSymbols(symbols: Uint8Array, contexts: Uint8Array, tables: number): Uint32Array {
  const counts = new Uint32Array(tables * TABLE_SYMBOLS);
  for (let i = 0; i < symbols.length; i++) {
    const row = ((contexts[i] ?? 0) << 8) | (symbols[i] ?? 0);
    counts[row] = (counts[row] ?? 0) + 1;
  }
  return counts;
}

/** Writes tables fit for the counts; returns the frequencies that a decoder will make of them. */
export function writeTables(writer: PayloadWriter, counts: Uint32Array): Uint16Array {
  const frequencies = new Uint16Array(counts.length);
  const bits = new BitWriter();
  for (let at = 0; at < counts.length; at += TABLE_SYMBOLS) {
    const levels = quantizeCounts(counts.subarray(at, at + TABLE_SYMBOLS));
    writeLevels(bits, levels);
    frequencies.set(spreadLevels(levels), at);
  }
  writer.bytes(bits.finish());
  return frequencies;
}

/** Reads what {@link writeTables} wrote. A table without symbols codes only symbol 0. */
export function readTables(reader: PayloadReader, tables: number): Uint16Array {
  const frequencies = new Uint16Array(tables * TABLE_SYMBOLS);
  const bits = new BitReader(() => reader.byte());
  for (let at = 0; at < frequencies.length; at += TABLE_SYMBOLS) {
    frequencies.set(spreadLevels(readLevels(bits)), at);
  }
  bits.finish();
  return frequencies;
}
