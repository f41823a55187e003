import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommitId } from '../../src/objects/ids.ts';
import type { Disk } from '../../src/store/disk.ts';
import { createHistory, openHistory } from '../../src/store/git-history.ts';
import { checkFormatVersion, createRepositoryLayout } from '../../src/store/layout.ts';
import { createBlobStore, openBlobStore } from '../../src/store/pack-blob-store.ts';
import { changeSome, idOf, putAll, randomBytes, testCoder } from './blobs.ts';
import { FailingDisk } from './failing-disk.ts';
import { expectBlobsClean, expectGitClean, newCommit, pointerOf } from './repository.ts';
import { fastFolder, temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders(fastFolder());
const first = randomBytes(2000, 1);
const second = changeSome(first, 2);
const third = randomBytes(700, 3);

/** What an operation promised when it resolved; each is looked at again in a fresh process's eyes. */
type Promised = (directory: string) => Promise<void>;

const promiseBlob =
  (plain: Uint8Array): Promised =>
  async (directory) =>
    expect(await (await openBlobStore(directory, { coder: testCoder })).read(idOf(plain))).toEqual(plain);

const promiseBranch =
  (name: string, ids: readonly (CommitId | undefined)[]): Promised =>
  async (directory) => {
    const history = await openHistory(directory);
    const at = await history.resolveRevision(name);
    expect(ids).toContain(at);
    for (const pointer of (await history.listPointers(at)).values()) await history.readPointer(pointer);
  };

const promiseStaged =
  (paths: readonly string[]): Promised =>
  async (directory) =>
    expect((await (await openHistory(directory)).listStaged()).map(({ path }) => path)).toEqual(paths);

/** One of everything that writes; `done` grows with what each has promised. */
async function runEverything(directory: string, disk: Disk, done: Map<string, Promised>): Promise<void> {
  const store = await openBlobStore(directory, { disk, coder: testCoder });
  const history = await openHistory(directory, disk);
  await putAll(store, [{ plain: second, hint: { type: 'f32', base: idOf(first) } }, { plain: third }]);
  done.set('second', promiseBlob(second)).set('third', promiseBlob(third));

  done.delete('staged');
  await history.stage('runs/a.pt', pointerOf(5));
  done.set('staged', promiseStaged(['runs/a.pt']));

  const tip = await history.resolveRevision('main');
  const next = await history.writeCommit(newCommit(2, [tip], 'runs/a.pt'));
  done.set('main', promiseBranch('main', [tip, next]));
  await history.updateBranch('main', next, tip);
  done.set('main', promiseBranch('main', [next]));

  done.delete('staged');
  await history.unstage();
  done.set('staged', promiseStaged([]));

  const batch = history.beginCommits();
  const root = await batch.writeCommit(newCommit(10));
  const child = await batch.writeCommit(newCommit(11, [root]));
  await batch.commit();
  await history.updateBranch('run/1', child, undefined);
  done.set('run/1', promiseBranch('run/1', [child]));
  await history.writeTag('v1', next);
  done.set('v1', promiseBranch('v1', [next]));
  await history.writeHead({ branch: 'run/1' });
  done.set('HEAD', promiseBranch('HEAD', [child]));
  done.delete('v1');
  await history.deleteTag('v1');
}

/** A repository with something in it; made once, copied for each try. */
async function makeTemplate(): Promise<string> {
  const directory = join(await temporary(), '.wsvc');
  const history = await createHistory(directory);
  await putAll(await createBlobStore(directory, { coder: testCoder }), [{ plain: first, hint: { type: 'f32' } }]);
  const root = await history.writeCommit(newCommit(1));
  await history.updateBranch('main', root, undefined);
  await history.writeTag('old', root);
  return directory;
}

let template: Promise<string> | undefined;

async function prepare(): Promise<string> {
  template ??= makeTemplate();
  const directory = join(await temporary(), '.wsvc');
  await cp(await template, directory, { recursive: true });
  return directory;
}

async function expectWhole(directory: string, done: ReadonlyMap<string, Promised>): Promise<void> {
  await promiseBlob(first)(directory);
  for (const check of done.values()) await check(directory);
  await expectBlobsClean(await openBlobStore(directory, { coder: testCoder }));
  expectGitClean(directory);
  // Nothing that was left behind stands in the way of going on.
  const history = await openHistory(directory);
  await history.stage('more.pt', pointerOf(6));
  const tip = await history.resolveRevision('main');
  await history.updateBranch('main', await history.writeCommit(newCommit(77, [tip])), tip);
  await history.writeHead({ branch: 'main' });
  await putAll(await openBlobStore(directory, { coder: testCoder }), [{ plain: randomBytes(50, 50) }]);
}

async function countChanges(): Promise<number> {
  const directory = await prepare();
  const disk = new FailingDisk(directory);
  await runEverything(directory, disk, new Map());
  return disk.changes;
}

async function runUntil(disk: FailingDisk, directory: string): Promise<Map<string, Promised>> {
  const done = new Map<string, Promised>();
  await disk.load();
  await expect(runEverything(directory, disk, done)).rejects.toMatchObject({ code: 'system' });
  return done;
}

describe('after a failure at any change of the disk, all that was reported done is there', () => {
  it('when the process dies, or the power fails and only what was flushed survives', async () => {
    const changes = await countChanges();
    for (let n = 1; n <= changes; n++) {
      const directory = await prepare();
      const disk = new FailingDisk(directory, n);
      const done = await runUntil(disk, directory);
      const survived = join(await temporary(), '.wsvc');
      await disk.writeDurable(survived);
      await expectWhole(directory, done);
      await expectWhole(survived, done);
    }
    console.log(`died at each of ${changes} changes of the disk; 2 outcomes each`);
  }, 180_000);

  it('when one change fails, as on a full disk', async () => {
    const changes = await countChanges();
    for (let n = 1; n <= changes; n++) {
      const directory = await prepare();
      await expectWhole(directory, await runUntil(new FailingDisk(directory, n, 'fail'), directory));
    }
  }, 120_000);
});

describe('the making of a repository', () => {
  it('may be cut short anywhere, and is completed by making it again', async () => {
    const whole = new FailingDisk('/');
    await createRepositoryLayout(join(await temporary(), '.wsvc'), whole);
    for (let n = 1; n <= whole.changes; n++) {
      const parent = await temporary();
      const directory = join(parent, '.wsvc');
      await expect(createRepositoryLayout(directory, new FailingDisk(parent, n))).rejects.toMatchObject({
        code: 'system',
      });
      const isReported = await checkFormatVersion(directory).then(
        () => true,
        () => false,
      );
      if (isReported) expectGitClean(directory);
      await createRepositoryLayout(directory);
      await checkFormatVersion(directory);
      expectGitClean(directory);
    }
  });
});
