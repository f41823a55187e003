import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expectCompletes, expectWhole, makeBench } from './checks.ts';
import { runWhole } from './hooked.ts';
import type { CrashCase } from './operations.ts';

/** What a file takes at least, in bytes: the disk is made larger by so much each time. */
const BLOCK = 4096;
/** Room that no command needs: a megabyte. */
const PLENTY = 1 << 20;

const mount = (...args: readonly string[]): boolean => spawnSync('mount', args).status === 0;

/** A disk of so many bytes below a folder. */
class SmallDisk implements Disposable {
  readonly folder: string;

  constructor(folder: string, bytes: number) {
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    if (!mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder)) throw new Error('it cannot be mounted');
  }

  grow(bytes: number): void {
    if (!mount('-o', `remount,size=${bytes}`, this.folder)) throw new Error('it cannot be made larger');
  }

  usedBytes(): number {
    const { stdout } = spawnSync('df', ['-B1', '--output=used', this.folder], { encoding: 'utf8' });
    return Number(stdout.split('\n')[1]);
  }

  [Symbol.dispose](): void {
    spawnSync('umount', [this.folder]);
  }
}

/** True where this process may mount disks. */
export function canMount(folder: string): boolean {
  try {
    using _disk = new SmallDisk(folder, PLENTY);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a command on disks that have room for so many blocks more than the repository, from none until it succeeds; then again with plenty.
 * The kernel says when the disk is full, not the test. @returns how many disks were too small
 */
export async function fillDisk(one: CrashCase, step: number): Promise<number> {
  using bench = await makeBench(one.prepare);
  const template = join(bench.root, 'template');
  const fill = (name: string, bytes: number): SmallDisk => {
    const disk = new SmallDisk(join(bench.root, name), bytes);
    cpSync(template, disk.folder, { recursive: true });
    return disk;
  };
  let used = 0;
  {
    using disk = fill('plenty', PLENTY * 8);
    used = disk.usedBytes();
  }
  for (let tried = 0; ; tried++) {
    using disk = fill(`disk-${tried}`, used + tried * step * BLOCK);
    const { status, stderr } = await runWhole(disk.folder, one.args);
    const copy = join(bench.root, 'copy');
    cpSync(disk.folder, copy, { recursive: true });
    if (!one.isDamaged) await expectWhole(copy);
    rmSync(copy, { recursive: true });
    disk.grow(used + PLENTY * 8);
    await expectCompletes(disk.folder, one, bench);
    if (status === 0 && tried > 0) return tried;
    if (status !== 0 && !/disk is full|ENOSPC/.test(stderr))
      throw new Error(`${one.name} on a full disk: ${status} ${stderr}`);
  }
}
