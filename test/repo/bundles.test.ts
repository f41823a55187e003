import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifestId } from '../../src/objects/ids.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { chunksOf } from '../../src/repo/better-bases.ts';
import { bundlesOf, groupTensors } from '../../src/repo/bundles.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { readRecordedCheckpoints } from '../../src/repo/recorded-checkpoints.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, writeModel } from './workspace.ts';

const NO_MANIFEST = parseManifestId('0'.repeat(64));

interface Placed {
  readonly entry: { readonly name: string; readonly dtype: DType };
  readonly offset: number;
  readonly byteLength: number;
}

/** Tensors one after the other. */
function inRow(names: readonly string[], byteLength: number, dtype: DType = 'f32', start = 0): readonly Placed[] {
  return names.map((name, i) => ({ entry: { name, dtype }, offset: start + i * byteLength, byteLength }));
}

const named = (count: number, letter = 'e') => Array.from({ length: count }, (_, i) => `layers.${letter}.${i}.weight`);
const namesOf = (groups: readonly (readonly Placed[])[]) => groups.map((group) => group.map(({ entry }) => entry.name));

describe('groupTensors', () => {
  it.each<[string, readonly Placed[]]>([
    ['few small ones', inRow(named(255), 64)],
    ['long ones', inRow(named(300), 8192)],
    ['small ones with gaps', inRow(named(300), 64).map((run, i) => ({ ...run, offset: run.offset + 8 * i }))],
    [
      'types in turns',
      inRow(named(300), 64).map((run, i) => (i % 2 ? { ...run, entry: { ...run.entry, dtype: 'i32' } } : run)),
    ],
  ])('leaves %s by themselves', (_, runs) => {
    expect(namesOf(groupTensors(runs))).toEqual(runs.map(({ entry }) => [entry.name]));
  });

  it('bundles many small ones of one type, and no others', () => {
    const long = inRow(['long'], 1 << 20, 'f32', 0);
    const small = inRow(named(600), 512, 'f32', 1 << 20);
    const others = inRow(named(600, 'scale'), 4, 'i32', (1 << 20) + 600 * 512);
    const groups = namesOf(groupTensors([...long, ...small, ...others]));
    expect(groups.flat()).toEqual([...long, ...small, ...others].map(({ entry }) => entry.name));
    expect(groups[0]).toEqual(['long']);
    expect(groups.at(-1)).toEqual(others.map(({ entry }) => entry.name));
    expect(groups.length).toBeGreaterThan(3);
    for (const group of groups.slice(1, -2)) expect(group.length).toBeGreaterThanOrEqual(128);
  });

  it('bundles by names, so that one tensor more changes little, and another width of number nothing', () => {
    const names = named(4000);
    const groups = namesOf(groupTensors(inRow(names, 512)));
    expect(groups.length).toBeGreaterThan(10);
    const kept = new Set(groups.map((group) => group.join()));
    const more = namesOf(groupTensors(inRow([...names.slice(0, 1000), 'new', ...names.slice(1000)], 512)));
    expect(more.filter((group) => !kept.has(group.join())).length).toBeLessThanOrEqual(2);
    expect(namesOf(groupTensors(inRow(names, 256, 'bf16')))).toEqual(groups);
  });
});

describe('a file of many small tensors', () => {
  let folder: string;
  const first: Model = Object.fromEntries(named(400).map((name, i) => [name, randomMatrix(20, 16 + (i % 3), i)]));
  const add = async (file: string, model: Model) => {
    await writeModel(folder, file, model);
    const { added } = await finish(addFiles(await openIn(folder), [path.join(folder, file)]));
    await finish(commitStaged(await openIn(folder)));
    return added[0];
  };
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-bundles-'));
    await createIn(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('takes few blobs, is coded against its predecessor, and comes back byte for byte', async () => {
    const before = await add('0.safetensors', first);
    const after = await add('1.safetensors', moveModel(first, 7, 1e-4));
    expect(after?.storedBytes).toBeLessThan(0.75 * (before?.storedBytes ?? 0));
    for (const [revision, file] of [
      ['HEAD', '1.safetensors'],
      ['HEAD~1', '0.safetensors'],
    ] as const) {
      const repository = await openIn(folder);
      const output = path.join(folder, `restored-${file}`);
      await finish(restoreFiles(repository, [`${revision}:${file}`], { output }));
      expect(Buffer.compare(await readFile(output), await readFile(path.join(folder, file)))).toBe(0);
    }
  });

  it('has its bundles told by its manifest', async () => {
    const repository = await openIn(folder);
    const [recorded] = (await readRecordedCheckpoints(repository)).values();
    const manifest = await repository.checkpoints.manifest(recorded?.checkpoint?.pointer.manifest ?? NO_MANIFEST);
    const bundles = [...bundlesOf(manifest).values()];
    expect(bundles.length).toBeGreaterThan(1);
    expect(bundles.flatMap(({ tensors }) => tensors).sort()).toEqual(manifest.tensors.map(({ name }) => name).sort());
    expect(chunksOf(manifest).map(({ blob, tensor }) => [tensor, blob])).toEqual(
      bundles.map(({ blob, tensors }) => [tensors[0], blob]),
    );
    for (const { hint } of chunksOf(manifest)) expect(hint).toEqual({ type: 'f32' });
  });
});
