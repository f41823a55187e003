import { beforeAll, describe, expect, it } from 'vitest';
import { layoutOffsets } from '../../src/diff/layout.ts';
import { foldCopies } from '../../src/lineage/copies.ts';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { judgePair, type PairSide } from '../../src/lineage/judge-pair.ts';
import { type MemoryEntry, memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Identification } from '../../src/lineage/model.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from './alter.ts';
import { summarizeWeights } from './memory-checkpoint.ts';
import { archiveOf, toEntry } from './pile.ts';
import { graphOf, idOf, membersOf, queryOf, trainRun } from './small-zoo.ts';

let runs: (readonly Weights[])[] = [];
const at = (run: number, position: number): Weights => runs[run]?.[position] ?? new Map();

beforeAll(() => {
  runs = [11, 12].map((seed) => trainRun({ seed, epochs: 6 }));
});

/** The question among stored files that were all rounded. */
async function askAmong(round: (weights: Weights) => Weights, question: Weights): Promise<Identification> {
  const entries: MemoryEntry[] = [];
  for (const [run, checkpoints] of runs.entries()) entries.push(...(await membersOf(run, checkpoints.map(round))));
  return identifyCheckpoint(await queryOf(question), memoryArchive(entries));
}

const int4 = (weights: Weights) => alter.quantize(weights, 7, alter.perTensor);
const int8 = (weights: Weights) => alter.quantize(weights, 127, alter.perChannel);
const blocks = (weights: Weights) => alter.quantize(weights, 7, alter.perBlock);
const keep = (weights: Weights) => weights;
const scaled = (weights: Weights, factor: number) =>
  alter.mapTensors(weights, ({ data }) => data.map((x) => x * factor));

describe('the right word', () => {
  const cases: readonly (readonly [string, (w: Weights) => Weights, (w: Weights) => Weights, string, string])[] = [
    ['the original of a stored bf16', alter.toBf16, keep, 'cast', 'backward'],
    ['the original of a stored fp16', alter.toFp16, keep, 'cast', 'backward'],
    ['the original of a stored int4', int4, keep, 'quantized', 'backward'],
    ['int4 in blocks where int4 per tensor is stored', int4, blocks, 'quantized', 'siblings'],
    ['a copy scaled as a whole', keep, (weights) => scaled(weights, 0.9), 'rescaled', 'forward'],
    ['a scaled copy in bf16', keep, (weights) => alter.toBf16(scaled(weights, 2.5)), 'rescaled+cast', 'forward'],
  ];

  it.each(cases)('for %s', async (_, store, question, relation, direction) => {
    const answer = await askAmong(store, question(at(1, 3)));
    expect(answer).toMatchObject({ known: true, relation, direction });
    expect(answer.nearest?.id).toBe(idOf(1, 3));
  });
});

/** A step so small that of values in bf16 one in so many goes to the next. */
function moveFew(weights: Weights, every: number): Weights {
  return alter.mapTensors(weights, ({ data }) => {
    const bits = new Uint32Array(data.slice().buffer);
    for (let i = every - 1; i < bits.length; i += every) bits[i] = (bits[i] ?? 0) + 0x10000;
    return new Float32Array(bits.buffer);
  });
}

describe('a bf16 checkpoint after a step that changes few of its values', () => {
  it.each([20, 7, 2])('is no copy: one in %i', async (every) => {
    const last = alter.toBf16(at(1, 5));
    const answer = await askAmong(alter.toBf16, moveFew(last, every));
    expect(answer).toMatchObject({ known: true, direction: 'forward', nearest: { id: idOf(1, 5) } });
    expect(['next', 'fine-tuned', 'perturbed', 'between']).toContain(answer.relation);
  });
});

describe('a run in bf16 whose steps are as short as the spacing of its values', () => {
  const random = alter.createGaussian(77);
  const start: Weights = new Map([
    ['fc1.weight', { shape: [128, 64], data: Float32Array.from({ length: 128 * 64 }, () => 0.1 * random()) }],
    ['fc2.weight', { shape: [32, 128], data: Float32Array.from({ length: 32 * 128 }, () => 0.1 * random()) }],
  ]);
  const drift = alter.mapTensors(start, ({ data }) => data.map(() => 0.001 * random()));
  /** So many steps on: half of each is the same for all, half is noise. */
  function walk(steps: number, size: number): readonly Weights[] {
    const states = [start];
    for (let step = 1; step < steps; step++)
      states.push(
        alter.mapTensors(states.at(-1) ?? start, ({ data }, name) =>
          data.map((x, i) => x + size * ((drift.get(name)?.data[i] ?? 0) + 0.0005 * random())),
        ),
      );
    return states.map(alter.toBf16);
  }

  it.each([0.3, 0.1, 0.02])('has no averages of itself: steps of %f', async (size) => {
    const states = walk(5, size);
    for (const [i, state] of states.entries()) {
      const others = states.filter((_, k) => k !== i);
      const entries = await membersOf(0, others);
      const answer = await identifyCheckpoint(await queryOf(state), memoryArchive(entries));
      expect(answer.known).toBe(true);
      expect(answer.relation).not.toMatch(/averaged|merged|cast|quantized|low-rank/);
    }
  });

  it('and an average of two that lie apart is one', async () => {
    const states = walk(12, 1);
    const mean = alter.toBf16(alter.average([states[2] ?? start, states[9] ?? start], [0.3, 0.7]));
    const answer = await identifyCheckpoint(await queryOf(mean), memoryArchive(await membersOf(0, states)));
    expect(answer.relation).toMatch(/averaged/);
  });
});

describe('an average of a run whose matrices were then rounded', () => {
  it.each([
    ['int4 per tensor', int4],
    ['int8 per channel', int8],
    ['int4 in blocks', blocks],
  ] as const)('%s', async (_, round) => {
    const mean = alter.average([at(1, 2), at(1, 3), at(1, 5)], [0.5, 0.3, 0.2]);
    const answer = await askAmong(keep, round(mean));
    expect(answer).toMatchObject({ known: true, relation: 'averaged+quantized' });
    const weights = new Map(answer.parents.map(({ id, weight }) => [id, weight]));
    for (const [position, weight] of [
      [2, 0.5],
      [3, 0.3],
      [5, 0.2],
    ] as const)
      expect(weights.get(idOf(1, position))).toBeCloseTo(weight, 2);
    expect(weights.size).toBe(3);
  });
});

const fewBits = (weights: Weights) => alter.quantize(weights, 7, alter.perChannel);

/** Enough weights for some to lie where two roundings part. */
const wide: Weights = new Map(
  [
    ['fc1.weight', 64, 32],
    ['fc2.weight', 64, 64],
    ['fc3.weight', 10, 64],
  ].map(([name, rows, columns], i) => [
    String(name),
    {
      shape: [Number(rows), Number(columns)],
      data: Float32Array.from({ length: Number(rows) * Number(columns) }, alter.createGaussian(i + 1)),
    },
  ]),
);

/** Off by so many roundings of the largest value, up or down or not. */
function computedAgain(weights: Weights, roundings: number): Weights {
  const draw = alter.createGaussian(9);
  return alter.mapTensors(weights, ({ data }) => {
    const unit = 2 ** -24 * data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    return data.map((x) => x + roundings * unit * Math.sign(draw()));
  });
}

/** A copy of which the values of some places are others. */
function spoil(weights: Weights, places: readonly number[], value: number): Weights {
  return alter.mapTensors(weights, ({ data }, name) =>
    name === 'fc2.weight' ? data.map((x, i) => (places.includes(i) ? value : x)) : data,
  );
}

describe('a copy of which a few values were changed', () => {
  it.each([
    ['one value', keep, [7], 0.5],
    ['one value is no number', keep, [7], Number.NaN],
    ['one value is infinite', keep, [7], Number.POSITIVE_INFINITY],
    ['three values of bf16', alter.toBf16, [7, 99, 200], 0.5],
  ] as const)('%s: is no copy', async (_, round, places, value) => {
    const answer = await askAmong(round, spoil(round(at(1, 3)), places, value));
    expect(answer).toMatchObject({ known: true });
    expect(answer.nearest?.id).toBe(idOf(1, 3));
    expect(answer.relation).not.toMatch(/recontained|identical|^cast$/);
    if (!Number.isFinite(value)) {
      expect(answer.confidence).toBeLessThanOrEqual(0.5);
      expect(answer.notes.join(' ')).toContain('1 values are infinite or not a number');
    }
  });
});

async function sideOf(name: string, weights: Weights, position: number): Promise<PairSide> {
  return { id: idOf(0, position), name, summary: await summarizeWeights(weights), weights, graph: graphOf(weights) };
}

describe('two files', () => {
  const cases: readonly (readonly [string, () => Weights, () => Weights, string, string])[] = [
    ['one quantised', () => at(0, 4), () => int8(at(0, 4)), 'quantized', 'forward'],
    ['the other quantised', () => int8(at(0, 4)), () => at(0, 4), 'quantized', 'backward'],
    [
      'pruned under other names',
      () => at(0, 4),
      () => alter.rename(alter.prune(at(0, 4), 0.6), (_, i) => `p${i}`),
      'pruned',
      'forward',
    ],
    ['int4 and int4 of int8', () => fewBits(wide), () => fewBits(int8(wide)), 'quantized', 'siblings'],
    [
      'int4 and its pruned copy',
      () => fewBits(at(0, 4)),
      () => alter.prune(fewBits(at(0, 4)), 0.4),
      'pruned',
      'forward',
    ],
    ['one computed again', () => at(0, 4), () => computedAgain(at(0, 4), 1), 'recontained', 'unknown'],
    ['one with noise above rounding', () => at(0, 4), () => computedAgain(at(0, 4), 64), 'perturbed', 'unknown'],
    ['of one run', () => at(0, 4), () => at(0, 6), 'fine-tuned', 'unknown'],
    ['that are strangers', () => at(0, 4), () => at(1, 4), 'unrelated', 'unknown'],
  ];

  it.each(cases)('%s', async (_, first, second, relation, direction) => {
    const verdict = await judgePair(await sideOf('a', first(), 0), await sideOf('b', second(), 1));
    expect(verdict).toMatchObject({ relation, direction });
    expect(verdict.known).toBe(relation !== 'unrelated');
    if (verdict.known) expect(verdict.logPValue).toBeLessThan(Math.log(1e-6));
  });
});

/** A convolution of 6 channels and the dense layer that reads its 3 x 3 map, as PyTorch keeps them. */
function drawNet(seed: number): Weights {
  const gaussian = alter.createGaussian(seed);
  const draw = (shape: readonly number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, gaussian),
  });
  return new Map([
    ['conv.weight', draw([6, 2, 3, 3])],
    ['fc.weight', draw([12, 54])],
  ]);
}

/** The dense layer as a channels-last framework keeps it. */
function channelsLast(weights: Weights): Weights {
  const dense = weights.get('fc.weight');
  if (!dense) throw new Error('The net has a dense layer.');
  const kept = layoutOffsets({ view: [12, 6, 9], order: [0, 2, 1], shape: dense.shape }, 1);
  return new Map([...weights, ['fc.weight', { ...dense, data: Float32Array.from(kept, (k) => dense.data[k] ?? 0) }]]);
}

describe('one content in two layouts', () => {
  it('is one node of the forest, and that in the layout of its neighbours', async () => {
    const net = drawNet(1);
    const entries = await Promise.all([
      toEntry('a-last', channelsLast(net)),
      toEntry('b-first', net),
      toEntry('c-next', alter.addNoise(net, 0.01, 2)),
      toEntry('d-other', drawNet(3)),
    ]);
    const nodes = await foldCopies(entries, archiveOf(entries));
    const folded = nodes.find(({ copies }) => copies.length > 0);
    expect(nodes).toHaveLength(3);
    expect(folded?.original.source).toBe('b-first');
    expect(folded?.copies.map(({ member, relation }) => [member.source, relation])).toEqual([
      ['a-last', 'recontained'],
    ]);
  });
});
