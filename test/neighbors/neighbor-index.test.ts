import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNeighborIndex, updateIndex } from '../../src/neighbors/create-index.ts';
import { createExactIndex } from '../../src/neighbors/exact-index.ts';
import { createHnswIndex, type HnswIndex } from '../../src/neighbors/hnsw-index.ts';
import { loadNeighborIndex, saveNeighborIndex } from '../../src/neighbors/index-file.ts';
import type { NeighborIndex } from '../../src/neighbors/neighbor-index.ts';

const hasHnswlib = createHnswIndex(2, 1) !== undefined;
if (!hasHnswlib) console.warn('SKIPPED: tests of the HNSW index, because hnswlib-node is not installed.');

function createHnsw(dimension: number, capacity = 4): HnswIndex {
  const index = createHnswIndex(dimension, capacity);
  if (index === undefined) throw new Error('hnswlib-node is not installed');
  return index;
}

/** Deterministic values with mean 0 and deviation 1. */
function createNormals(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Runs of checkpoints: random starts, smooth drift, small noise. */
function trajectories(runs: number, length: number, dimension: number): Float32Array[] {
  const normal = createNormals(7);
  return Array.from({ length: runs }, () => {
    const start = Array.from({ length: dimension }, normal);
    const drift = Array.from({ length: dimension }, normal);
    return Array.from({ length }, (_, t) =>
      Float32Array.from(start, (value, i) => value + 1.5 * Math.sqrt(t / length) * (drift[i] ?? 0) + 0.15 * normal()),
    );
  }).flat();
}

const kinds = [
  { kind: 'exact', create: createExactIndex },
  ...(hasHnswlib ? [{ kind: 'hnsw', create: (dimension: number): NeighborIndex => createHnsw(dimension) }] : []),
];

describe.each(kinds)('contract: $kind', ({ create }) => {
  const unit = (...values: readonly number[]): Float32Array => Float32Array.from(values);

  test('an empty index finds nothing', () => {
    expect(create(3).search(unit(1, 0, 0), 5)).toEqual([]);
    expect(create(3).size).toBe(0);
  });

  test('finds the most similar, best first, whatever the lengths', () => {
    const index = create(3);
    index.add('x', unit(5, 0, 0));
    index.add('xy', unit(0.1, 0.1, 0));
    index.add('-x', unit(-2, 0, 0));
    const found = index.search(unit(100, 1, 0), 2);
    expect(found.map(({ key }) => key)).toEqual(['x', 'xy']);
    expect(found[0]?.cosine).toBeCloseTo(0.99995, 4);
    expect(index.search(unit(1, 0, 0), 9).map(({ key }) => key)).toEqual(['x', 'xy', '-x']);
    expect(index.search(unit(1, 0, 0), 9)[2]?.cosine).toBeCloseTo(-1, 5);
  });

  test('none are asked for, none are found', () => {
    const index = create(2);
    index.add('a', unit(1, 1));
    expect(index.search(unit(1, 0), 0)).toEqual([]);
  });

  test('a vector that is all zero has the cosine 0', () => {
    const index = create(2);
    index.add('zero', unit(0, 0));
    expect(index.search(unit(1, 0), 1)).toEqual([{ key: 'zero', cosine: 0 }]);
    index.add('a', unit(1, 0));
    expect(index.search(unit(0, 0), 2).map(({ cosine }) => cosine)).toEqual([0, 0]);
  });

  test('adding a key again replaces its vector', () => {
    const index = create(2);
    index.add('a', unit(1, 0));
    index.add('b', unit(1, 1));
    index.add('a', unit(0, 1));
    expect(index.size).toBe(2);
    expect(index.search(unit(1, 0), 2).map(({ key }) => key)).toEqual(['b', 'a']);
  });

  test('what is removed is not found, and removing what is not there is no error', () => {
    const index = create(2);
    for (const [i, key] of ['a', 'b', 'c'].entries()) index.add(key, unit(1, i));
    index.remove('a');
    index.remove('nothing');
    expect([index.size, index.has('a'), index.has('b')]).toEqual([2, false, true]);
    expect(index.search(unit(1, 0), 3).map(({ key }) => key)).toEqual(['b', 'c']);
    index.remove('b');
    index.remove('c');
    expect(index.search(unit(1, 0), 3)).toEqual([]);
  });

  test('a vector of another length is refused', () => {
    const index = create(3);
    expect(() => index.add('a', unit(1, 0))).toThrow();
    expect(() => index.search(unit(1, 0), 1)).toThrow();
  });

  test('any history of additions and removals leaves what a map would hold', () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 50 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = create(2);
        const expected = new Map<string, number>();
        for (const [isAddition, key, angle] of steps) {
          if (isAddition) index.add(String(key), unit(Math.cos(angle), Math.sin(angle)));
          else index.remove(String(key));
          if (isAddition) expected.set(String(key), angle);
          else expected.delete(String(key));
        }
        const found = index.search(unit(1, 0), 100);
        expect(found.map(({ key }) => key).sort()).toEqual([...expected.keys()].sort());
        for (const { key, cosine } of found) expect(cosine).toBeCloseTo(Math.cos(expected.get(key) ?? 0), 4);
      }),
      { numRuns: 40 },
    );
  });
});

test.each([
  { size: 100, queries: 100, isApproximate: false },
  { size: 100_000, queries: 1, isApproximate: false },
  { size: 2000, queries: 2000, isApproximate: true },
])('for $size vectors and $queries queries the approximate index is chosen: $isApproximate', (plan) => {
  const made: number[] = [];
  const create = (_: number, capacity: number): NeighborIndex => {
    made.push(capacity);
    return createExactIndex(2);
  };
  createNeighborIndex(2, plan.size, plan.queries, create);
  expect(made).toEqual(plan.isApproximate ? [plan.size] : []);
});

test('without HNSW the exact index answers', () => {
  const index = createNeighborIndex(2, 2000, 2000, () => undefined);
  index.add('a', Float32Array.of(1, 0));
  expect(index.search(Float32Array.of(1, 0), 1)).toHaveLength(1);
});

describe.skipIf(!hasHnswlib)('HNSW', () => {
  const vectors = trajectories(150, 20, 64);
  let exact: NeighborIndex;
  let hnsw: HnswIndex;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wsvc-neighbors-'));
    exact = createExactIndex(64);
    hnsw = createHnsw(64, 16);
    for (const [i, vector] of vectors.entries()) {
      exact.add(`v${i}`, vector);
      hnsw.add(`v${i}`, vector);
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([{ k: 1 }, { k: 10 }, { k: 32 }])('recall at $k against the oracle', ({ k }) => {
    let hits = 0;
    let asked = 0;
    for (let i = 0; i < vectors.length; i += 13) {
      const query = vectors[i] ?? new Float32Array(64);
      const found = new Set(hnsw.search(query, k).map(({ key }) => key));
      for (const { key } of exact.search(query, k)) hits += found.has(key) ? 1 : 0;
      asked += k;
    }
    expect(hits / asked).toBeGreaterThan(0.98);
  });

  test('an index is loaded as it was saved, removals included', async () => {
    const path = join(folder, 'derived', 'space.centred');
    const index = createHnsw(64);
    for (const [i, vector] of vectors.slice(0, 200).entries()) index.add(`v${i}`, vector);
    index.remove('v3');
    await saveNeighborIndex(path, index, 'generation 1');
    const query = vectors[3] ?? new Float32Array(64);
    const before = await loadNeighborIndex(path, 64);
    expect(before?.generation).toBe('generation 1');
    expect(before?.index.search(query, 10)).toEqual(index.search(query, 10));
    index.add('v3', query);
    await saveNeighborIndex(path, index, 'generation 2');
    const after = await loadNeighborIndex(path, 64);
    expect(after?.generation).toBe('generation 2');
    expect(after?.index.search(query, 1)[0]?.key).toBe('v3');
    after?.index.add('new', query);
    expect(after?.index.size).toBe(201);
    expect(await readdir(join(folder, 'derived'))).toHaveLength(2);
  });

  test('a saved index is brought up to date', () => {
    const index = createHnsw(64);
    const all = new Map(vectors.slice(0, 20).map((vector, i) => [`v${i}`, vector]));
    expect(updateIndex(index, all)).toBe(true);
    expect(updateIndex(index, all)).toBe(false);
    const fewer = new Map([...all].slice(5));
    expect(updateIndex(index, fewer)).toBe(true);
    expect([index.size, index.has('v4'), index.has('v5')]).toEqual([15, false, true]);
  });

  test('what is damaged, missing or of another dimension counts as absent', async () => {
    const path = join(folder, 'damaged');
    const index = createHnsw(64);
    for (const [i, vector] of vectors.slice(0, 30).entries()) index.add(`v${i}`, vector);
    expect(await loadNeighborIndex(path, 64)).toBeUndefined();
    await saveNeighborIndex(path, index, 'g');
    expect(await loadNeighborIndex(path, 32)).toBeUndefined();
    const files = (await readdir(folder))
      .filter((name) => name.startsWith('damaged'))
      .map((name) => join(folder, name));
    expect(files).toHaveLength(2);
    for (const file of files) {
      const bytes = await readFile(file);
      for (const at of [0, 70, bytes.byteLength >> 1, bytes.byteLength - 1]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await writeFile(file, changed);
        expect(await loadNeighborIndex(path, 64)).toBeUndefined();
      }
      await writeFile(file, bytes.subarray(0, bytes.byteLength >> 1));
      expect(await loadNeighborIndex(path, 64)).toBeUndefined();
      await writeFile(file, bytes);
    }
    expect((await loadNeighborIndex(path, 64))?.index.size).toBe(30);
    for (const file of files) {
      await rm(file);
      expect(await loadNeighborIndex(path, 64)).toBeUndefined();
    }
  });
});
