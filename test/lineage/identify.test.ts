import { beforeAll, describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { type MemoryEntry, memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive, Identification } from '../../src/lineage/model.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from './alter.ts';
import { reorderUnits } from './reorder-units.ts';
import { graphOf, idOf, membersOf, queryOf, trainRun } from './small-zoo.ts';

const EPOCHS = 9;
let runs: (readonly Weights[])[] = [];
let entries: MemoryEntry[] = [];
let archive: Archive;

const at = (run: number, position: number): Weights => runs[run]?.[position] ?? new Map();
const ask = async (weights: Weights, among: Archive = archive): Promise<Identification> =>
  identifyCheckpoint(await queryOf(weights), among);

beforeAll(async () => {
  runs = [1, 2, 3, 4, 5].map((seed) => trainRun({ seed, epochs: EPOCHS }));
  // Two forks of run 0, on other data.
  runs.push(
    trainRun({ seed: 61, epochs: 4, data: 2, start: at(0, 6) }),
    trainRun({ seed: 62, epochs: 4, data: 3, start: at(0, 6) }),
  );
  entries = (await Promise.all(runs.map((run, i) => membersOf(i, run)))).flat();
  archive = memoryArchive(entries);
});

describe('a stored checkpoint, altered', () => {
  const base = () => at(1, 5);
  const cases: readonly (readonly [string, () => Weights, string])[] = [
    ['itself', base, 'identical'],
    ['renamed', () => alter.rename(base(), (_, i) => `p${i}`), 'identical|recontained'],
    ['transposed', () => alter.transpose(base()), 'recontained'],
    ['bf16', () => alter.toBf16(base()), 'cast'],
    ['fp16', () => alter.toFp16(base()), 'cast'],
    ['int8 per tensor', () => alter.quantize(base(), 127, alter.perTensor), 'quantized'],
    ['int8 per channel', () => alter.quantize(base(), 127, alter.perChannel), 'quantized'],
    ['int4 per tensor', () => alter.quantize(base(), 7, alter.perTensor), 'quantized'],
    ['int4 in blocks of 32', () => alter.quantize(base(), 7, alter.perBlock), 'quantized'],
    ['int4 in blocks with an offset', () => alter.quantizeWithOffset(base(), 15), 'quantized'],
    ['noise of 1 %', () => alter.addNoise(base(), 0.01, 9), 'perturbed'],
    ['noise of 20 %', () => alter.addNoise(base(), 0.2, 9), 'perturbed'],
    ['pruned by half', () => alter.prune(base(), 0.5), 'pruned'],
    ['pruned by 80 % over all', () => alter.prune(base(), 0.8, true), 'pruned'],
    ['last layer drawn anew', () => alter.replaceHead(base(), 'fc3', 6, 4), 'head-replaced'],
    ['last layer of another size', () => alter.replaceHead(base(), 'fc3', 9, 4), 'head-replaced'],
    ['an update of rank 2', () => alter.addLowRank(base(), 2, 0.2, 4), 'low-rank'],
    ['units permuted', () => reorderUnits(base(), graphOf(base()), { seed: 3 }), 'permuted'],
    ['units permuted and flipped', () => reorderUnits(base(), graphOf(base()), { seed: 3, flip: true }), 'permuted'],
    ['units rescaled', () => reorderUnits(base(), graphOf(base()), { seed: 3, scale: 0.5 }), 'permuted+rescaled'],
    ['pruned and cast', () => alter.toBf16(alter.prune(base(), 0.5)), 'pruned+cast'],
    [
      'permuted and quantised',
      () => alter.quantize(reorderUnits(base(), graphOf(base()), { seed: 3 }), 7, alter.perTensor),
      'permuted+quantized',
    ],
  ];

  it.each(cases)('%s', async (_, weights, relation) => {
    const answer = await ask(weights());
    expect(answer.known).toBe(true);
    expect(relation.split('|')).toContain(answer.relation);
    expect(answer.nearest?.id).toBe(idOf(1, 5));
    expect(answer.trajectory).toBe('run-1');
    expect(answer.position).toBe(5);
    expect(answer.parents).toEqual([{ id: idOf(1, 5), weight: 1 }]);
    expect(answer.confidence).toBeGreaterThan(0.8);
  });
});

describe('a mixture', () => {
  it('of one run is averaged, with its coefficients', async () => {
    const answer = await ask(alter.average([at(2, 3), at(2, 4), at(2, 7)], [0.2, 0.3, 0.5]));
    expect(answer.relation).toBe('averaged');
    expectParents(answer, [
      [idOf(2, 7), 0.5],
      [idOf(2, 4), 0.3],
      [idOf(2, 3), 0.2],
    ]);
    expect(answer.position).toBeCloseTo(5.3, 4);
  });

  it('of two fine-tunes and their base is merged, also when the base is subtracted', async () => {
    const answer = await ask(alter.average([at(5, 3), at(6, 3), at(0, 6)], [0.7, 0.6, -0.3]));
    expect(answer.relation).toBe('merged');
    expectParents(answer, [
      [idOf(5, 3), 0.7],
      [idOf(6, 3), 0.6],
      [idOf(0, 6), -0.3],
    ]);
    expect(answer.trajectory).toBeUndefined();
  });

  it('keeps its parents through a cast', async () => {
    const answer = await ask(alter.toBf16(alter.average([at(2, 1), at(2, 8)], [0.5, 0.5])));
    expect(answer.relation).toBe('averaged+cast');
    expect(new Set(answer.parents.map(({ id }) => id))).toEqual(new Set([idOf(2, 1), idOf(2, 8)]));
  });

  it('of layers is told apart tensor by tensor', async () => {
    const stitched: Weights = new Map(
      [...at(1, 8)].map(([name, tensor]) => [name, name.startsWith('fc3') ? (at(3, 8).get(name) ?? tensor) : tensor]),
    );
    const answer = await ask(stitched);
    expect(answer.relation).toBe('merged');
    const sources = new Map(answer.tensors.map(({ name, match }) => [name, match?.id]));
    expect(sources.get('fc1.weight')).toBe(idOf(1, 8));
    expect(sources.get('fc3.weight')).toBe(idOf(3, 8));
  });
});

function expectParents({ parents }: Identification, expected: readonly (readonly [string, number])[]): void {
  expect(parents.map(({ id }) => id)).toEqual(expected.map(([id]) => id));
  parents.forEach(({ weight }, i) => {
    expect(weight).toBeCloseTo(expected[i]?.[1] ?? Number.NaN, 4);
  });
}

describe('a checkpoint that is not stored', () => {
  it('between two of its run has a position between them', async () => {
    const without = memoryArchive(entries.filter(({ id }) => id !== idOf(3, 4)));
    const answer = await ask(at(3, 4), without);
    expect(answer.relation).toBe('between');
    expect([idOf(3, 3), idOf(3, 5)]).toContain(answer.nearest?.id);
    expect(Math.abs((answer.position ?? 0) - 4)).toBeLessThan(0.3);
  });

  it('after the last of its run comes next', async () => {
    const before = memoryArchive(entries.filter(({ id }) => id !== idOf(3, EPOCHS)));
    const answer = await ask(at(3, EPOCHS), before);
    expect(answer.relation).toBe('next');
    expect(answer.nearest?.id).toBe(idOf(3, EPOCHS - 1));
    expect(answer.position).toBeGreaterThan(EPOCHS - 1);
  });
});

describe('names that no rule knows', () => {
  const stems: Record<string, string> = { fc1: 'inlet', fc2: 'middle', fc3: 'outlet' };
  const anonymous = (weights: Weights): Weights =>
    new Map([...weights].map(([name, tensor]) => [name.replace(/^fc\d/, (stem) => stems[stem] ?? stem), tensor]));
  const storedAs = async (leaveOut?: number) =>
    memoryArchive(
      (await Promise.all(runs.slice(0, 3).map((run, i) => membersOf(i, run.map(anonymous))))).flatMap((run, i) =>
        run.filter((_, position) => i !== 2 || position !== leaveOut),
      ),
    );

  it('leave a held-out checkpoint known and in its place', async () => {
    const answer = await ask(anonymous(at(2, 4)), await storedAs(4));
    expect(answer).toMatchObject({ known: true, relation: 'between', trajectory: 'run-2' });
    expect(Math.abs((answer.position ?? 0) - 4)).toBeLessThan(0.3);
  });

  it.each([
    ['permuted', (weights: Weights) => weights],
    ['permuted+quantized', (weights: Weights) => alter.quantize(weights, 127, alter.perTensor)],
    ['permuted+cast', alter.toBf16],
  ] as const)('leave a copy with its units in another order recognised: %s', async (relation, after) => {
    const moved = reorderUnits(at(1, 5), graphOf(at(1, 5)), { seed: 3 });
    const answer = await ask(anonymous(after(moved)), await storedAs());
    expect(answer).toMatchObject({ known: true, relation, trajectory: 'run-1', position: 5 });
    expect(answer.tensors.find(({ name }) => name === 'middle.weight')?.kind).toBe('permuted');
  });

  it('leave a doubt where some units moved and the rest was trained on', async () => {
    const tuned = at(5, 2);
    const moved = reorderUnits(tuned, graphOf(tuned), { seed: 3 });
    const half: Weights = new Map([
      ...tuned,
      ['fc2.weight', moved.get('fc2.weight') ?? { shape: [], data: new Float32Array() }],
    ]);
    const answer = await ask(anonymous(half), await storedAs());
    expect(answer.confidence).toBeLessThan(0.9);
  });

  it('leave a fine-tuned copy known, and strangers unknown', async () => {
    const archive = await storedAs();
    expect((await ask(anonymous(at(5, 2)), archive)).known).toBe(true);
    for (const run of [3, 4]) expect((await ask(anonymous(at(run, 5)), archive)).known).toBe(false);
  });
});

describe('a stranger', () => {
  const strangers = [101, 102, 103].flatMap((seed) => {
    const [trained] = trainRun({ seed, epochs: EPOCHS }).slice(-1);
    const weights = trained ?? new Map();
    return [
      ['plain', weights],
      ['cast', alter.toBf16(weights)],
      ['quantised', alter.quantize(weights, 7, alter.perTensor)],
      ['pruned', alter.prune(weights, 0.8)],
      ['permuted', reorderUnits(weights, graphOf(weights), { seed })],
    ] as const;
  });

  it.each(strangers)('%s is unknown', async (_, weights) => {
    const answer = await ask(weights);
    expect(answer).toMatchObject({ known: false, relation: 'unrelated', parents: [] });
    expect(answer.nearest).toBeUndefined();
    expect(answer.confidence).toBeGreaterThan(0.5);
  });

  it('with a basis that everybody has is unknown', async () => {
    const basis = { shape: [24, 12], data: Float32Array.from({ length: 288 }, (_, i) => Math.sin(i * 0.37)) };
    const withBasis = (weights: Weights): Weights => new Map([...weights, ['fc1.weight', basis]]);
    const stored = memoryArchive(await membersOf(1, [withBasis(at(1, EPOCHS))]));
    expect((await ask(withBasis(at(2, EPOCHS)), stored)).known).toBe(false);
  });

  it('is unknown to an empty archive, and to one with nothing comparable', async () => {
    expect((await ask(at(0, 3), memoryArchive([]))).known).toBe(false);
    const other: Weights = new Map([['x', { shape: [3, 5], data: Float32Array.from({ length: 15 }, (_, i) => i) }]]);
    expect((await ask(other)).known).toBe(false);
  });
});

describe('an archive of one', () => {
  it('knows a noisy copy of its member, and no stranger', async () => {
    const one = memoryArchive(await membersOf(1, [at(1, 5)]));
    expect((await ask(alter.addNoise(at(1, 5), 0.05, 2), one)).relation).toBe('perturbed');
    expect((await ask(at(2, 5), one)).known).toBe(false);
  });

  it('knows a permuted copy that is exact', async () => {
    const one = memoryArchive(await membersOf(1, [at(1, 5)]));
    const answer = await ask(reorderUnits(at(1, 5), graphOf(at(1, 5)), { seed: 8 }), one);
    expect(answer.relation).toBe('permuted');
  });
});

it('answers the same question in the same way', async () => {
  const weights = alter.addNoise(at(4, 4), 0.1, 5);
  expect(await ask(weights)).toEqual(await ask(weights));
});
