import { describe, expect, it } from 'vitest';
import { readAlterations, tensorFacts } from '../../src/lineage/alterations.ts';
import type { WeightArray, Weights } from '../../src/tensors/weights.ts';
import * as alter from './alter.ts';

function draw(rows: number, columns: number, seed: number): Weights {
  const gaussian = alter.createGaussian(seed);
  return new Map([
    ['w', { shape: [rows, columns], data: Float32Array.from({ length: rows * columns }, () => 0.1 * gaussian()) }],
  ]);
}

const factsOf = (weights: Weights) => {
  const tensor = weights.get('w');
  if (!tensor) throw new RangeError('The tensor is there.');
  return tensorFacts(tensor);
};

it('gains of a norm after its first steps lie on no lattice, and levels of one size do', () => {
  const gaussian = alter.createGaussian(11);
  const shape = [64];
  const moved = Float32Array.from({ length: 64 }, () => 1 + 5e-4 * gaussian());
  expect(tensorFacts({ shape, data: moved })).toEqual({ zeroCount: 0 });
  const signs = Float32Array.from({ length: 64 }, () => Math.sign(gaussian()) * 0.013);
  expect(tensorFacts({ shape, data: signs }).lattice?.granularity).toBe('tensor');
});

describe.each([
  [8, 24],
  [20, 36],
  [64, 64],
])('a tensor of %i x %i', (rows, columns) => {
  const plain = draw(rows, columns, 5);

  it('of plain values has neither grid nor lattice', () => {
    expect(factsOf(plain)).toEqual({ zeroCount: 0 });
  });

  it.each([
    ['bf16', alter.toBf16],
    ['fp16', alter.toFp16],
  ] as const)('shows that it was %s', (grid, cast) => {
    expect(factsOf(cast(plain))).toMatchObject({ grid });
    expect(factsOf(cast(plain)).lattice).toBeUndefined();
  });

  it.each([
    ['int8', 127, alter.perTensor, 'tensor'],
    ['int4', 7, alter.perTensor, 'tensor'],
    ['int8 per channel', 127, alter.perChannel, 'channel'],
    ['int4 per channel', 7, alter.perChannel, 'channel'],
  ] as const)('shows the lattice of %s, and half its step', (_, levels, span, granularity) => {
    const { lattice } = factsOf(alter.quantize(plain, levels, span));
    expect(lattice?.granularity).toBe(granularity);
    const data = plain.get('w')?.data ?? new Float32Array();
    const size = granularity === 'tensor' ? data.length : columns;
    const largest = data.subarray(0, size).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    expect((lattice?.halfSteps[0] ?? 0) / (largest / levels / 2)).toBeCloseTo(1, 3);
  });

  it('shows an int4 lattice through a later cast to fp16', () => {
    expect(factsOf(alter.toFp16(alter.quantize(plain, 7, alter.perTensor)))).toMatchObject({
      grid: 'fp16',
      lattice: { granularity: 'tensor' },
    });
  });

  it('counts zeros', () => {
    expect(factsOf(alter.prune(plain, 0.5)).zeroCount).toBe((rows * columns) / 2);
  });
});

it('finds blocks of 32, with and without an offset', () => {
  expect(factsOf(alter.quantize(draw(64, 64, 6), 7, alter.perBlock)).lattice?.granularity).toBe('block');
  expect(factsOf(alter.quantizeWithOffset(draw(64, 64, 6), 15)).lattice?.granularity).toBe('block');
});

it('finds nothing in a thousand random tensors', () => {
  for (let seed = 0; seed < 1000; seed++) {
    expect(factsOf(draw(4 + (seed % 9), 4 + ((seed * 7) % 40), 1000 + seed))).toEqual({ zeroCount: 0 });
  }
});

it('takes no constant, and no norm near one in bf16, for a lattice', () => {
  const gaussian = alter.createGaussian(9);
  const norm = new Map([['w', { shape: [64], data: Float32Array.from({ length: 64 }, () => 1 + 0.05 * gaussian()) }]]);
  expect(factsOf(alter.toBf16(norm)).lattice).toBeUndefined();
  for (let seed = 0; seed < 40; seed++)
    expect(factsOf(alter.toBf16(draw(32, 32 + seed, 2000 + seed))).lattice).toBeUndefined();
  const ones = new Map([['w', { shape: [8, 8], data: new Float32Array(64).fill(1) }]]);
  expect(factsOf(ones)).toEqual({ zeroCount: 0 });
});

describe('of thousands of tensors of one shape', () => {
  const many = (alterOne: (weights: Weights, i: number) => Weights): Weights =>
    new Map(
      Array.from({ length: 1500 }, (_, i): [string, WeightArray] => {
        const altered = alterOne(draw(4, 8, i), i).get('w');
        if (!altered) throw new RangeError('The tensor is there.');
        return [`experts.${i}`, altered];
      }),
    );
  const countLattices = (weights: Weights) =>
    [...readAlterations(weights).values()].filter(({ lattice }) => lattice !== undefined).length;

  it('all are asked where some of them lie on a lattice', () => {
    expect(countLattices(many((weights) => alter.quantize(weights, 7, alter.perTensor)))).toBe(1500);
    const half = many((weights, i) => (i % 2 === 0 ? alter.quantize(weights, 7, alter.perTensor) : weights));
    expect(countLattices(half)).toBe(750);
  });

  it('none has one where none of those asked has', () => {
    expect(countLattices(many((weights) => weights))).toBe(0);
    const facts = readAlterations(many((weights) => alter.prune(weights, 0.5)));
    expect([...facts.values()].every(({ zeroCount }) => zeroCount === 16)).toBe(true);
  });
});
