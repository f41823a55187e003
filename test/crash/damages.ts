import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openIn } from '../repo/workspace.ts';
import type { CrashCase } from './operations.ts';

type Damage = (repository: string) => void | Promise<void>;

/** A copy of the repository, in the folder itself. */
const BACKUP = 'backup';

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  writeFileSync(file, bytes);
}

function filesIn(folder: string, ending = ''): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.filter((file) => file.endsWith(ending)).sort();
}

/** All files of a kind; a kind that is not there would make the case one of no damage. */
function everyFile(folder: readonly string[], ending: string, damage: (file: string) => void): Damage {
  return (repository) => {
    const files = filesIn(join(repository, ...folder), ending);
    if (files.length === 0) throw new Error(`nothing to damage in ${folder.join('/')}`);
    for (const file of files) damage(file);
  };
}

const flipMiddle = (file: string): void => flip(file, statSync(file).size >> 1);

/** Flips a bit of every record that others are coded against, or of every one that is coded against others. */
const damageRecords =
  (isDelta: boolean): Damage =>
  async (repository) => {
    const { blobs } = await openIn(join(repository, '..'));
    let count = 0;
    for (const { path, index } of blobs.packs.packs())
      for (const row of index.rows.filter(({ ancestors }) => ancestors > 0 === isDelta)) {
        flip(path, row.offset + row.recordByteLength - 5);
        count += 1;
      }
    if (count === 0) throw new Error('no record to damage');
  };

/** Each kind of damage that a repair undoes, alone or with a backup. */
const DAMAGES: Readonly<Record<string, { readonly damage: Damage; readonly isFromBackup?: boolean }>> = {
  'damaged bases': { damage: damageRecords(false) },
  'damaged deltas': { damage: damageRecords(true) },
  'packs cut short': { damage: everyFile(['blobs', 'packs'], '.pack', (file) => truncateSync(file, 2000)) },
  'packs gone': { damage: everyFile(['blobs', 'packs'], '.pack', (file) => rmSync(file)) },
  'packs with a damaged trailer': {
    damage: everyFile(['blobs', 'packs'], '.pack', (file) => flip(file, statSync(file).size - 40)),
  },
  'damaged git indices': { damage: everyFile(['objects', 'pack'], '.idx', (file) => flip(file, 700)) },
  'git indices gone': { damage: everyFile(['objects', 'pack'], '.idx', (file) => rmSync(file)) },
  'damaged git packs': { damage: everyFile(['objects', 'pack'], '.pack', flipMiddle), isFromBackup: true },
  'all git objects gone': {
    damage: (repository) => rmSync(join(repository, 'objects'), { recursive: true }),
    isFromBackup: true,
  },
  'refs gone': { damage: everyFile(['refs', 'heads'], '', (file) => rmSync(file)) },
  'damaged refs': { damage: everyFile(['refs', 'heads'], '', (file) => flip(file, 7)) },
  'empty refs': { damage: everyFile(['refs', 'heads'], '', (file) => truncateSync(file)) },
  'damaged HEAD': { damage: (repository) => writeFileSync(join(repository, 'HEAD'), 'ref: refs/hea') },
  'HEAD gone': { damage: (repository) => rmSync(join(repository, 'HEAD')) },
  'damaged config': { damage: (repository) => writeFileSync(join(repository, 'config'), '[core\nbare') },
  'format gone': { damage: (repository) => rmSync(join(repository, 'format')) },
};

/** `wsvc fsck --repair` of every kind of damage. */
export const REPAIRS: readonly CrashCase[] = Object.entries(DAMAGES).map(([name, { damage, isFromBackup }]) => ({
  name: `fsck --repair, ${name}`,
  args: ['fsck', '--repair', ...(isFromBackup ? ['--from', BACKUP] : [])],
  isDamaged: true,
  async prepare(folder) {
    const repository = join(folder, '.wsvc');
    if (isFromBackup) cpSync(repository, join(folder, BACKUP, '.wsvc'), { recursive: true });
    await damage(repository);
  },
}));
