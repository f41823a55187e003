import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import { pruneCheckpoints } from '../../src/repo/prune-checkpoints.ts';
import { createBranch, createTag } from '../../src/repo/refs.ts';
import { resetStaging } from '../../src/repo/reset-staging.ts';
import { nodeDisk } from '../../src/store/disk.ts';
import { GitObjects } from '../../src/store/git-objects.ts';
import { type Net, netBytes, trainRun } from '../commands/models.ts';
import { createIn, finish, openIn } from '../repo/workspace.ts';

/** A command that changes a repository, and what stands before it. */
export interface CrashCase {
  readonly name: string;
  readonly args: readonly string[];
  /** Beside the common repository: four committed checkpoints of a run, and two files that are new. */
  readonly prepare?: (folder: string) => Promise<void>;
}

export const RUN: readonly Net[] = trainRun(61, 5);
export const COMMITTED = [0, 1, 2, 3];
export const NEW = [4, 5];
export const nameOf = (index: number): string => `a${index}.safetensors`;

async function writeNets(folder: string, indices: readonly number[]): Promise<void> {
  for (const index of indices) {
    const net = RUN[index];
    if (net !== undefined) await writeFile(join(folder, nameOf(index)), await netBytes(net));
  }
}

/** The repository that every case starts from. */
export async function makeTemplate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await createIn(folder);
  await writeNets(folder, COMMITTED);
  await finish(importFiles(await openIn(folder), [folder]));
  await writeNets(folder, NEW);
}

const runName = async (folder: string): Promise<string> =>
  (await logTrajectories(await openIn(folder))).trajectories[0]?.name ?? '';

const addNew = async (folder: string): Promise<void> => {
  await finish(
    addFiles(
      await openIn(folder),
      NEW.map((index) => join(folder, nameOf(index))),
    ),
  );
};
const prune = async (folder: string): Promise<void> => {
  await finish(pruneCheckpoints(await openIn(folder), { keepLast: 1 }));
};
const loseDerived = (folder: string) => rm(join(folder, '.wsvc/derived'), { recursive: true });

export const CASES: readonly CrashCase[] = [
  { name: 'add', args: ['add', ...NEW.map(nameOf)] },
  { name: 'add --move', args: ['add', '--move', ...NEW.map(nameOf)] },
  { name: 'commit', args: ['commit', '-m', 'more'], prepare: addNew },
  { name: 'import', args: ['import', '.'] },
  { name: 'restore', args: ['restore', nameOf(1)], prepare: (folder) => rm(join(folder, nameOf(1))) },
  {
    name: 'switch',
    args: ['switch', 'old'],
    prepare: async (folder) => void (await createBranch(await openIn(folder), 'old', `${await runName(folder)}~2`)),
  },
  {
    name: 'reset --hard',
    args: ['reset', '--hard', 'HEAD~1'],
    prepare: async (folder) => void (await createTag(await openIn(folder), 'keep', await runName(folder))),
  },
  {
    name: 'reset',
    args: ['reset'],
    prepare: addNew,
  },
  { name: 'branch', args: ['branch', 'topic'] },
  { name: 'tag', args: ['tag', 'v1'] },
  {
    name: 'gc',
    args: ['gc', '--now'],
    prepare: async (folder) => {
      await addNew(folder);
      await finish(resetStaging(await openIn(folder), {}));
    },
  },
  {
    name: 'gc of git objects',
    args: ['gc'],
    prepare: async (folder) => {
      const objects = new GitObjects(join(folder, '.wsvc'), nodeDisk);
      for (let i = 0; i < 50; i++) await objects.write({ type: 'blob', content: Buffer.from(`loose ${i}`) });
    },
  },
  { name: 'prune', args: ['prune', '--keep-last', '1', '--yes'] },
  { name: 'gc after prune', args: ['gc', '--now'], prepare: prune },
  { name: 'prune --undo', args: ['prune', '--undo'], prepare: prune },
  { name: 'reindex', args: ['reindex'], prepare: loseDerived },
  {
    name: 'commit after add --move',
    args: ['commit', '-m', 'more'],
    prepare: async (folder) => {
      const files = NEW.map((index) => join(folder, nameOf(index)));
      await finish(addFiles(await openIn(folder), files, { move: true }));
    },
  },
  {
    name: 'fsck --repair',
    args: ['fsck', '--repair'],
    prepare: async (folder) => void (await finish(commitStaged(await openIn(folder))).catch(() => undefined)),
  },
];
