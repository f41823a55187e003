import { appendFile, mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { collectGarbage } from '../../src/repo/collect-garbage.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { readStatus } from '../../src/repo/read-status.ts';
import { createTag, deleteTag, listBranches } from '../../src/repo/refs.ts';
import { type ResetOptions, resetStaging } from '../../src/repo/reset-staging.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, moveModel, openIn, randomMatrix, safetensorsOf, writeModel } from './workspace.ts';

const temporary = temporaryFolders();

const move = async (folder: string, ...names: readonly string[]) => {
  const files = names.map((name) => join(folder, name));
  return (await finish(addFiles(await openIn(folder), files, { move: true }))).added;
};
const collect = async (folder: string) => finish(collectGarbage(await openIn(folder), { now: true }));
const statusOf = async (folder: string) => readStatus(await openIn(folder));
const modelFiles = async (folder: string) => (await readdir(folder)).filter((name) => name !== '.wsvc').sort();

async function makeFolder(): Promise<{ folder: string; bytes: Buffer }> {
  const folder = await temporary();
  await createIn(folder);
  const file = await writeModel(folder, 'a.safetensors', { 'fc.weight': randomMatrix(40, 30, 1) });
  return { folder, bytes: await readFile(file) };
}

/** Two shards and their index, as huggingface writes them. */
async function writeShards(folder: string): Promise<void> {
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  for (const [index, name] of names.entries()) {
    await writeFile(
      join(folder, name),
      await safetensorsOf({ [`fc${index}.weight`]: randomMatrix(20, 30, 5 + index) }),
    );
  }
  const map = { 'fc0.weight': names[0], 'fc1.weight': names[1] };
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
}

describe('add --move', () => {
  it('takes the file away; the path counts as stored, and restore brings it back', async () => {
    const { folder, bytes } = await makeFolder();
    expect(await move(folder, 'a.safetensors')).toMatchObject([{ path: 'a.safetensors', moved: true }]);
    expect(await modelFiles(folder)).toEqual([]);
    expect(await statusOf(folder)).toMatchObject({ stored: ['a.safetensors'], missing: [], changed: [] });
    await finish(commitStaged(await openIn(folder)));
    expect(await statusOf(folder)).toMatchObject({ stored: ['a.safetensors'], missing: [], staged: [] });
    await finish(restoreFiles(await openIn(folder), ['a.safetensors']));
    expect(await readFile(join(folder, 'a.safetensors'))).toEqual(bytes);
    expect(await statusOf(folder)).toMatchObject({ stored: [], missing: [], saved: 1 });
  });

  it('keeps the content through reset and gc, also before anything is committed', async () => {
    const { folder, bytes } = await makeFolder();
    await move(folder, 'a.safetensors');
    await finish(resetStaging(await openIn(folder), {}));
    await collect(folder);
    expect(await statusOf(folder)).toMatchObject({ stored: ['a.safetensors'], staged: [] });
    const { findings, checked } = await finish(checkRepository(await openIn(folder), { prove: true }));
    expect([findings, checked.manifests]).toEqual([[], 1]);
    await finish(restoreFiles(await openIn(folder), ['a.safetensors']));
    expect(await readFile(join(folder, 'a.safetensors'))).toEqual(bytes);
    // It is on the disk again: nothing holds the stored copy any longer.
    expect((await collect(folder)).bytesAfter).toBe(0);
  });

  it('is not left without a ref that reaches the only copy', async () => {
    const { folder, bytes } = await makeFolder();
    await finish(addFiles(await openIn(folder), [join(folder, 'a.safetensors')]));
    await finish(commitStaged(await openIn(folder)));
    await writeModel(folder, 'b.safetensors', moveModel({ 'fc.weight': randomMatrix(40, 30, 1) }, 7));
    await move(folder, 'b.safetensors');
    await finish(commitStaged(await openIn(folder)));
    const reset = async (options: ResetOptions) => finish(resetStaging(await openIn(folder), options));
    const [branch] = await listBranches(await openIn(folder));
    for (const options of [{ revision: 'HEAD~1' }, { revision: 'HEAD~1', hard: true }])
      await expect(reset(options)).rejects.toMatchObject({ code: 'not-saved' });
    expect(await listBranches(await openIn(folder))).toEqual([branch]);
    await createTag(await openIn(folder), 'keep');
    await reset({ revision: 'HEAD~1', hard: true });
    await expect(deleteTag(await openIn(folder), 'keep')).rejects.toMatchObject({ code: 'not-saved' });
    await collect(folder);
    await finish(restoreFiles(await openIn(folder), ['b.safetensors']));
    await deleteTag(await openIn(folder), 'keep');
    expect(await readFile(join(folder, 'a.safetensors'))).toEqual(bytes);
  });

  it('does not let another file of that name take its place before it is committed', async () => {
    const { folder } = await makeFolder();
    await move(folder, 'a.safetensors');
    await writeModel(folder, 'a.safetensors', { 'fc.weight': randomMatrix(40, 30, 2) });
    await expect(move(folder, 'a.safetensors')).rejects.toMatchObject({ code: 'usage' });
    await finish(commitStaged(await openIn(folder)));
    expect(await move(folder, 'a.safetensors')).toMatchObject([{ moved: true }]);
  });

  it('takes all files of a sharded checkpoint', async () => {
    const folder = await temporary();
    await createIn(folder);
    await writeShards(folder);
    const names = await modelFiles(folder);
    const before = await Promise.all(names.map((name) => readFile(join(folder, name))));
    const added = await move(folder, ...names);
    expect(added.map(({ path, moved }) => [path, moved])).toEqual([['model.safetensors.index.json', true]]);
    expect(await modelFiles(folder)).toEqual([]);
    await finish(restoreFiles(await openIn(folder), ['model.safetensors.index.json']));
    expect(await Promise.all(names.map((name) => readFile(join(folder, name))))).toEqual(before);
  });

  it('refuses what must not go, and stores nothing then', async () => {
    const { folder } = await makeFolder();
    await mkdir(join(folder, 'elsewhere'));
    await symlink(join(folder, 'a.safetensors'), join(folder, 'link.safetensors'));
    for (const name of ['link.safetensors', '../outside.pt']) {
      await expect(move(folder, 'a.safetensors', name)).rejects.toMatchObject({
        code: expect.stringMatching(/usage|not-found/),
      });
    }
    expect(await modelFiles(folder)).toEqual(['a.safetensors', 'elsewhere', 'link.safetensors']);
    expect((await statusOf(folder)).staged).toEqual([]);
  });

  it('takes broken files that nobody writes any more, as they are, and leaves those that may be on their way', async () => {
    const { folder, bytes } = await makeFolder();
    const cut = bytes.subarray(0, bytes.byteLength - 100);
    for (const name of ['old.safetensors', 'new.safetensors']) await writeFile(join(folder, name), cut);
    const longAgo = Date.now() / 1000 - 7200;
    await utimes(join(folder, 'old.safetensors'), longAgo, longAgo);
    const added = await move(folder, 'a.safetensors', 'new.safetensors', 'old.safetensors');
    expect(added.map(({ path, moved, left, problem }) => [path, moved, left, problem !== undefined])).toEqual([
      ['a.safetensors', true, undefined, false],
      ['new.safetensors', false, 'unfinished', true],
      ['old.safetensors', true, undefined, true],
    ]);
    expect(await modelFiles(folder)).toEqual(['new.safetensors']);
    expect(await statusOf(folder)).toMatchObject({ stored: ['a.safetensors', 'old.safetensors'] });
    await collect(folder);
    await finish(commitStaged(await openIn(folder)));
    await finish(restoreFiles(await openIn(folder), ['old.safetensors']));
    expect(await readFile(join(folder, 'old.safetensors'))).toEqual(cut);
    await finish(restoreFiles(await openIn(folder), ['a.safetensors']));
    expect(await readFile(join(folder, 'a.safetensors'))).toEqual(bytes);
  });

  it('leaves a file that has changed since it was read', async () => {
    const { folder } = await makeFolder();
    const operation = addFiles(await openIn(folder), [join(folder, 'a.safetensors')], { move: true });
    for (let step = await operation.next(); ; step = await operation.next()) {
      if (step.done) {
        expect(step.value.added).toMatchObject([{ moved: false }]);
        break;
      }
      if (step.value.phase === 'Taking away') await appendFile(join(folder, 'a.safetensors'), 'more');
    }
    expect(await modelFiles(folder)).toEqual(['a.safetensors']);
  });
});
