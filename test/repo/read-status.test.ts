import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { readStatus } from '../../src/repo/read-status.ts';
import { createIn, finish, openIn, randomMatrix, writeModel } from './workspace.ts';

describe('readStatus', () => {
  let folder: string;
  const statusOf = async () => readStatus(await openIn(folder));
  const save = async (file: string, ...trajectory: string[]) => {
    await finish(addFiles(await openIn(folder), [path.join(folder, file)]));
    const [name] = trajectory;
    await finish(commitStaged(await openIn(folder), name === undefined ? {} : { trajectory: name }));
  };
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-status-'));
    await createIn(folder);
    for (const [seed, file] of ['a.safetensors', 'b.safetensors'].entries())
      await writeModel(folder, file, { first: randomMatrix(16, 12, seed) });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('follows the refs, whatever it remembers', async () => {
    await save('a.safetensors', 'one');
    expect(await statusOf()).toMatchObject({ saved: 1, untracked: ['b.safetensors'], changed: [] });
    await save('b.safetensors', 'two');
    expect(await statusOf()).toMatchObject({ saved: 2, untracked: [], changed: [] });
    await (await openIn(folder)).history.deleteBranch('two');
    expect(await statusOf()).toMatchObject({ saved: 1, untracked: ['b.safetensors'], changed: [] });
    expect(await statusOf()).toMatchObject({ saved: 1, untracked: ['b.safetensors'], changed: [] });
  });

  it('says of a saved file that is written over that it changed', async () => {
    await save('a.safetensors');
    expect(await statusOf()).toMatchObject({ saved: 1, changed: [] });
    await writeModel(folder, 'a.safetensors', { first: randomMatrix(16, 12, 7) });
    expect(await statusOf()).toMatchObject({ saved: 0, changed: ['a.safetensors'] });
  });
});
