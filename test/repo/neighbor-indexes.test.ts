import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Member } from '../../src/lineage/model.ts';
import { createHnswIndex } from '../../src/neighbors/hnsw-index.ts';
import { parseManifestId, parseSpaceId } from '../../src/objects/ids.ts';
import { adviseOnGraphs, openNeighborIndexes } from '../../src/repo/neighbor-indexes.ts';
import { createArchive } from '../../src/repo/repository-archive.ts';
import { SKETCH_LENGTH, type Summary } from '../../src/sketch/summary.ts';
import { createRandom } from '../example/tiny-net.ts';

const hasHnsw = createHnswIndex(4, 1) !== undefined;
if (!hasHnsw) console.warn('SKIPPED: hnswlib-node is not installed; the approximate index is not tested.');

/** Members along a line in sketch space: each has its neighbours in order. */
function memberAt(step: number): Member {
  const random = createRandom(1);
  const centred = Float32Array.from({ length: SKETCH_LENGTH }, () => random() - 0.5 + (step * (random() - 0.5)) / 10);
  const summary: Summary = {
    format: 'npz',
    files: [],
    space: parseSpaceId('0'.repeat(64)),
    parameters: 1,
    tensors: [],
    sketch: centred,
    centred,
    norm: 1,
    kurtosis: 3,
    declared: {},
  };
  return { id: parseManifestId(step.toString(16).padStart(64, '0')), summary, source: `${step}` };
}

describe('the advice to install hnswlib-node', () => {
  it('is given once, and only where graphs would pay', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'wsvc-advice-'));
    const members = Array.from({ length: 20 }, (_, step) => memberAt(step));
    const limits = { members: 10, questionsToRead: 2, questionsToMake: 3 };
    const advise = (questions: number, isMissing: boolean, from = members) =>
      adviseOnGraphs(folder, from, questions, () => isMissing, limits);
    expect(advise(3, false)).toBeUndefined();
    expect(advise(2, true)).toBeUndefined();
    expect(advise(3, true, members.slice(0, 5))).toBeUndefined();
    expect(advise(3, true)).toContain('hnswlib-node is not installed');
    expect(advise(3, true)).toBeUndefined();
    await rm(folder, { recursive: true });
  });
});

describe.runIf(hasHnsw)('the approximate indexes of a repository', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-neighbors-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const reader = {
    weights: () => Promise.reject(new Error('unused')),
    samples: () => Promise.reject(new Error('unused')),
    axisGraph: () => Promise.reject(new Error('unused')),
  };

  it('answer as the exact index does, are kept, and follow the members', async () => {
    const members = Array.from({ length: 40 }, (_, step) => memberAt(step));
    const limits = { members: 10, questionsToRead: 2, questionsToMake: 3 };
    expect(await openNeighborIndexes(folder, members, 1, limits)).toHaveProperty('size', 0);
    expect(await openNeighborIndexes(folder, members, 2, limits)).toHaveProperty('size', 0);
    expect(await openNeighborIndexes(folder, members, 9, { ...limits, members: 40 })).toHaveProperty('size', 0);
    for (const present of [members.slice(0, 30), members, members.slice(5)]) {
      const indexes = await openNeighborIndexes(folder, present, 3, limits);
      expect([...indexes.values()].map(({ size }) => size)).toEqual([present.length]);
      const [approximate, exact] = [
        createArchive(present, reader, { graphs: indexes }),
        createArchive(present, reader),
      ];
      const query = memberAt(12).summary;
      const keys = (archive: typeof exact) => archive.neighbors('centred', query, 5).map(({ key }) => key);
      expect(keys(approximate)).toEqual(keys(exact));
    }
    expect((await readdir(path.join(folder, 'neighbors'))).length).toBeGreaterThan(0);
  });
});
