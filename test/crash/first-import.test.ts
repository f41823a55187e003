import { cpSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { netBytes, trainRun } from '../commands/models.ts';
import { createIn, finish, openIn } from '../repo/workspace.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { listChanges, runHooked, runWhole } from './hooked.ts';

const temporary = temporaryFolders();
const NETS = [...trainRun(51, 5), ...trainRun(52, 4)];
/** Of the points some are tried; all with FULL=1. */
const STEP = process.env.FULL === '1' ? 1 : 3;

async function findSerious(folder: string) {
  const { findings, checked } = await finish(checkRepository(await openIn(folder), { prove: true }));
  return { serious: findings.filter(({ level }) => level !== 'derived'), commits: checked.commits };
}

describe('the first import of a repository', () => {
  it('leaves nothing to repair wherever it is killed, and is done by running it again', {
    timeout: 240_000,
  }, async () => {
    const start = await temporary();
    await createIn(start);
    for (const [i, net] of NETS.entries()) await writeFile(join(start, `${i}.safetensors`), await netBytes(net));
    const copy = async () => {
      const folder = await temporary();
      cpSync(start, folder, { recursive: true });
      return folder;
    };
    const changes = await listChanges(await copy(), ['import', '.']);
    expect(changes.length).toBeGreaterThan(50);
    for (let at = 1; at <= changes.length; at += STEP) {
      const folder = await copy();
      await runHooked(folder, ['import', '.'], { mode: 'kill', at });
      expect([at, (await findSerious(folder)).serious]).toEqual([at, []]);
      await runWhole(folder, ['import', '.']);
      expect([at, await findSerious(folder)]).toEqual([at, { serious: [], commits: NETS.length }]);
      rmSync(folder, { recursive: true });
    }
  });
});
