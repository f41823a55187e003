import { createHash } from 'node:crypto';
import { closeSync, cpSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { readStatus } from '../../src/repo/read-status.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { createIn, finish, openIn, randomMatrix, safetensorsOf } from '../repo/workspace.ts';
import { fastFolder, temporaryFolders } from '../store/temporary.ts';
import { runInside } from './in-process.ts';

const temporary = temporaryFolders(fastFolder());
/** Every so-many-th moment is tried; `FULL=1` tries all. */
const STEP = process.env.FULL === undefined ? 9 : 1;
const NAME = 'model.safetensors';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What somebody may do to a file while it is read: the parts of it that become those of another of the same length. */
const WRITERS = {
  'is written anew': () => [0, 1],
  'gets another header': () => [0, 0.01],
  'gets other weights in its first half': () => [0.01, 0.5],
  'gets other weights at its end': () => [0.9, 1],
} as const satisfies Record<string, () => readonly [number, number]>;

/** In place, as training loops that were told to keep one file do. */
function overwrite(file: string, bytes: Uint8Array, [from, to]: readonly [number, number]): void {
  const [start, end] = [Math.floor(bytes.byteLength * from), Math.floor(bytes.byteLength * to)];
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, bytes, start, end - start, start);
  closeSync(descriptor);
}

/** A model, and another of the same shape: header and weights differ. */
async function twoModels(rows: number): Promise<readonly [Uint8Array, Uint8Array]> {
  const one = await safetensorsOf({ 'a.weight': randomMatrix(rows, 100, 1), 'b.weight': randomMatrix(rows, 60, 2) });
  const other = await safetensorsOf({ 'b.weight': randomMatrix(rows, 100, 3), 'a.weight': randomMatrix(rows, 60, 4) });
  expect(other.byteLength).toBe(one.byteLength);
  return [one, other];
}

async function countReads(folder: string): Promise<number> {
  let count = 0;
  const onChange = () => {
    count += 1;
  };
  await runInside(folder, ['add', NAME], { mode: 'count', reads: true, onChange });
  return count;
}

/** What is stored is what the file was at one moment; what it is now is told. */
async function expectNotTorn(folder: string, states: ReadonlySet<string>): Promise<void> {
  const [staged] = await (await openIn(folder)).history.listStaged();
  expect(states).toContain(staged?.pointer.sha256);
  const now = sha256(readFileSync(join(folder, NAME)));
  await finish(commitStaged(await openIn(folder)));
  const status = await readStatus(await openIn(folder));
  expect(status.changed.length).toBe(now === staged?.pointer.sha256 ? 0 : 1);
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  expect({ findings, differing: proof?.differingBytes }).toEqual({ findings: [], differing: 0 });
  if (now !== staged?.pointer.sha256)
    await expect(finish(restoreFiles(await openIn(folder), [NAME]))).rejects.toMatchObject({ code: 'not-saved' });
}

describe('a file that is overwritten while it is added', () => {
  const cases = [30, 700].flatMap((rows) =>
    Object.entries(WRITERS).map(([name, part]) => ({ rows, name, part: part() })),
  );
  it.each(cases)('is never stored torn: one of $rows rows $name', { timeout: 120_000 }, async ({ rows, part }) => {
    const template = await temporary();
    await createIn(template);
    const [before, after] = await twoModels(rows);
    writeFileSync(join(template, NAME), before);
    const folder = `${template}.copy`;
    const copy = () => cpSync(template, folder, { recursive: true });
    copy();
    const count = await countReads(folder);
    let refused = 0;
    for (let at = 1; at <= count; at += STEP) {
      rmSync(folder, { recursive: true });
      copy();
      const states = new Set([sha256(before)]);
      const onPause = async (): Promise<void> => {
        overwrite(join(folder, NAME), after, part);
        states.add(sha256(readFileSync(join(folder, NAME))));
      };
      const { status, stderr } = await runInside(folder, ['add', NAME], { mode: 'pause', at, reads: true, onPause });
      if (status === 0) await expectNotTorn(folder, states);
      else {
        expect([status, stderr]).toEqual([EXIT_CODES['bad-file'], expect.stringContaining('changed while')]);
        refused += 1;
      }
    }
    rmSync(folder, { recursive: true });
    console.log(`${Math.ceil(count / STEP)} moments, refused at ${refused}`);
    expect(refused).toBeGreaterThan(0);
  });
});
