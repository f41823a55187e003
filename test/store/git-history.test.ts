import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CommitId, parseCommitId } from '../../src/objects/ids.ts';
import { createHistory, openHistory } from '../../src/store/git-history.ts';
import type { History } from '../../src/store/history.ts';
import { author, expectGitClean, newCommit, pointerOf, runGit } from './repository.ts';
import { temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders();
let directory = '';
let history: History;

beforeEach(async () => {
  directory = join(await temporary(), '.wsvc');
  history = await createHistory(directory);
});

/** Commits on a branch, each on the one before. */
async function commitMany(count: number, branch = 'main', start = 0): Promise<CommitId[]> {
  const ids: CommitId[] = [];
  for (let i = 0; i < count; i++) {
    const tip = ids.at(-1);
    const id = await history.writeCommit(newCommit(start + i, tip === undefined ? [] : [tip]));
    await history.updateBranch(branch, id, tip);
    ids.push(id);
  }
  return ids;
}

const at = <T>(items: readonly T[], index: number): T => {
  const item = items.at(index);
  if (item === undefined) throw new Error('the test made it');
  return item;
};

describe('a repository', () => {
  it('is one that stock git takes for a whole, bare one', async () => {
    expect(runGit(directory, 'rev-parse', '--is-bare-repository')).toBe('true\n');
    expect(runGit(directory, 'config', 'wsvc.format')).toBe('1\n');
    expectGitClean(directory);
  });

  it('is left as it is when it is made again', async () => {
    const [id] = await commitMany(1);
    await writeFile(
      join(directory, 'config'),
      `${await readFile(join(directory, 'config'), 'utf8')}\n[user]\n\tname = B\n`,
    );
    await createHistory(directory);
    expect(runGit(directory, 'config', 'user.name')).toBe('B\n');
    expect(await history.resolveRevision('main')).toBe(id);
  });
});

describe('commits', () => {
  it('are read by stock git: log, diff, blame, fsck', async () => {
    const ids = await commitMany(3);
    expectGitClean(directory);
    expect(runGit(directory, 'log', '--format=%H %an <%ae> %ai %s')).toBe(
      [2, 1, 0].map((i) => `${ids[i]} A. Tester <a@example.com> 2023-11-14 23:43:20 +0130 checkpoint ${i}\n`).join(''),
    );
    const patch = runGit(directory, 'log', '-p', '-1');
    expect(patch).toContain('+++ b/ckpt-2.pt');
    expect(patch).toContain('+"fc.weight" f32 [2,1] ');
    const changed = await history.writeCommit({ ...newCommit(9, [at(ids, 2)]), path: 'ckpt-2.pt' });
    await history.updateBranch('main', changed, at(ids, 2));
    expect(runGit(directory, 'diff', 'main~1', 'main', '--stat')).toContain('1 insertion(+), 1 deletion(-)');
    expect(runGit(directory, 'blame', '-s', 'main', '--', 'ckpt-2.pt').split('\n')[3]).toContain('bytes 9');
  });

  it('read back as they were written', async () => {
    const [first, second] = await commitMany(2);
    expect(await (await openHistory(directory)).readCommit(at([second], 0) as CommitId)).toMatchObject({
      parents: [first],
      message: 'checkpoint 1\n',
      author,
    });
  });

  it('keep the other files of the parent, in folders too', async () => {
    const root = await history.writeCommit(newCommit(1, [], 'runs/a/x.pt'));
    const next = await history.writeCommit(newCommit(2, [root], 'runs/b.pt'));
    const last = await history.writeCommit(newCommit(3, [next], 'runs/a.b/y.pt'));
    await history.updateBranch('main', last, undefined);
    expect([...(await history.listPointers(last)).keys()].sort()).toEqual([
      'runs/a.b/y.pt',
      'runs/a/x.pt',
      'runs/b.pt',
    ]);
    expect(await history.changedPaths(next)).toMatchObject([{ path: 'runs/b.pt' }]);
    expect(await history.changedPaths(root)).toMatchObject([{ path: 'runs/a/x.pt' }]);
    const pointer = (await history.listPointers(last)).get('runs/b.pt');
    expect(pointer && (await history.readPointer(pointer))).toEqual(pointerOf(2));
    expect(runGit(directory, 'ls-tree', '-r', '--name-only', 'main').split('\n')).toEqual([
      'runs/a.b/y.pt',
      'runs/a/x.pt',
      'runs/b.pt',
      '',
    ]);
    expectGitClean(directory);
  });

  it('pass over files that are no pointers', async () => {
    const [id] = await commitMany(1);
    const blob = runGit(directory, 'hash-object', '-w', join(directory, 'config')).trim();
    const pointer = runGit(directory, 'rev-parse', `${id}:ckpt-0.pt`).trim();
    const { execFileSync } = await import('node:child_process');
    const input = `100644 blob ${blob}\tREADME\n100644 blob ${pointer}\tckpt-0.pt\n`;
    const tree = execFileSync('git', [`--git-dir=${directory}`, 'mktree'], { input, encoding: 'utf8' }).trim();
    const env = {
      ...process.env,
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'e',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'e',
    };
    const commit = execFileSync(
      'git',
      [`--git-dir=${directory}`, 'commit-tree', tree, '-p', at([id], 0) as string, '-m', 'x'],
      { env, encoding: 'utf8' },
    );
    const foreign = parseCommitId(commit.trim());
    expect([...(await history.listPointers(foreign)).keys()]).toEqual(['ckpt-0.pt']);
    expect(await history.changedPaths(foreign)).toEqual([]);
  });

  it.each([
    '../x',
    '/x',
    'a//b',
    'a/',
    './a',
    '.git/x',
    'a/.GIT',
    '.g\u200cit',
    'git~1',
    '.gitmodules',
    'a\nb',
    'a\0',
    '',
  ])('refuse the path %j', async (path) => {
    await expect(history.writeCommit(newCommit(1, [], path))).rejects.toMatchObject({ code: 'usage' });
    await expect(history.stage(path, pointerOf(1))).rejects.toMatchObject({ code: 'usage' });
  });

  it('are read from the packs of stock git', async () => {
    const ids = await commitMany(5);
    runGit(directory, 'gc', '--quiet', '--prune=now');
    const opened = await openHistory(directory);
    for (const id of ids) expect((await opened.readCommit(id)).id).toBe(id);
    expect(await opened.resolveRevision('main~4')).toBe(ids[0]);
    expect((await opened.listPointers(at(ids, 4))).size).toBe(5);
  });

  it('that are damaged are told, and written anew when the same object is stored again', async () => {
    const id = await history.writeCommit(newCommit(1));
    const path = join(directory, 'objects', id.slice(0, 2), id.slice(2));
    await writeFile(path, '');
    await expect((await openHistory(directory)).readCommit(id)).rejects.toMatchObject({ code: 'corrupt' });
    expect(await history.writeCommit(newCommit(1))).toBe(id);
    expect((await (await openHistory(directory)).readCommit(id)).message).toBe('checkpoint 1\n');
  });

  it('by the hundred are all listed again by another process', async () => {
    const ids = await commitMany(200);
    const opened = await openHistory(directory);
    const changed = await Promise.all(ids.map((id) => opened.changedPaths(id)));
    expect(changed.every((paths) => paths.length === 1)).toBe(true);
  });
});

describe('a batch of commits', () => {
  it('is one pack, readable by stock git, and invisible before it is committed', async () => {
    const batch = history.beginCommits();
    const ids: CommitId[] = [];
    for (let i = 0; i < 300; i++) ids.push(await batch.writeCommit(newCommit(i, ids.slice(-1))));
    await expect(history.readCommit(at(ids, 0))).rejects.toMatchObject({ code: 'not-found' });
    await expect(history.updateBranch('main', at(ids, -1), undefined)).rejects.toMatchObject({ code: 'not-found' });
    await batch.commit();
    await history.updateBranch('main', at(ids, -1), undefined);
    expect(await readdir(join(directory, 'objects', 'pack'))).toHaveLength(2);
    expectGitClean(directory);
    runGit(
      directory,
      'verify-pack',
      ...(await readdir(join(directory, 'objects', 'pack')))
        .filter((n) => n.endsWith('.idx'))
        .map((n) => join(directory, 'objects', 'pack', n)),
    );
    expect(runGit(directory, 'rev-list', '--count', 'main')).toBe('300\n');
    const opened = await openHistory(directory);
    expect((await opened.listPointers(at(ids, -1))).size).toBe(300);
  });

  it('may be empty, and go on after a commit', async () => {
    const batch = history.beginCommits();
    await batch.commit();
    const first = await batch.writeCommit(newCommit(1));
    await batch.commit();
    const second = await batch.writeCommit(newCommit(2, [first]));
    await batch.commit();
    await history.updateBranch('main', second, undefined);
    expectGitClean(directory);
  });
});

describe('refs', () => {
  it('move only from where they are expected', async () => {
    const [a, b] = await commitMany(2, 'x');
    await expect(history.updateBranch('x', at([a], 0) as CommitId, a)).rejects.toMatchObject({ code: 'locked' });
    await expect(history.updateBranch('x', at([a], 0) as CommitId, undefined)).rejects.toMatchObject({
      code: 'locked',
    });
    await expect(history.updateBranch('y', at([a], 0) as CommitId, a)).rejects.toMatchObject({ code: 'locked' });
    await history.updateBranch('x', at([a], 0) as CommitId, b);
    expect(await history.listBranches()).toEqual([{ name: 'x', commit: a }]);
  });

  it('are found loose and packed, and removed from both', async () => {
    const ids = await commitMany(2);
    await history.updateBranch('run/1', at(ids, 0), undefined);
    await history.writeTag('v1', at(ids, 1));
    runGit(directory, 'pack-refs', '--all');
    await history.updateBranch('run/1', at(ids, 1), at(ids, 0));
    expect(await history.listBranches()).toEqual([
      { name: 'main', commit: ids[1] },
      { name: 'run/1', commit: ids[1] },
    ]);
    await history.deleteBranch('run/1');
    await history.deleteTag('v1');
    expect(await history.listBranches()).toEqual([{ name: 'main', commit: ids[1] }]);
    expect(await history.listTags()).toEqual([]);
    expect(runGit(directory, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main\n');
    await history.updateBranch('run', at(ids, 0), undefined);
    expectGitClean(directory);
  });

  it('do not stand in each other’s way unsaid', async () => {
    const [id] = await commitMany(1, 'run');
    await expect(history.updateBranch('run/1', at([id], 0) as CommitId, undefined)).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it.each([
    '',
    'a b',
    'a..b',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.lock',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[',
    'a\\b',
    '@',
    'a@{1}',
    'a.',
    '-a',
    'HEAD',
    'a\u0001',
    'a\u007f',
  ])('are not called %j', async (name) => {
    const [id] = await commitMany(1);
    await expect(history.updateBranch(name, at([id], 0) as CommitId, undefined)).rejects.toMatchObject({
      code: 'usage',
    });
    await expect(history.writeHead({ branch: name })).rejects.toMatchObject({ code: 'usage' });
  });

  it('are read through annotated tags of stock git', async () => {
    const [id] = await commitMany(1);
    runGit(directory, '-c', 'user.name=a', '-c', 'user.email=e', 'tag', '-a', 'v2', '-m', 'x', 'main');
    expect(await history.listTags()).toEqual([{ name: 'v2', commit: id }]);
    expect(await history.resolveRevision('v2')).toBe(id);
    await expect(history.writeTag('v2', at([id], 0) as CommitId)).rejects.toMatchObject({ code: 'usage' });
  });

  it('that are damaged are told', async () => {
    await commitMany(1);
    await writeFile(join(directory, 'refs/heads/main'), '');
    await expect(history.resolveRevision('main')).rejects.toMatchObject({ code: 'corrupt' });
    await writeFile(join(directory, 'HEAD'), '');
    await expect(history.readHead()).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('held by stock git are reported as locked', async () => {
    const [id] = await commitMany(1);
    await writeFile(join(directory, 'refs/heads/main.lock'), '');
    await expect(history.deleteBranch('main')).rejects.toMatchObject({ code: 'locked' });
    expect(await history.resolveRevision('main')).toBe(id);
  }, 20_000);

  it('whose lock a dead process left are freed: one that is alive would be waited for, and end in an error', async () => {
    const [id] = await commitMany(1);
    await writeFile(join(directory, 'refs/heads/main.lock'), 'wsvc\n');
    await history.updateBranch('main', at([id], 0) as CommitId, id);
    expect(await history.resolveRevision('main')).toBe(id);
  });
});

describe('HEAD', () => {
  it('stands on a branch without a commit, on one with a commit, or on a commit', async () => {
    expect(await history.readHead()).toEqual({ kind: 'branch', branch: 'main' });
    await expect(history.resolveRevision('HEAD')).rejects.toMatchObject({ code: 'not-found' });
    const [id] = await commitMany(1);
    expect(await history.readHead()).toEqual({ kind: 'branch', branch: 'main', commit: id });
    await history.writeHead({ commit: at([id], 0) as CommitId });
    expect(await history.readHead()).toEqual({ kind: 'detached', commit: id });
    await history.writeHead({ branch: 'run-1' });
    expect(runGit(directory, 'symbolic-ref', 'HEAD')).toBe('refs/heads/run-1\n');
  });
});

describe('revisions', () => {
  it('are resolved as stock git does', async () => {
    const ids = await commitMany(4);
    const side = await history.writeCommit(newCommit(50, [at(ids, 1)]));
    const merge = await history.writeCommit(newCommit(51, [at(ids, 3), side]));
    await history.updateBranch('main', merge, at(ids, 3));
    await history.writeTag('v1', at(ids, 2));
    await history.updateBranch('v1', at(ids, 0), undefined);
    const asked = [
      'HEAD',
      '@',
      '@~1',
      'main',
      'main~',
      'main~3',
      'main^',
      'main^2',
      'main^2~1',
      'main^^',
      'main~1^1',
      'main^0',
      'v1^{commit}',
      'v1',
      'heads/v1',
      'tags/v1',
      'refs/heads/main',
      side,
      side.slice(0, 10),
      `${side.slice(0, 8)}~1`,
    ];
    for (const revision of asked) {
      const expected = runGit(directory, 'rev-parse', '--verify', '--quiet', `${revision}^{commit}`).trim();
      expect(await history.resolveRevision(revision), revision).toBe(expected);
    }
    expect(await history.findMergeBase(side, at(ids, 3))).toBe(ids[1]);
    expect(await history.findMergeBase(side, await history.writeCommit(newCommit(99)))).toBeUndefined();
  });

  it.each([
    '',
    '~1',
    'nothing',
    'main~9',
    'main^2',
    'main@{1}',
    'abc',
    'deadbeef',
    'f'.repeat(40),
    '../HEAD',
    'refs/../HEAD',
    'main:x',
  ])('that name nothing are told: %j', async (revision) => {
    await commitMany(2);
    await expect(history.resolveRevision(revision)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('of positions are asked of the caller', async () => {
    const ids = await commitMany(2);
    const positions = async (name: string, position: number) =>
      name === 'main' && position === 1.5 ? ids[0] : undefined;
    expect(await history.resolveRevision('main@{1.5}', positions)).toBe(ids[0]);
    await expect(history.resolveRevision('main@{7}', positions)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('staging', () => {
  it('holds pointers until they are taken away, and stock git lists them', async () => {
    await history.stage('runs/b.pt', pointerOf(2));
    await history.stage('a.pt', pointerOf(1));
    await history.stage('a.pt', pointerOf(3));
    expect(await history.listStaged()).toEqual([
      { path: 'a.pt', pointer: pointerOf(3) },
      { path: 'runs/b.pt', pointer: pointerOf(2) },
    ]);
    expect(runGit(directory, 'ls-files')).toBe('a.pt\nruns/b.pt\n');
    await history.unstage(['a.pt']);
    expect(await (await openHistory(directory)).listStaged()).toMatchObject([{ path: 'runs/b.pt' }]);
    await history.unstage();
    expect(await history.listStaged()).toEqual([]);
    expectGitClean(directory);
  });

  it('reads an index of stock git', async () => {
    await history.stage('a.pt', pointerOf(1));
    const blob = runGit(directory, 'rev-parse', ':a.pt').trim();
    runGit(directory, 'update-index', '--add', '--cacheinfo', `100644,${blob},some/${'x'.repeat(300)}.pt`);
    runGit(directory, 'write-tree');
    expect((await history.listStaged()).map(({ path }) => path.length)).toEqual([4, 308]);
  });

  it('tells of every flipped byte', async () => {
    await history.stage('a.pt', pointerOf(1));
    const path = join(directory, 'index');
    const bytes = await readFile(path);
    for (let i = 0; i < bytes.byteLength; i++) {
      await writeFile(
        path,
        bytes.map((byte, at) => (at === i ? byte ^ 0x10 : byte)),
      );
      await expect(history.listStaged()).rejects.toMatchObject({ code: 'corrupt' });
    }
  });
});
