import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommitId } from '../../src/objects/ids.ts';
import { createHistory } from '../../src/store/git-history.ts';
import { addPackedRefs, parsePackedRefs } from '../../src/store/packed-refs.ts';
import { author, pointerOf } from './repository.ts';
import { temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders();
const id = (digit: string) => parseCommitId(digit.repeat(40));

describe('packed refs', () => {
  it('keep what is there, peeled tags included, and are sorted', () => {
    const text = `# pack-refs with: peeled \n${id('1')} refs/tags/v1\n^${id('2')}\n${id('3')} refs/heads/b\n`;
    const added = addPackedRefs(text, new Map([['refs/heads/a', id('4')]]));
    expect(added.split('\n').slice(1)).toEqual([
      `${id('4')} refs/heads/a`,
      `${id('3')} refs/heads/b`,
      `${id('1')} refs/tags/v1`,
      `^${id('2')}`,
      '',
    ]);
    expect([...parsePackedRefs(added).keys()]).toEqual(['refs/heads/a', 'refs/heads/b', 'refs/tags/v1']);
  });
});

describe('many branches at once', () => {
  const open = async () => {
    const folder = join(await temporary(), '.wsvc');
    await mkdir(folder);
    const history = await createHistory(folder);
    const commit = await history.writeCommit({
      parents: [],
      path: 'a.npy',
      pointer: pointerOf(1),
      message: 'a',
      author,
    });
    return { folder, history, commit };
  };
  const update = (commit: ReturnType<typeof id>, ...names: string[]) =>
    names.map((name) => ({ name, commit, expected: undefined }));

  it('are refs to stock git, and move and go like others', async () => {
    const { folder, history, commit } = await open();
    await history.updateBranches(update(commit, 'run-1', 'run-2', 'run-10'));
    const listed = execFileSync('git', ['--git-dir', folder, 'for-each-ref', '--format=%(refname:short)'], {
      encoding: 'utf8',
    });
    expect(listed.trim().split('\n').sort()).toEqual(['run-1', 'run-10', 'run-2']);
    expect(await history.listBranches()).toEqual(['run-1', 'run-10', 'run-2'].map((name) => ({ name, commit })));
    await history.deleteBranch('run-10');
    await history.updateBranch('run-1', commit, commit);
    expect((await history.listBranches()).map(({ name }) => name)).toEqual(['run-1', 'run-2']);
    expect(await readFile(join(folder, 'refs/heads/run-1'), 'utf8')).toBe(`${commit}\n`);
  });

  it('are refused when one exists, or stands in the way of another', async () => {
    const { folder, history, commit } = await open();
    await writeFile(join(folder, 'refs/heads/taken'), `${commit}\n`);
    await expect(history.updateBranches(update(commit, 'a', 'taken'))).rejects.toMatchObject({ code: 'locked' });
    await expect(history.updateBranches(update(commit, 'taken/b', 'c'))).rejects.toMatchObject({ code: 'usage' });
    await expect(history.updateBranches(update(commit, 'd', 'd/e'))).rejects.toMatchObject({ code: 'usage' });
    expect((await history.listBranches()).map(({ name }) => name)).toEqual(['taken']);
  });
});
