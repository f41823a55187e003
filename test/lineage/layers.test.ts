import { describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { addNoise, createGaussian, rename, toBf16 } from './alter.ts';
import { graphOf, idOf, membersOf, queryOf } from './small-zoo.ts';

const WIDTH = 24;
const HIDDEN = 60;

/** A transformer of three blocks with weights that are drawn: names that no rule knows, but for the feed-forward pair. */
function drawTransformer(seed: number, blocks = 3): Weights {
  const gaussian = createGaussian(seed);
  const draw = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, gaussian),
  });
  const block = (i: number) => [
    ...['a', 'b', 'c', 'd'].map((name) => [`layers.${i}.${name}.weight`, draw(WIDTH, WIDTH)] as const),
    [`layers.${i}.norm1.weight`, draw(WIDTH)] as const,
    [`layers.${i}.norm2.weight`, draw(WIDTH)] as const,
    [`layers.${i}.fc1.weight`, draw(HIDDEN, WIDTH)] as const,
    [`layers.${i}.fc2.weight`, draw(WIDTH, HIDDEN)] as const,
  ];
  return new Map([
    ['tok.weight', draw(40, WIDTH)],
    ...Array.from({ length: blocks }, (_, i) => block(i)).flat(),
    ['norm.weight', draw(WIDTH)],
    ['lm_head.weight', draw(40, WIDTH)],
  ]);
}

const RUN = [drawTransformer(1), drawTransformer(1)].map((weights, i) => addNoise(weights, 0.1 * i, 7));
const BASE = RUN[1] ?? new Map();

/** The blocks of the base in another order, or some twice. */
function stack(order: readonly number[], weights: Weights = BASE): Weights {
  const rest = [...weights].filter(([name]) => !name.startsWith('layers.'));
  const blocks = order.flatMap((from, to) =>
    [...weights]
      .filter(([name]) => name.startsWith(`layers.${from}.`))
      .map(([name, tensor]) => [name.replace(`layers.${from}.`, `layers.${to}.`), tensor] as const),
  );
  return new Map([...rest, ...blocks]);
}

function withNewBlock(): Weights {
  return new Map([...BASE, ...[...drawTransformer(5, 4)].filter(([name]) => name.startsWith('layers.3.'))]);
}

/** Hidden units of every feed-forward pair in another order. */
function permute(weights: Weights): Weights {
  const order = Array.from({ length: HIDDEN }, (_, i) => (i * 7 + 3) % HIDDEN);
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      if (name.endsWith('fc1.weight')) return [name, { shape, data: data.map((_, i) => rowOf(data, order, i)) }];
      if (name.endsWith('fc2.weight')) return [name, { shape, data: data.map((_, i) => columnOf(data, order, i)) }];
      return [name, { shape, data }];
    }),
  );
}

const rowOf = (data: Float32Array, order: readonly number[], i: number) =>
  data[(order[Math.floor(i / WIDTH)] ?? 0) * WIDTH + (i % WIDTH)] ?? 0;
const columnOf = (data: Float32Array, order: readonly number[], i: number) =>
  data[Math.floor(i / HIDDEN) * HIDDEN + (order[i % HIDDEN] ?? 0)] ?? 0;

async function ask(weights: Weights) {
  const entries = [...(await membersOf(0, RUN)), ...(await membersOf(1, [drawTransformer(2)]))].map((entry) => ({
    ...entry,
    graph: graphOf(entry.weights),
  }));
  return identifyCheckpoint(await queryOf(weights), memoryArchive(entries));
}

describe('a network whose layers are not those of its base', () => {
  it.each([
    ['a layer in the middle dropped', () => stack([0, 2]), 'pruned', 'Layers that are gone: layers.1.'],
    ['the last layer dropped', () => stack([0, 1]), 'pruned', 'Layers that are gone: layers.2.'],
    ['a layer twice', () => stack([0, 1, 1, 2]), 'head-replaced', 'Layers that stand twice: layers.2.'],
    ['a layer more', withNewBlock, 'head-replaced', 'Layers that are new: layers.3.'],
  ])('%s', async (_, question, relation, note) => {
    const answer = await ask(question());
    expect(answer).toMatchObject({ known: true, relation });
    expect(answer.nearest?.id).toBe(idOf(0, 1));
    expect(answer.notes).toContain(note);
  });

  it('finds dropped layers also where training went on', async () => {
    const answer = await ask(addNoise(stack([0, 2]), 0.2, 9));
    expect(answer.known).toBe(true);
    expect(answer.relation).toMatch(/^pruned\+/);
    const moved = answer.tensors.find(({ name }) => name === 'layers.1.a.weight');
    expect(moved?.match?.tensor).toBe('layers.2.a.weight');
  });

  it('is unknown as a stranger with a layer dropped', async () => {
    expect(await ask(stack([0, 2], drawTransformer(3)))).toMatchObject({ known: false });
  });
});

describe('a network whose feed-forward units were reordered and that was trained on', () => {
  it('is known by the matrices that kept their order', async () => {
    const answer = await ask(addNoise(permute(BASE), 0.1, 11));
    expect(answer.known).toBe(true);
    expect(answer.relation).toMatch(/^permuted\+/);
    expect(answer.nearest?.id).toBe(idOf(0, 1));
  });

  it('is unknown as a stranger', async () => {
    expect(await ask(permute(drawTransformer(3)))).toMatchObject({ known: false });
  });
});

/** Turns heads of attention: the rows of two layers by pairs, or the rows of one and the columns of the other. */
function rotate(weights: Weights): Weights {
  const angle = (row: number) => 0.6 + 0.3 * Math.floor(row / 2);
  const turn = (x: number, y: number, row: number) =>
    row % 2 === 0
      ? Math.cos(angle(row)) * x - Math.sin(angle(row)) * y
      : Math.cos(angle(row)) * x + Math.sin(angle(row)) * y;
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const isRow = /_proj[.]weight$/.test(name) && !name.includes('o_proj');
      if (isRow) {
        const at = (i: number) => data[i] ?? 0;
        return [
          name,
          {
            shape,
            data: data.map((x, i) =>
              turn(x, at(other(Math.floor(i / WIDTH)) * WIDTH + (i % WIDTH)), Math.floor(i / WIDTH)),
            ),
          },
        ];
      }
      if (!name.includes('o_proj')) return [name, { shape, data }];
      return [
        name,
        { shape, data: data.map((x, i) => turn(x, data[i - (i % WIDTH) + other(i % WIDTH)] ?? 0, i % WIDTH)) },
      ];
    }),
  );
}

const other = (row: number) => (row % 2 === 0 ? row + 1 : row - 1);
const named = (weights: Weights): Weights =>
  rename(weights, (name) =>
    name.replace(/[.]([abcd])[.]weight$/, (_, part: string) => `.${'qkvo'['abcd'.indexOf(part)]}_proj.weight`),
  );

describe('a network whose attention was multiplied by matrices that cancel', () => {
  const stored = named(BASE);
  const askNamed = async (question: Weights) =>
    identifyCheckpoint(
      await queryOf(question),
      memoryArchive(await membersOf(0, [named(RUN[0] ?? new Map()), stored])),
    );

  it('is its base rescaled', async () => {
    const answer = await askNamed(rotate(stored));
    expect(answer).toMatchObject({ known: true, relation: 'rescaled' });
    expect(answer.nearest?.id).toBe(idOf(0, 1));
  });

  it('is its base rescaled also where training went on', async () => {
    const answer = await askNamed(addNoise(rotate(stored), 0.05, 12));
    expect(answer.known).toBe(true);
    expect(answer.relation).toMatch(/^rescaled[+]/);
  });

  it('is its base rescaled and cast in half precision', async () => {
    const answer = await askNamed(toBf16(rotate(stored)));
    expect(answer).toMatchObject({ known: true, relation: 'rescaled+cast' });
    expect(answer.nearest?.id).toBe(idOf(0, 1));
  });

  it('is found where only some heads were turned, and noise was added', async () => {
    const some = new Map(
      [...rotate(stored)].map(([name, tensor]) => [
        name,
        name.startsWith('layers.1.') ? tensor : (stored.get(name) ?? tensor),
      ]),
    );
    const answer = await askNamed(addNoise(some, 0.05, 12));
    expect(answer.relation).toBe('rescaled+perturbed');
  });

  it('is unknown as a stranger', async () => {
    expect(await askNamed(rotate(named(drawTransformer(3))))).toMatchObject({ known: false });
  });
});

describe('a stranger that carries a head of a stored checkpoint', () => {
  it('stays unknown, and its head is named', async () => {
    const answer = await ask(
      new Map([...drawTransformer(3), ...[...BASE].filter(([name]) => name === 'lm_head.weight')]),
    );
    expect(answer.known).toBe(false);
    expect(answer.tensors.filter(({ match }) => match)).toEqual([
      { name: 'lm_head.weight', match: { id: idOf(0, 1), tensor: 'lm_head.weight' }, kind: 'identical' },
    ]);
    expect(answer.notes.join(' ')).toContain('1 of its tensors value by value (lm_head.weight)');
  });
});
