import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openIn } from '../repo/workspace.ts';
import { createRandom } from '../zoo/random.ts';
import { type Bench, expectCompletes, expectWhole, makeBench } from './checks.ts';
import { DiskModel, type JournalEntry, type Survives } from './disk-model.ts';
import { recordChanges } from './hooked.ts';
import type { CrashCase } from './operations.ts';

export interface PowerCutOptions {
  /** Every so-many-th change is followed by a cut. */
  readonly step: number;
  readonly seed: number;
  /** A disk that lies: what it is told and does not do. For testing the test. */
  readonly ignores?: (entry: JournalEntry) => boolean;
}

/** What history and staging promise. */
async function promisesOf(folder: string): Promise<string> {
  const { history } = await openIn(folder);
  const staged = (await history.listStaged()).map(({ path, pointer }) => [path, pointer.manifest]);
  const refs = [await history.listBranches(), await history.listTags(), await history.listPins()];
  return JSON.stringify([refs, await history.readHead(), staged]);
}

interface Cut {
  readonly bench: Bench;
  readonly folder: string;
  readonly one: CrashCase;
  /** Nothing survives but what was flushed. */
  readonly isStrict: boolean;
  /** The command had ended: the folder as it was without a cut. */
  readonly ended?: string;
}

async function tryCut({ bench, folder, one, isStrict, ended }: Cut): Promise<void> {
  if (!one.isDamaged || ended !== undefined) await expectWhole(folder);
  if (ended !== undefined && (await promisesOf(folder)) !== (await promisesOf(ended))) {
    throw new Error('the command had ended, and what it did is not there');
  }
  if (!isStrict && !one.isDamaged && !one.isReader) return;
  await expectCompletes(folder, one, bench);
}

/**
 * Records what a command writes and flushes, and cuts the power after each change: once so that only what was flushed is there (after
 * a flush: other changes alter nothing of that), and once so that any part of the rest is there too, in any order.
 *
 * @returns how many cuts were tried
 */
export async function cutPower(one: CrashCase, { step, seed, ignores }: PowerCutOptions): Promise<number> {
  using bench = await makeBench(one.prepare);
  const whole = bench.copyTo('whole');
  const entries = await recordChanges(whole, one.args);
  const next = createRandom(seed);
  const ways: readonly Survives[] = [() => false, () => next() < 0.5];
  const model = new DiskModel(whole, join(bench.root, 'template'));
  let [tried, flushes] = [0, 0];
  for (const [index, entry] of entries.entries()) {
    if (ignores?.(entry) !== true) model.apply(entry);
    const isEnd = index === entries.length - 1;
    const isFlush = entry.kind === 'sync';
    const isTurn = [isFlush && flushes++ % step === 0, index % step === 0];
    for (const [way, survives] of ways.entries()) {
      const isStrict = way === 0;
      if (isTurn[way] !== true && !isEnd) continue;
      const folder = join(bench.root, `cut-${tried}`);
      model.writeAfterCut(folder, survives);
      const ended = isEnd ? { ended: whole } : {};
      await tryCut({ bench, folder, one, isStrict, ...ended }).catch((cause) => {
        const where = `after change ${index + 1} of ${entries.length} (${entry.kind} ${entry.target})`;
        throw new Error(`${one.name}, power cut ${where}, cut ${tried} of seed ${seed}: ${String(cause)}`, { cause });
      });
      rmSync(folder, { recursive: true });
      tried += 1;
    }
  }
  return tried;
}
