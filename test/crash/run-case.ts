import { rmSync } from 'node:fs';
import { expectCompletes, expectWhole, makeBench } from './checks.ts';
import { listChanges, type RunCommand, runHooked } from './hooked.ts';
import type { CrashCase } from './operations.ts';

export const MODES = ['kill', 'fail', 'full'] as const;
export type Mode = (typeof MODES)[number];

/** What a full disk refuses; elsewhere it would be the same as at the next of these. */
const TAKES_SPACE = new Set(['open', 'write', 'writeFile', 'appendFile', 'mkdir', 'link']);

export interface CaseOptions {
  readonly modes?: readonly Mode[];
  readonly first?: number;
  /** In this process by default. */
  readonly run?: RunCommand;
}

/** Tries some of the points (all of them with a `step` of 1) at which a case changes the disk. @returns how many were tried */
export async function runCase(
  one: CrashCase,
  step: number,
  { modes = MODES, first = 1, run = runHooked }: CaseOptions = {},
): Promise<number> {
  using bench = await makeBench(one.prepare);
  const changes = await listChanges(bench.copyTo('whole'), one.args);
  let tried = 0;
  for (let at = first; at <= changes.length; at += step) {
    for (const mode of modes) {
      if (mode === 'full' && !TAKES_SPACE.has(changes[at - 1] ?? '')) continue;
      const folder = bench.copyTo(`${mode}-${at}`);
      const tryPoint = async (): Promise<void> => {
        await run(folder, one.args, { mode, at });
        if (!one.isDamaged) await expectWhole(folder);
        await expectCompletes(folder, one, bench);
      };
      await tryPoint().catch((cause) => {
        throw new Error(`${one.name}, ${mode} at change ${at} of ${changes.length}: ${String(cause)}`, { cause });
      });
      rmSync(folder, { recursive: true });
      tried += 1;
    }
  }
  return tried;
}
