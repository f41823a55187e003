import { createHash } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { basename, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { findWholeObject } from './find-commits.ts';
import type { GitObject } from './git-object.ts';
import { GitObjects } from './git-objects.ts';
import { GitObjectBatch } from './git-pack.ts';
import { GitPackReader, TYPES } from './git-pack-reader.ts';
import { loadGit } from './isomorphic.ts';
import type { RemadeFile } from './remake-files.ts';

const SHA1_BYTES = 20;
const HEADER_BYTES = 12;

/** Packs of git and their indices end in the SHA-1 of what stands before. */
export function endsInChecksum(bytes: Uint8Array): boolean {
  const end = Math.max(0, bytes.byteLength - SHA1_BYTES);
  const sum = createHash('sha1').update(bytes.subarray(0, end)).digest();
  return sum.equals(bytes.subarray(end));
}

async function isWholeFile(path: string, disk: Disk): Promise<boolean> {
  return (await disk.find(path)) !== undefined && endsInChecksum(await disk.readFile(path));
}

/** Isomorphic-git writes the index where the pack is; here it goes there whole, or not at all. */
function atomicFs(directory: string, disk: Disk): { promises: typeof nodeFs.promises } {
  const options = { disk, temporaryDirectory: join(directory, 'tmp') };
  const writeFile = (path: string, bytes: Uint8Array) => writeFileAtomic(path, bytes, options);
  return { promises: { ...nodeFs.promises, writeFile: writeFile as typeof nodeFs.promises.writeFile } };
}

/** Makes the index of a whole pack anew; `undefined` when it would not hold all of the pack's objects. */
async function indexPack(directory: string, name: string, disk: Disk): Promise<RemadeFile | undefined> {
  const filepath = join('objects', 'pack', name);
  const index = join(directory, filepath.replace(/pack$/, 'idx'));
  const options = { disk, temporaryDirectory: join(directory, 'tmp') };
  const before = (await disk.find(index)) === undefined ? undefined : await disk.readFile(index);
  if (before !== undefined) await writeFileAtomic(`${index}.damaged`, before, options);
  const git = await loadGit();
  const { oids } = await git.indexPack({ fs: atomicFs(directory, disk), dir: directory, gitdir: directory, filepath });
  const count = Buffer.from(await disk.readFile(join(directory, filepath))).readUInt32BE(8);
  const how = `Made from its pack, with ${oids.length} objects.`;
  return oids.length === count ? { file: `objects/pack/${basename(index)}`, how } : undefined;
}

/** Objects that stand in a pack whole, one after the other, up to the first that cannot be read. */
function* scanPack(bytes: Uint8Array): Generator<GitObject, void, void> {
  for (let at = HEADER_BYTES; at < bytes.byteLength - SHA1_BYTES; ) {
    const type = TYPES.get(((bytes[at] ?? 0) >> 4) & 7);
    while ((bytes[at] ?? 0) >= 0x80) at += 1;
    if (type === undefined) return;
    try {
      // Node's types do not know that "info" gives the engine too.
      const options = { info: true } as object;
      const inflated: unknown = inflateSync(bytes.subarray(at + 1), options);
      const { buffer, engine } = inflated as { buffer: Buffer; engine: { bytesWritten: number } };
      yield { type, content: new Uint8Array(buffer) };
      at += 1 + engine.bytesWritten;
    } catch {
      return;
    }
  }
}

/** Writes what can be read of a damaged pack into a new one, and renames the old one. */
async function replacePack(objects: GitObjects, name: string, disk: Disk): Promise<RemadeFile> {
  const folder = join(objects.gitDirectory, 'objects', 'pack');
  const [pack, index] = [join(folder, name), join(folder, name.replace(/pack$/, 'idx'))];
  const batch = new GitObjectBatch(objects, disk);
  const reader = new GitPackReader(objects.gitDirectory, disk, name.replace(/pack$/, 'idx'));
  await reader.refresh();
  let count = 0;
  for (const id of reader.ids()) {
    const object = await findWholeObject(objects, id);
    if (object === undefined) continue;
    await batch.write(object);
    count += 1;
  }
  if (count === 0)
    for (const object of scanPack(await disk.readFile(pack))) await batch.write(object).then(() => count++);
  await batch.flush();
  for (const path of [index, pack])
    if ((await disk.find(path)) !== undefined) await disk.rename(path, `${path}.damaged`);
  await disk.syncDirectory(folder);
  return { file: `objects/pack/${name}`, how: `The ${count} objects in it that can be read are in a new pack.` };
}

/**
 * Makes the indices of git's packs anew where they are damaged or lost, and writes what a damaged pack still holds into a new one. The old
 * files stay, as `<name>.damaged`.
 */
export async function remakeGitPacks(directory: string, disk: Disk = nodeDisk): Promise<readonly RemadeFile[]> {
  const folder = join(directory, 'objects', 'pack');
  const remade: RemadeFile[] = [];
  for (const name of (await disk.list(folder)).filter((one) => one.endsWith('.pack'))) {
    const isPackWhole = await isWholeFile(join(folder, name), disk);
    if (isPackWhole && (await isWholeFile(join(folder, name.replace(/pack$/, 'idx')), disk))) continue;
    const indexed = isPackWhole ? await indexPack(directory, name, disk) : undefined;
    remade.push(indexed ?? (await replacePack(new GitObjects(directory, disk), name, disk)));
  }
  return remade;
}
