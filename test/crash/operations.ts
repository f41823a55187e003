import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addFiles } from '../../src/repo/add-files.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import { pruneCheckpoints } from '../../src/repo/prune-checkpoints.ts';
import { createBranch, createTag } from '../../src/repo/refs.ts';
import { resetStaging } from '../../src/repo/reset-staging.ts';
import { switchBranch } from '../../src/repo/switch-branch.ts';
import { nodeDisk } from '../../src/store/disk.ts';
import { GitObjects } from '../../src/store/git-objects.ts';
import { type Net, netBytes, trainRun } from '../commands/models.ts';
import { createIn, finish, openIn, safetensorsOf } from '../repo/workspace.ts';
import { createRandom } from '../zoo/random.ts';
import { REPAIRS } from './damages.ts';
import { loseDerived, READERS } from './derived-cases.ts';

/** A command that changes a repository, and what stands before it. */
export interface CrashCase {
  readonly name: string;
  readonly args: readonly string[];
  /** The repository is damaged before: only when the command has ended it must be whole. */
  readonly isDamaged?: boolean;
  /** It writes derived data only: whatever is left of that, the same is answered afterwards. */
  readonly isReader?: boolean;
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
/** A second run, in a folder of its own: a tree of eight files more. */
async function addSecondRun(folder: string): Promise<void> {
  await writeSecondRun(folder);
  await finish(importFiles(await openIn(folder), [join(folder, 'big')]));
}

async function writeSecondRun(folder: string): Promise<void> {
  await mkdir(join(folder, 'big', 'run'), { recursive: true });
  for (const [index, net] of trainRun(62, 7).entries())
    await writeFile(join(folder, 'big', index % 2 === 0 ? 'run' : '', `b${index}.safetensors`), await netBytes(net));
}

/** Branches at the tips of both runs; HEAD is on the first. */
async function standBetweenRuns(folder: string): Promise<void> {
  await addSecondRun(folder);
  const { trajectories } = await logTrajectories(await openIn(folder));
  for (const { checkpoints } of trajectories) {
    const { commit, source = '' } = checkpoints.at(-1) ?? {};
    if (commit === undefined || commit === null) continue;
    await createBranch(await openIn(folder), source.startsWith('big/') ? 'large' : 'small', commit);
  }
  await finish(switchBranch(await openIn(folder), 'small'));
  await rm(join(folder, 'big'), { recursive: true });
}

async function makeRefs(folder: string): Promise<void> {
  await createBranch(await openIn(folder), 'topic', await runName(folder));
  await createTag(await openIn(folder), 'v1', await runName(folder));
}

/** Files whose many small tensors share blobs: one that is committed, and one of the same size that is new. */
async function writeManyTensors(folder: string): Promise<void> {
  const random = createRandom(63);
  const values = Array.from({ length: 300 }, () => Float32Array.from({ length: 8 }, random));
  await writeFile(join(folder, 'many-0.safetensors'), await manyTensors(values));
  await finish(importFiles(await openIn(folder), [join(folder, 'many-0.safetensors')]));
  const next = values.map((tensor) => tensor.map((value) => value + 1e-3 * random()));
  await writeFile(join(folder, 'many-1.safetensors'), await manyTensors(next));
}

const manyTensors = (values: readonly Float32Array[]): Promise<Uint8Array> =>
  safetensorsOf(
    Object.fromEntries(values.map((tensor, i) => [`expert.${i}.scale`, { rows: 2, columns: 4, values: tensor }])),
  );

/** A run whose checkpoints came in disorder, so that there are better bases. */
async function addInDisorder(folder: string): Promise<void> {
  const nets = trainRun(64, 5);
  for (const index of [0, 5, 2, 4, 1, 3]) {
    const net = nets[index];
    const file = join(folder, `c${index}.safetensors`);
    if (net === undefined) continue;
    await writeFile(file, await netBytes(net));
    await finish(importFiles(await openIn(folder), [file]));
  }
}

const UNDAMAGED: readonly CrashCase[] = [
  { name: 'add', args: ['add', ...NEW.map(nameOf)] },
  { name: 'add --move', args: ['add', '--move', ...NEW.map(nameOf)] },
  { name: 'add of many small tensors', args: ['add', 'many-1.safetensors'], prepare: writeManyTensors },
  { name: 'commit', args: ['commit', '-m', 'more'], prepare: addNew },
  { name: 'commit --trajectory', args: ['commit', '--trajectory', 'mine', '--onto', 'HEAD~1'], prepare: addNew },
  { name: 'import', args: ['import', '.'] },
  { name: 'import of another run', args: ['import', 'big'], prepare: writeSecondRun },
  { name: 'restore', args: ['restore', nameOf(1)], prepare: (folder) => rm(join(folder, nameOf(1))) },
  { name: 'restore --output', args: ['restore', nameOf(1), '--output', 'copy.safetensors'] },
  { name: 'restore --format', args: ['restore', nameOf(1), '--format', 'npz'] },
  {
    name: 'switch',
    args: ['switch', 'old'],
    prepare: async (folder) => void (await createBranch(await openIn(folder), 'old', `${await runName(folder)}~2`)),
  },
  { name: 'switch --create', args: ['switch', '--create', 'topic'] },
  { name: 'switch --detach', args: ['switch', '--detach', 'HEAD~2'] },
  {
    name: 'reset of HEAD',
    args: ['reset', 'HEAD~1'],
    prepare: async (folder) => void (await createTag(await openIn(folder), 'keep', await runName(folder))),
  },
  { name: 'reset of a path', args: ['reset', nameOf(4)], prepare: addNew },
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
  { name: 'gc --aggressive', args: ['gc', '--now', '--aggressive'] },
  { name: 'gc --aggressive after disorder', args: ['gc', '--now', '--aggressive'], prepare: addInDisorder },
  { name: 'switch to a larger tree', args: ['switch', 'large'], prepare: standBetweenRuns },
  {
    name: 'switch to a smaller tree',
    args: ['switch', 'small'],
    prepare: async (folder) => {
      await standBetweenRuns(folder);
      await finish(switchBranch(await openIn(folder), 'large'));
    },
  },
  { name: 'restore of a folder', args: ['restore', 'big'], prepare: standBetweenRuns },
  { name: 'branch --delete', args: ['branch', '--delete', 'topic'], prepare: makeRefs },
  { name: 'tag --delete', args: ['tag', '--delete', 'v1'], prepare: makeRefs },
  { name: 'prune --pin', args: ['prune', '--pin', 'HEAD'] },
  {
    name: 'prune --unpin',
    args: ['prune', '--unpin', 'HEAD'],
    prepare: async (folder) => void (await finish(pruneCheckpoints(await openIn(folder), { pin: ['HEAD'] }))),
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
  { name: 'fsck --repair', args: ['fsck', '--repair'] },
];

export const CASES: readonly CrashCase[] = [...UNDAMAGED, ...READERS, ...REPAIRS];
