import { describe, expect, it } from 'vitest';
import { directoryFiles } from '../../src/bytes/directory-files.ts';
import { readWeights } from '../../src/formats/read-weights.ts';
import { openCheckpoint } from '../../src/formats/registry.ts';
import { tensorFacts } from '../../src/lineage/alterations.ts';
import { judgePair, type PairSide } from '../../src/lineage/judge-pair.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { casePath, hasCases } from '../cases.ts';
import * as alter from './alter.ts';
import { summarizeWeights } from './memory-checkpoint.ts';
import { graphOf, idOf, trainRun } from './small-zoo.ts';

async function sideOf(name: string, weights: Weights, position: number): Promise<PairSide> {
  return { id: idOf(0, position), name, summary: await summarizeWeights(weights), weights, graph: graphOf(weights) };
}

async function judge(first: Weights, second: Weights) {
  return judgePair(await sideOf('a', first, 0), await sideOf('b', second, 1));
}

async function read(type: string): Promise<Weights> {
  const checkpoint = await openCheckpoint(directoryFiles(casePath('ggml', `tiny-rwkv-660K-${type}.bin`)));
  try {
    return await readWeights(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

if (!hasCases) console.warn('SKIPPED: no ../shared/cases, GGML files are not compared.');

// Half of their matrices are so small that the half-precision scale of nearly every block underflows.
describe.skipIf(!hasCases)('files of GGML', () => {
  const cases = [
    ['FP32', 'FP16', 'cast', 'forward'],
    ['FP32', 'Q5_0', 'quantized', 'forward'],
    ['FP32', 'Q5_1', 'quantized', 'forward'],
    ['FP16', 'Q5_0', 'quantized', 'siblings'],
  ] as const;

  it.each(cases)('%s and %s', async (first, second, relation, direction) => {
    const answer = await judge(await read(first), await read(second));
    expect(answer).toMatchObject({ known: true, relation, direction });
    expect(answer.confidence).toBeGreaterThan(0.99);
  });
});

describe('two roundings', () => {
  const run = trainRun({ seed: 21, epochs: 2 });
  const original = run[2] ?? new Map();
  const int8 = (weights: Weights) => alter.quantize(weights, 127, alter.perChannel);
  const int4 = (weights: Weights) => alter.quantize(weights, 7, alter.perChannel);
  const cases = [
    ['int8 and int4 of one original', int8(original), int4(original), 'siblings'],
    ['int4 and int8 of one original', int4(original), int8(original), 'siblings'],
    ['int8 and what was made of it', int8(original), int4(int8(original)), 'forward'],
    ['what was made of int8, and that', int4(int8(original)), int8(original), 'backward'],
  ] as const;

  it.each(cases)('%s', async (_, first, second, direction) => {
    expect(await judge(first, second)).toMatchObject({ known: true, relation: 'quantized', direction });
  });
});

it('takes the subnormals of fp16 for a cast, not for bf16 nor for a lattice', () => {
  const data = Float32Array.from({ length: 256 }, (_, i) => (((i * 37) % 101) - 50) * 2 ** -24);
  const facts = tensorFacts({ shape: [16, 16], data });
  expect(facts.grid).toBe('fp16');
  expect(facts.lattice).toBeUndefined();
});
