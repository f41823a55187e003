import { createHash } from 'node:crypto';
import { type BlockContext, decodeBlock, encodeBlock } from '../../src/codec/index.ts';
import type { Bench } from './bench.ts';
import {
  bitsOf,
  entropyOfClassesByExponent,
  entropyOfXorPlanes,
  sizeOfAdaptiveClasses,
  sizeOfPlanes,
  sizeOfXorPlanes,
} from './codec-peers.ts';
import { type CodecSet, type TensorHistory, trainSets } from './codec-sets.ts';
import type { BenchTable } from './table.ts';

const COLUMNS = [
  'set',
  'type',
  'changed',
  'no base: planes, deflate -6',
  'no base: wsvc',
  'BitX-like (XOR, planes, deflate -6)',
  'entropy of XOR planes',
  'FM-Delta-like (adaptive classes)',
  'H(sign, class | exponent) + raw',
  'wsvc, base',
  'wsvc, base and its base',
  'encode MB/s',
  'decode MB/s',
  'sha256 MB/s',
  'bytes that differ',
];

/** Runs of each timing; the fastest counts, as others only show what else the machine does. */
const RUNS = 5;

interface Measured {
  readonly ratio: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
  readonly differing: number;
}

type Depth = 0 | 1 | 2;

function contextOf({ type, baseType }: CodecSet, tensor: TensorHistory, depth: Depth): BlockContext {
  const { rowLength, base, before } = tensor;
  if (depth === 0) return { type, rowLength };
  return depth === 1 ? { type, rowLength, base, baseType } : { type, rowLength, base, baseType, baseOfBase: before };
}

function timed<T>(run: () => T): { result: T; ms: number } {
  const start = performance.now();
  const result = run();
  return { result, ms: performance.now() - start };
}

function plainLength(set: CodecSet): number {
  return set.tensors.reduce((sum, tensor) => sum + tensor.next.length, 0);
}

/** Codes and decodes every tensor of a set once. */
function measureOnce(set: CodecSet, depth: Depth): Measured {
  let [coded, encodeMs, decodeMs, differing] = [0, 0, 0, 0];
  for (const tensor of set.tensors) {
    const context = contextOf(set, tensor, depth);
    const encoded = timed(() => encodeBlock(tensor.next, context));
    const decoded = timed(() => decodeBlock(encoded.result, tensor.next.length, context));
    coded += encoded.result.payload.length;
    encodeMs += encoded.ms;
    decodeMs += decoded.ms;
    differing += tensor.next.filter((byte, i) => byte !== decoded.result[i]).length;
  }
  return { ratio: coded / plainLength(set), encodeMs, decodeMs, differing };
}

function measure(set: CodecSet, depth: Depth): Measured {
  const runs = Array.from({ length: RUNS }, () => measureOnce(set, depth));
  return runs.reduce((best, run) => ({
    ratio: run.ratio,
    encodeMs: Math.min(best.encodeMs, run.encodeMs),
    decodeMs: Math.min(best.decodeMs, run.decodeMs),
    differing: Math.max(best.differing, run.differing),
  }));
}

/** Ratios of the peers; dashes where they code no such type. */
function measurePeers(set: CodecSet): string[] {
  const { type, baseType } = set;
  if ((type !== 'f32' && type !== 'bf16' && type !== 'f16') || type !== baseType) return ['-', '-', '-', '-', '-', '-'];
  const totals = [0, 0, 0, 0, 0, 0];
  for (const tensor of set.tensors) {
    const [next, base] = [bitsOf(tensor.next, type), bitsOf(tensor.base, type)];
    const changed = next.numbers.filter((u, i) => u !== base.numbers[i]).length * next.width;
    const sizes = [
      changed,
      sizeOfPlanes(next, 6),
      sizeOfXorPlanes(next, base, 6),
      entropyOfXorPlanes(next, base),
      sizeOfAdaptiveClasses(next, base),
      entropyOfClassesByExponent(next, base),
    ];
    sizes.forEach((size, i) => {
      totals[i] = (totals[i] ?? 0) + size;
    });
  }
  return totals.map((total) => (total / plainLength(set)).toFixed(4));
}

function speed(set: CodecSet, ms: number): string {
  return (plainLength(set) / ms / 1000).toFixed(0);
}

function hashMs(set: CodecSet): number {
  const once = () => timed(() => set.tensors.map((tensor) => createHash('sha256').update(tensor.next).digest())).ms;
  return Math.min(...Array.from({ length: RUNS }, once));
}

function measureSet(set: CodecSet): readonly string[] {
  const [alone, based, historic] = [measure(set, 0), measure(set, 1), measure(set, 2)];
  const [changed = '-', planes = '-', ...peers] = measurePeers(set);
  return [
    set.name,
    set.type,
    changed,
    planes,
    alone.ratio.toFixed(4),
    ...peers,
    based.ratio.toFixed(4),
    historic.ratio.toFixed(4),
    speed(set, based.encodeMs),
    speed(set, based.decodeMs),
    speed(set, hashMs(set)),
    String(alone.differing + based.differing + historic.differing),
  ];
}

/** Compares the codecs with re-created peers on checkpoints that it trains itself; about a minute. */
function benchCodec(): BenchTable {
  return {
    title:
      'Stored bytes over raw bytes of one checkpoint, given its predecessor (MLP of 399,000 weights, five steps apart)',
    columns: COLUMNS,
    rows: trainSets().map(measureSet),
  };
}

export const codec: Bench = {
  name: 'codec',
  about: 'stored bytes of one checkpoint given its predecessor, against re-created peers and entropies',
  async *run() {
    yield benchCodec();
  },
};
