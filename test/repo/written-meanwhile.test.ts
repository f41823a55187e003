import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBranch } from '../../src/repo/refs.ts';
import { runInside } from '../crash/in-process.ts';
import { fastFolder, temporaryFolders } from '../store/temporary.ts';
import { createIn, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders(fastFolder());
const NAME = 'a.safetensors';
const PRECIOUS = 'what a training run has just written, and nobody else has';

/** Two commits of one file; the branch `old` is at the first. */
async function makeRepository(): Promise<string> {
  const folder = await temporary();
  await createIn(folder);
  const model: Model = { 'fc.weight': randomMatrix(20, 30, 1) };
  await saveFiles(folder, [await writeModel(folder, NAME, model)]);
  await createBranch(await openIn(folder), 'old');
  await saveFiles(folder, [await writeModel(folder, NAME, moveModel(model, 5))]);
  return folder;
}

/** How a training run writes a file: over the old one, or beside it and then in its place. */
const WRITERS = {
  'in place': (file) => writeFile(file, PRECIOUS),
  'in its place': async (file) => {
    await writeFile(`${file}.part`, PRECIOUS);
    await rename(`${file}.part`, file);
  },
} as const satisfies Record<string, (file: string) => Promise<void>>;

const COMMANDS = [
  ['restore', `old:${NAME}`],
  ['switch', 'old'],
  ['reset', '--hard', 'old'],
  ['restore', NAME],
  ['add', '--move', NAME],
] as const;

const cases = Object.keys(WRITERS).flatMap((how) => COMMANDS.map((args) => ({ how, args, command: args.join(' ') })));

describe('a file that is written while a command runs', () => {
  // Between the last look at it and the renaming there is nothing that could be asked of the system: held there, it would be lost.
  it.each(cases)('is kept by $command: $how', { timeout: 120_000 }, async ({ how, args }) => {
    const write = WRITERS[how === 'in place' ? how : 'in its place'];
    const [template, folder] = [await makeRepository(), join(await temporary(), 'copy')];
    const file = join(folder, NAME);
    const start = async (): Promise<void> => {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder);
      await cp(template, folder, { recursive: true });
      if (args.join(' ') === `restore ${NAME}`) await rm(file);
    };
    await start();
    const points: number[] = [];
    let count = 0;
    const onChange = (kind: string, canBeHeld: boolean): void => {
      count += 1;
      if (canBeHeld && kind !== 'rename') points.push(count);
    };
    await runInside(folder, args, { mode: 'count', reads: true, onChange });
    let tried = 0;
    for (const at of points.filter((_, index) => index % 3 === 0)) {
      await start();
      let isHeld = false;
      const kinds: string[] = [];
      const onPause = async (): Promise<void> => {
        // One reading more or less than when they were counted, and the point is another.
        if (kinds[at - 1] === 'rename') return;
        isHeld = true;
        await write(file);
      };
      await runInside(folder, args, {
        mode: 'pause',
        at,
        reads: true,
        onPause,
        onChange: (kind) => kinds.push(kind),
      });
      if (!isHeld) continue;
      tried += 1;
      expect([at, await readFile(file, 'utf8').catch(() => 'gone')]).toEqual([at, PRECIOUS]);
    }
    expect(tried).toBeGreaterThan(5);
  });
});
