import { createHash } from 'node:crypto';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { castBlock } from '../../src/codec/casts.ts';
import { decodeDense, encodeDense } from '../../src/codec/dense.ts';
import type { BlockType } from '../../src/codec/index.ts';
import { decodeFloats, encodeFloats } from '../../src/codec/standalone.ts';
import { createSketchTotals, TensorSketch } from '../../src/sketch/tensor-sketch.ts';
import { createStatistics } from '../../src/tensors/statistics.ts';
import { drawSeries } from './speed-files.ts';
import type { BenchTable } from './table.ts';

/** The fastest of so many runs counts: others show what else the machine does. */
const RUNS = 7;
const SHAPE: [string, number[]] = ['weight', [512, 1024]];

interface Kernel {
  readonly name: string;
  /** Plain bytes that one run goes over. */
  readonly byteLength: number;
  run(): unknown;
}

function blocksOf(type: BlockType, seed: number): readonly [base: Uint8Array, next: Uint8Array] {
  const [base, next] = drawSeries([SHAPE], 2, seed).map((weights) => {
    const bytes = new Uint8Array(weights.get('weight')?.data.slice().buffer ?? new ArrayBuffer(0));
    return type === 'f32' ? bytes : castBlock(bytes, 'f32', type, 'nearest');
  });
  return [base ?? new Uint8Array(0), next ?? new Uint8Array(0)];
}

function codecKernels(type: BlockType, seed: number): readonly Kernel[] {
  const [base, next] = blocksOf(type, seed);
  const byteLength = next.length;
  const dense = encodeDense(next, type, { reference: { kind: 'base' }, base });
  const floats = encodeFloats(next, type);
  return [
    {
      name: `${type} delta, encode`,
      byteLength,
      run: () => encodeDense(next, type, { reference: { kind: 'base' }, base }),
    },
    { name: `${type} delta, decode`, byteLength, run: () => decodeDense(dense, byteLength, { type, base }) },
    { name: `${type} without base, encode`, byteLength, run: () => encodeFloats(next, type) },
    { name: `${type} without base, decode`, byteLength, run: () => decodeFloats(floats, byteLength, { type }) },
  ];
}

function summaryKernels(seed: number): readonly Kernel[] {
  const [, next] = blocksOf('f32', seed);
  const values = new Float32Array(next.slice().buffer);
  const sketch = () => {
    const tensor = new TensorSketch(SHAPE[1], [0, 1]);
    tensor.add(values);
    tensor.finish(createSketchTotals());
  };
  return [
    { name: 'f32 sketch', byteLength: next.length, run: sketch },
    { name: 'f32 statistics', byteLength: next.length, run: () => createStatistics().add(values) },
  ];
}

/** Megabytes a second of CPU time. */
function speedOf({ byteLength, run }: Kernel): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, user + system);
  }
  return byteLength / best;
}

/** Speeds of the loops over weights, one core, beside copying and hashing the same bytes. */
export function benchKernels(seed: number): BenchTable {
  const [, bytes] = blocksOf('f32', seed);
  const target = new Uint8Array(bytes.length);
  const copy = speedOf({ name: 'copy', byteLength: bytes.length, run: () => target.set(bytes) });
  const hash = speedOf({
    name: 'hash',
    byteLength: bytes.length,
    run: () => createHash('sha256').update(bytes).digest(),
  });
  const kernels = [...codecKernels('f32', seed), ...codecKernels('bf16', seed), ...summaryKernels(seed)];
  const rows = kernels.map((kernel) => {
    allowWasm(false);
    const plain = speedOf(kernel);
    allowWasm(true);
    const fast = speedOf(kernel);
    return [kernel.name, plain.toFixed(0), fast.toFixed(0), (fast / plain).toFixed(1), (fast / hash).toFixed(2)];
  });
  return {
    title: 'Speed: loops over weights, MB of plain bytes a second of CPU time, one core',
    columns: ['loop', 'plain loops', 'as the program runs', 'ratio', 'times SHA-256'],
    rows: [
      ['copy (set of a Uint8Array)', copy.toFixed(0), '-', '-', (copy / hash).toFixed(2)],
      ['SHA-256 (node:crypto)', hash.toFixed(0), '-', '-', '1.00'],
      ...rows,
    ],
    notes: [`A chunk of 524,288 weights; best of ${RUNS} runs; seed ${seed}; Node ${process.version}.`],
  };
}
