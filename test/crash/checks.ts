import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_CODES, EXIT_NO } from '../../src/cli/exit-codes.ts';
import { WsvcError } from '../../src/errors.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { logHistory } from '../../src/repo/log-history.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import { readStatus } from '../../src/repo/read-status.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { netBytes } from '../commands/models.ts';
import { finish, openIn } from '../repo/workspace.ts';
import { fastFolder } from '../store/temporary.ts';
import { runWhole } from './hooked.ts';
import { COMMITTED, type CrashCase, makeTemplate, nameOf, RUN } from './operations.ts';

/** How a command may end that was cut short and is run again: done, or told that there is nothing, or no longer anything, to do. */
export const ENDS: ReadonlySet<number | null> = new Set([
  0,
  EXIT_NO,
  EXIT_CODES.usage,
  EXIT_CODES['not-found'],
  EXIT_CODES['not-saved'],
]);

async function bringBack(folder: string, name: string, mayBePruned: boolean): Promise<void> {
  try {
    await finish(restoreFiles(await openIn(folder), [name]));
  } catch (error) {
    if (!mayBePruned || !(error instanceof WsvcError) || error.code !== 'pruned') throw error;
  }
}

/** Every checkpoint is on the disk or comes back; but for those that were pruned. */
export async function expectNothingLost(folder: string, { mayBePruned = false } = {}): Promise<void> {
  for (const [index, net] of RUN.entries()) {
    const name = nameOf(index);
    const expected = Buffer.from(await netBytes(net));
    const file = join(folder, name);
    if (!existsSync(file)) await bringBack(folder, name, mayBePruned);
    if (mayBePruned && !existsSync(file)) continue;
    if (!readFileSync(file).equals(expected)) throw new Error(`${name} is not what it was`);
  }
}

/** Every commit that there was before is reached from some ref. */
async function expectHistory(folder: string): Promise<void> {
  const { commits } = await logHistory(await openIn(folder), { all: true });
  const paths = new Set(commits.flatMap((commit) => commit.paths));
  const lost = COMMITTED.map(nameOf).filter((name) => !paths.has(name));
  if (lost.length > 0) throw new Error(`no commit has ${lost.join(', ')}`);
}

/** Derived data is not flushed and not needed: a write of it that was cut short is told and passed over. */
export async function expectClean(folder: string): Promise<void> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  const serious = findings.filter(({ level }) => level !== 'derived');
  if (serious.length > 0 || proof?.differingBytes !== 0) throw new Error(JSON.stringify({ serious, proof }));
  await expectHistory(folder);
}

/** Clean, and nothing lost; the folder itself is left as it is. */
export async function expectWhole(folder: string): Promise<void> {
  await expectClean(folder);
  const copy = `${folder}.after`;
  cpSync(folder, copy, { recursive: true });
  await expectNothingLost(copy);
  rmSync(copy, { recursive: true });
}

/** What is answered from derived data. */
async function answersOf(folder: string): Promise<string> {
  const status = await readStatus(await openIn(folder));
  return JSON.stringify([status, await logTrajectories(await openIn(folder))]);
}

/** Nothing that the interrupted command left is in the way of the same command. */
export async function expectCompletes(folder: string, one: CrashCase, bench: Bench): Promise<void> {
  if (one.isReader && (await answersOf(folder)) !== (await bench.readAnswers()))
    throw new Error('what is left of derived data changes the answers');
  const run = await runWhole(folder, one.args);
  if (!ENDS.has(run.status)) throw new Error(`run again, it ended with ${run.status}: ${run.stderr}`);
  await expectClean(folder);
  await expectNothingLost(folder);
}

/** A folder in which copies of a prepared repository can be tried, and which goes afterwards. */
export interface Bench extends Disposable {
  readonly root: string;
  copyTo(name: string): string;
  /** What the prepared repository answers. */
  readAnswers(): Promise<string>;
}

export async function makeBench(prepare: CrashCase['prepare']): Promise<Bench> {
  const root = mkdtempSync(join(fastFolder(), 'wsvc-crash-'));
  const template = join(root, 'template');
  await makeTemplate(template);
  await prepare?.(template);
  const copyTo = (name: string): string => {
    const folder = join(root, name);
    cpSync(template, folder, { recursive: true });
    return folder;
  };
  let answers: Promise<string> | undefined;
  return {
    root,
    copyTo,
    readAnswers() {
      // Asking writes derived data, which must not be in the copies that follow.
      answers ??= answersOf(copyTo('answers'));
      return answers;
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
