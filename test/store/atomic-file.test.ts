import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LEFTOVER_GRACE_MS, removeLeftovers, writeFileAtomic } from '../../src/store/atomic-file.ts';
import { FailingDisk } from './failing-disk.ts';
import { temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an atomic file', () => {
  it('is the old one or the new one, whichever step fails, and leaves nothing else', async () => {
    for (let n = 1; ; n++) {
      const folder = await temporary();
      const path = join(folder, 'file');
      await writeFile(path, 'old');
      const disk = new FailingDisk(folder, n, 'fail');
      const error = await writeFileAtomic(path, bytes('new content'), { disk }).catch((cause: unknown) => cause);
      expect(await readdir(folder)).toEqual(['file']);
      const content = await readFile(path, 'utf8');
      if (error === undefined) {
        expect(content).toBe('new content');
        expect(n).toBe(6);
        return;
      }
      expect(error).toMatchObject({ code: 'system', suggestions: [] });
      expect(content).toBe(n < 5 ? 'old' : 'new content');
    }
  });

  it('written by many at once is that of one of them', async () => {
    const path = join(await temporary(), 'file');
    await Promise.all(Array.from({ length: 20 }, (_, i) => writeFileAtomic(path, bytes(String(i).repeat(1000)))));
    expect(await readFile(path, 'utf8')).toMatch(/^(\d+)\1*$/);
  });
});

describe('leftovers', () => {
  it('are removed when they are old, by the clock of the file system', async () => {
    const folder = await temporary();
    const old = new Date(Date.now() - LEFTOVER_GRACE_MS - 60_000);
    await writeFile(join(folder, 'old.tmp'), 'x');
    await utimes(join(folder, 'old.tmp'), old, old);
    await writeFile(join(folder, 'new.tmp'), 'x');
    await removeLeftovers(folder);
    expect(await readdir(folder)).toEqual(['new.tmp']);
  });
});
