import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import { compareKinship, type PreparedKinship, prepareKinship } from '../../src/symmetry/kinship.ts';
import { logNormalTail } from '../../src/symmetry/tails.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { pythonHas, runPython } from '../peers.ts';

const INDEPENDENTS = 60;

interface Zoo {
  readonly independents: readonly PreparedKinship[];
  readonly relatives: readonly PreparedKinship[];
}

type Layout = Record<string, { tensors: [string, number[]][]; independents: number; relatives: number }>;

/** Trains the networks in PyTorch and prepares them on the graph that their names give. */
function trainZoos(): Map<string, Zoo> {
  const folder = mkdtempSync(join(tmpdir(), 'wsvc-null-'));
  try {
    const file = join(folder, 'weights');
    const script = readFileSync(new URL('null-zoo.py', import.meta.url), 'utf8');
    const layout: Layout = JSON.parse(runPython(script, file, String(INDEPENDENTS)));
    const bytes = readFileSync(file);
    const values = new Float32Array(Uint8Array.from(bytes).buffer);
    let at = 0;
    const take = (tensors: readonly (readonly [string, number[]])[]): Weights => {
      return new Map(
        tensors.map(([name, shape]) => {
          const size = shape.reduce((a, b) => a * b, 1);
          at += size;
          return [name, { shape, data: values.slice(at - size, at) }];
        }),
      );
    };
    return new Map(
      Object.entries(layout).map(([name, { tensors, independents, relatives }]) => {
        const graph = inferAxisGraph(tensors.map(([tensor, shape]) => ({ name: tensor, shape, role: 'weight' })));
        const prepare = (count: number) => Array.from({ length: count }, () => prepareKinship(take(tensors), graph));
        return [name, { independents: prepare(independents), relatives: prepare(relatives) }];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Kolmogorov's distance between a sample and the standard normal distribution. */
function distanceToNormal(sample: readonly number[]): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((z, i) => {
      const below = 1 - Math.exp(logNormalTail(z));
      return Math.max(Math.abs(below - i / sorted.length), Math.abs(below - (i + 1) / sorted.length));
    }),
  );
}

describe.skipIf(!pythonHas('torch'))('the null distribution on networks that PyTorch trained', () => {
  const zoos = pythonHas('torch') ? trainZoos() : new Map<string, Zoo>();

  it.each([...zoos])(
    'is standard normal for independents, and relatives are far out: %s',
    (_, { independents, relatives }) => {
      // Every network in one pair only: the Kolmogorov bound is for independent draws.
      const pairs = Array.from({ length: INDEPENDENTS / 2 }, (_, i) => [independents[2 * i], independents[2 * i + 1]]);
      const z = pairs.flatMap(([a, b]) => (a && b ? [compareKinship(a, b).z] : []));
      expect(z.length).toBe(INDEPENDENTS / 2);
      expect(distanceToNormal(z)).toBeLessThan(1.95 / Math.sqrt(z.length)); // p = .001
      const all = independents.flatMap((a, i) => independents.slice(0, i).map((b) => compareKinship(a, b).z));
      expect(Math.max(...all)).toBeLessThan(5);
      const deviation = Math.sqrt(all.reduce((sum, value) => sum + value * value, 0) / all.length);
      expect(deviation).toBeGreaterThan(0.85);
      expect(deviation).toBeLessThan(1.15);
      for (const [i, relative] of relatives.entries()) {
        const parent = independents[i];
        expect(parent && compareKinship(relative, parent).z).toBeGreaterThan(8);
      }
    },
  );
});
