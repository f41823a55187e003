import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { WeightArray, Weights } from '../../src/tensors/weights.ts';
import { createRandom } from './small-net.ts';
import { toWritable } from './write-net.ts';

/** Channels of the four stages of a ResNet-18. */
const STAGES = [64, 128, 256, 512];
/** What a step repeats of the one before it, as with momentum .9 five steps apart. */
const REPEATED = 0.6;
/** Steps in shares of a weight's own deviation: a fine-tune's. */
const STEP = 2e-4;

const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

function block(prefix: string, from: number, to: number): [string, number[]][] {
  const shapes: [string, number[]][] = [
    [`${prefix}.conv1.weight`, [to, from, 3, 3]],
    [`${prefix}.bn1.weight`, [to]],
    [`${prefix}.bn1.bias`, [to]],
    [`${prefix}.conv2.weight`, [to, to, 3, 3]],
    [`${prefix}.bn2.weight`, [to]],
    [`${prefix}.bn2.bias`, [to]],
  ];
  return from === to ? shapes : [...shapes, [`${prefix}.downsample.0.weight`, [to, from, 1, 1]]];
}

/** Names and shapes of a ResNet-18 for small images: 11.2 million parameters. */
export function resnetShapes(stages: readonly number[] = STAGES): readonly [string, number[]][] {
  const [first = 64] = stages;
  const blocks = stages.flatMap((to, i) => [
    ...block(`layer${i + 1}.0`, stages[i - 1] ?? to, to),
    ...block(`layer${i + 1}.1`, to, to),
  ]);
  return [
    ['conv1.weight', [first, 3, 3, 3]],
    ...blocks,
    ['fc.weight', [10, stages.at(-1) ?? first]],
    ['fc.bias', [10]],
  ];
}

/** A cheap Gaussian: draws from a table, as the figures ask for spread, not for quality. */
function createNormals(seed: number): () => number {
  const { normal } = createRandom(seed);
  const table = Float32Array.from({ length: 1 << 16 }, normal);
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (table[state >>> 16] ?? 0) * 0.9 + (table[(state >>> 5) & 65535] ?? 0) * 0.436;
  };
}

/**
 * Draws checkpoints of one network as a fine-tune would leave them: every weight takes a small step that repeats a part of the one before.
 * Drawn, not trained: a benchmark of speed needs the sizes and the entropies, and no minutes of training.
 */
export function drawSeries(shapes: readonly [string, number[]][], count: number, seed: number): readonly Weights[] {
  const normal = createNormals(seed);
  const series = Array.from({ length: count }, () => new Map<string, WeightArray>());
  for (const [name, shape] of shapes) {
    const deviation = Math.sqrt(2 / size(shape.slice(1)));
    const values = Float32Array.from({ length: size(shape) }, () => normal() * deviation);
    const steps = Float32Array.from(values, () => normal() * deviation * STEP);
    for (const weights of series) {
      weights.set(name, { shape, data: values.slice() });
      for (let i = 0; i < values.length; i++) {
        steps[i] = REPEATED * (steps[i] ?? 0) + 0.8 * normal() * deviation * STEP;
        values[i] = (values[i] ?? 0) + (steps[i] ?? 0);
      }
    }
  }
  return series;
}

/** Writes a checkpoint as a safetensors file. */
export async function writeWeights(folder: string, fileName: string, weights: Weights, dtype: DType): Promise<void> {
  for (const file of writeSafetensors.write(toWritable(weights, dtype), { fileName })) {
    await pipeline(file.bytes(), createWriteStream(join(folder, file.name)));
  }
}
