import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { netBytes } from '../commands/models.ts';
import { PROGRAM } from '../commands/program.ts';
import { finish, openIn } from '../repo/workspace.ts';
import { type CrashCase, makeTemplate, nameOf, RUN } from './operations.ts';

const HOOK = fileURLToPath(new URL('hook.mjs', import.meta.url));
export const MODES = ['kill', 'fail', 'full'] as const;
export type Mode = (typeof MODES)[number];

function run(folder: string, { args }: CrashCase, mode: Mode | 'count', at: number): number {
  const count = `${folder}.count`;
  const env = { ...process.env, CRASH_AT: String(at), CRASH_MODE: mode, CRASH_COUNT: count, NO_COLOR: '1' };
  const { status, stderr } = spawnSync(process.execPath, ['--import', HOOK, PROGRAM, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (status === 255 || /\n\s+at /.test(stderr))
    throw new Error(`${args.join(' ')} at ${at} (${mode}): ${status} ${stderr}`);
  const changes = existsSync(count) ? Number(readFileSync(count, 'utf8')) : 0;
  rmSync(count, { force: true });
  return changes;
}

/** Every checkpoint is on the disk or comes back; but for those that were pruned. */
async function expectNothingLost(folder: string): Promise<void> {
  for (const [index, net] of RUN.entries()) {
    const name = nameOf(index);
    const expected = Buffer.from(await netBytes(net));
    const file = join(folder, name);
    if (!existsSync(file)) await finish(restoreFiles(await openIn(folder), [name]));
    if (!readFileSync(file).equals(expected)) throw new Error(`${name} is not what it was`);
  }
}

async function expectClean(folder: string): Promise<void> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  // Derived data is not flushed and not needed: a write of it that was cut short is told and passed over.
  const serious = findings.filter(({ level }) => level !== 'derived');
  if (serious.length > 0 || proof?.differingBytes !== 0) throw new Error(JSON.stringify({ serious, proof }));
}

async function expectWhole(folder: string, one: CrashCase): Promise<void> {
  await expectClean(folder);
  const copy = `${folder}.after`;
  cpSync(folder, copy, { recursive: true });
  await expectNothingLost(copy);
  rmSync(copy, { recursive: true });
  // What was cut short can be done again; a second time it may say that all is done.
  run(folder, one, 'count', 0);
  await expectClean(folder);
  await expectNothingLost(folder);
}

/** Tries some of the points (all of them with a `step` of 1) at which a case changes the disk. @returns how many were tried */
export async function runCase(one: CrashCase, step: number, modes: readonly Mode[] = MODES): Promise<number> {
  const root = mkdtempSync(join(tmpdir(), 'wsvc-crash-'));
  try {
    const template = join(root, 'template');
    await makeTemplate(template);
    await one.prepare?.(template);
    const copyTo = (name: string): string => {
      const folder = join(root, name);
      cpSync(template, folder, { recursive: true });
      return folder;
    };
    const changes = run(copyTo('whole'), one, 'count', 0);
    let tried = 0;
    for (let at = 1; at <= changes; at += step) {
      for (const mode of modes) {
        const folder = copyTo(`${mode}-${at}`);
        run(folder, one, mode, at);
        await expectWhole(folder, one).catch((cause) => {
          throw new Error(`${one.name}, ${mode} at change ${at} of ${changes}: ${String(cause)}`, { cause });
        });
        rmSync(folder, { recursive: true });
        tried += 1;
      }
    }
    return tried;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
