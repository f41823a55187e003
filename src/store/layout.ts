import { join } from 'node:path';
import { WsvcError } from '../errors.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, nodeDisk } from './disk.ts';

/** The version of the on-disk format that a new repository has (docs/format.md, section "Versions"); the content of `.wsvc/format`. */
export const FORMAT_VERSION = 1;
/** The version of a repository in which checkpoints were pruned: an older program would take these for damage. */
export const PRUNED_FORMAT_VERSION = 2;

/** The branch that HEAD stands on in a new repository. */
const FIRST_BRANCH = 'main';

const FOLDERS = ['objects/pack', 'objects/info', 'refs/heads', 'refs/tags', 'blobs/packs', 'derived', 'tmp'];

/** What `config` holds. `logAllRefUpdates` is false: wsvc keeps its own record, and no reflog of stock git would be complete. */
export const CONFIG = `[core]
\trepositoryformatversion = 0
\tfilemode = false
\tbare = true
\tlogAllRefUpdates = false
[wsvc]
\tformat = ${FORMAT_VERSION}
`;

const encoder = new TextEncoder();

/** Makes the folders of a repository that are not there. */
export async function makeFolders(disk: Disk, directory: string): Promise<void> {
  for (const folder of FOLDERS) await disk.makeDirectory(join(directory, folder));
  for (const folder of ['objects', 'refs', 'blobs', '']) await disk.syncDirectory(join(directory, folder));
  await disk.syncDirectory(join(directory, '..'));
}

async function writeMissing(disk: Disk, directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name);
  if ((await disk.find(path)) !== undefined) return;
  await writeFileAtomic(path, encoder.encode(text), { disk, temporaryDirectory: join(directory, 'tmp') });
}

/**
 * Makes an empty repository, or completes one whose making was cut short; what is there is never changed. The `format`
 * file comes last: a directory that has it is whole.
 *
 * @throws WsvcError `system`
 */
export async function createRepositoryLayout(directory: string, disk: Disk = nodeDisk): Promise<void> {
  await makeFolders(disk, directory);
  await writeMissing(disk, directory, 'config', CONFIG);
  await writeMissing(disk, directory, 'HEAD', `ref: refs/heads/${FIRST_BRANCH}\n`);
  await writeMissing(disk, directory, 'format', `${FORMAT_VERSION}\n`);
}

/**
 * Checks that this wsvc may read and write the repository.
 *
 * @returns the version.
 * @throws WsvcError `no-repository` without a `format` file, `format-version` when it names a newer format, `corrupt` when it is no number.
 */
export async function checkFormatVersion(directory: string, disk: Disk = nodeDisk): Promise<number> {
  const path = join(directory, 'format');
  if ((await disk.find(path)) === undefined) {
    throw new WsvcError('no-repository', `"${directory}" is not a complete wsvc repository.`, {
      suggestions: [
        'Run "wsvc init": it completes a repository whose making was cut short.',
        'If it has had commits, the file "format" was lost: run "wsvc fsck --repair".',
      ],
    });
  }
  const text = new TextDecoder().decode(await disk.readFile(path));
  if (!/^[1-9]\d{0,8}\n$/.test(text)) {
    throw new WsvcError('corrupt', `"${path}" does not hold a format version.`, {
      suggestions: ['Run "wsvc fsck --repair": it makes the file anew with what the repository itself shows.'],
    });
  }
  const version = Number(text);
  if (version > PRUNED_FORMAT_VERSION) {
    const known = `${FORMAT_VERSION} and ${PRUNED_FORMAT_VERSION}`;
    throw new WsvcError('format-version', `The repository has format ${version}; this wsvc reads ${known}.`, {
      suggestions: [
        'Install a newer wsvc.',
        `If none was ever used here, the file is damaged: delete "${path}" and run "wsvc fsck --repair".`,
      ],
    });
  }
  return version;
}

/** Raises a repository's version, durably; one that has it already is left alone. Call it under the repository's lock. */
export async function raiseFormatVersion(directory: string, version: number, disk: Disk = nodeDisk): Promise<void> {
  if ((await checkFormatVersion(directory, disk)) >= version) return;
  const options = { disk, temporaryDirectory: join(directory, 'tmp') };
  await writeFileAtomic(join(directory, 'format'), encoder.encode(`${version}\n`), options);
}
