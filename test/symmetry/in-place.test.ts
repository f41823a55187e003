import { describe, expect, it } from 'vitest';
import { areUnitsInPlace } from '../../src/symmetry/in-place.ts';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import { transformUnits } from '../../src/symmetry/transform-units.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom } from '../example/tiny-net.ts';

const SHAPES = {
  'fc1.weight': [12, 8],
  'fc1.bias': [12],
  'fc2.weight': [10, 12],
  'fc2.bias': [10],
  'fc3.weight': [4, 10],
};
const graph = inferAxisGraph(Object.entries(SHAPES).map(([name, shape]) => ({ name, shape, role: 'weight' as const })));

function net(seed: number): Weights {
  const random = createRandom(seed);
  return new Map(
    Object.entries(SHAPES).map(([name, shape]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() + random() - 1);
      return [name, { shape, data }];
    }),
  );
}

function mix(a: Weights, b: Weights, share: number): Weights {
  return new Map(
    [...a].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x, i) => x + share * (b.get(name)?.data[i] ?? 0)) },
    ]),
  );
}

/** The first hidden space, with the number of its units. */
const [space = ''] = [...graph.tensors.values()].flatMap(({ labels }) =>
  labels.filter((label) => typeof label === 'string'),
);
const swapped = Int32Array.from({ length: 12 }, (_, unit) => (unit === 0 ? 1 : unit === 1 ? 0 : unit));

describe('areUnitsInPlace', () => {
  const candidate = net(1);

  it('is true for a copy that was trained on a little, and for a pruned one', () => {
    const trained = mix(candidate, net(2), 0.1);
    const pruned = new Map(
      [...candidate].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((x) => (Math.abs(x) < 0.3 ? 0 : x)) },
      ]),
    );
    expect(areUnitsInPlace(trained, candidate, graph)).toBe(true);
    expect(areUnitsInPlace(pruned, candidate, graph)).toBe(true);
  });

  it('is false when two units change places', () => {
    const query = transformUnits(candidate, graph, { units: new Map([[space, swapped]]), factors: new Map() });
    expect(areUnitsInPlace(query, candidate, graph)).toBe(false);
  });

  it('is false when units are scaled', () => {
    const factors = Float64Array.from({ length: 12 }, (_, unit) => 0.5 + unit / 6);
    const query = transformUnits(candidate, graph, { units: new Map(), factors: new Map([[space, factors]]) });
    expect(areUnitsInPlace(query, candidate, graph)).toBe(false);
  });

  it('is false for a stranger', () => {
    expect(areUnitsInPlace(net(3), candidate, graph)).toBe(false);
  });
});
