import { join } from 'node:path';
import { CorruptError } from '../errors.ts';
import { type GitObjectId, parseGitObjectId } from '../objects/ids.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { findWholeObject } from './find-commits.ts';
import { GitObjects, gitObjectId } from './git-objects.ts';
import { GitObjectBatch } from './git-pack.ts';
import { GitPackReader } from './git-pack-reader.ts';

/** Fewer files than this are not worth a new pack: git itself waits for 50 packs (gc.autoPackLimit). */
const LEAST_FILES = 50;
/** Packs up to this size are merged, in bytes: larger ones would be written again with every collection. */
const SMALL_PACK_BYTES = 8 * 1024 * 1024;

/** Files of git's object store that one pack could hold. */
export interface GitPackPlan {
  readonly loose: readonly GitObjectId[];
  /** Small packs without deltas, as wsvc writes them, by the names of their indices. */
  readonly packs: readonly string[];
  /** What all of them take now, as their lengths say; every file takes a block of the disk at least. */
  readonly bytes: number;
}

const NOTHING: GitPackPlan = { loose: [], packs: [], bytes: 0 };

const objectsFolder = (directory: string): string => join(directory, 'objects');
const packFolder = (directory: string): string => join(directory, 'objects', 'pack');
const loosePath = (directory: string, id: GitObjectId): string =>
  join(objectsFolder(directory), id.slice(0, 2), id.slice(2));

/** All objects of one pack; `undefined` where one of them cannot be read whole, as deltas cannot. */
async function listPack(directory: string, name: string, disk: Disk): Promise<readonly GitObjectId[] | undefined> {
  const reader = new GitPackReader(directory, disk, name);
  await reader.refresh();
  const ids = [...reader.ids()];
  for (const id of ids) {
    const object = await reader.find(id);
    if (object === undefined || gitObjectId(object) !== id) return undefined;
  }
  return ids.length === 0 ? undefined : ids;
}

async function planLoose(directory: string, disk: Disk) {
  const loose: GitObjectId[] = [];
  let bytes = 0;
  for (const folder of await disk.list(objectsFolder(directory))) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    for (const name of await disk.list(join(objectsFolder(directory), folder))) {
      if (!/^[0-9a-f]{38}$/.test(name)) continue;
      const id = parseGitObjectId(`${folder}${name}`);
      loose.push(id);
      bytes += (await disk.find(loosePath(directory, id)))?.byteLength ?? 0;
    }
  }
  return { loose, bytes };
}

async function planPacks(directory: string, disk: Disk) {
  const packs: string[] = [];
  let bytes = 0;
  const names = new Set(await disk.list(packFolder(directory)));
  for (const index of [...names].filter((name) => /^pack-[0-9a-f]{40}\.idx$/.test(name))) {
    // What says more of a pack (kept, promised, a bitmap) is somebody else's business.
    const stem = index.slice(0, -'idx'.length);
    if ([...names].some((name) => name.startsWith(stem) && !/\.(idx|pack|rev)$/.test(name))) continue;
    const byteLength = (await disk.find(join(packFolder(directory), `${stem}pack`)))?.byteLength;
    if (byteLength === undefined || byteLength > SMALL_PACK_BYTES) continue;
    if ((await listPack(directory, index, disk)) === undefined) continue;
    packs.push(index);
    bytes += byteLength + ((await disk.find(join(packFolder(directory), index)))?.byteLength ?? 0);
  }
  return { packs, bytes };
}

/** Says which of git's files should become one pack; none when there are few. */
export async function planGitPack(directory: string, disk: Disk = nodeDisk): Promise<GitPackPlan> {
  const [loose, packs] = [await planLoose(directory, disk), await planPacks(directory, disk)];
  if (loose.loose.length + packs.packs.length < LEAST_FILES) return NOTHING;
  return { loose: loose.loose, packs: packs.packs, bytes: loose.bytes + packs.bytes };
}

interface WrittenPacks {
  /** Objects that are whole in them, as read back from the disk. */
  readonly ids: ReadonlySet<GitObjectId>;
  /** Their indices. */
  readonly names: ReadonlySet<string>;
}

/** Writes the objects into new packs, durably. */
async function writePacks(directory: string, ids: Iterable<GitObjectId>, disk: Disk): Promise<WrittenPacks> {
  const objects = new GitObjects(directory, disk);
  const batch = new GitObjectBatch(objects, disk);
  for (const id of ids) {
    const object = await findWholeObject(objects, id);
    if (object !== undefined) await batch.write(object);
  }
  await batch.flush();
  const written = new Set<GitObjectId>();
  const names = new Set(batch.written.map((name) => `${name}.idx`));
  for (const name of names) for (const id of (await listPack(directory, name, disk)) ?? []) written.add(id);
  return { ids: written, names };
}

/** Removes a pack that others hold whole: its index first, by which it is found. */
async function removePack(directory: string, index: string, disk: Disk): Promise<void> {
  for (const ending of ['idx', 'rev', 'pack']) {
    await disk.remove(join(packFolder(directory), index.replace(/idx$/, ending)));
    await disk.syncDirectory(packFolder(directory));
  }
}

/**
 * Writes loose objects and small packs of git as one pack, reads that back, and only then removes them; what is damaged stays where it is.
 * Whether anything reaches an object is git's to say: all are kept. Call it under the repository's lock.
 *
 * @returns bytes of the new packs.
 */
export async function packGitObjects(directory: string, plan: GitPackPlan, disk: Disk = nodeDisk): Promise<number> {
  if (plan.loose.length + plan.packs.length === 0) return 0;
  const inPacks = new Map<string, readonly GitObjectId[]>();
  for (const index of plan.packs) inPacks.set(index, (await listPack(directory, index, disk)) ?? []);
  const written = await writePacks(directory, [...plan.loose, ...[...inPacks.values()].flat()], disk);
  if (written.ids.size === 0) throw new CorruptError('no git object could be read');
  for (const [index, ids] of inPacks) {
    const isHeld = ids.length > 0 && ids.every((id) => written.ids.has(id));
    // Equal content has an equal name.
    if (isHeld && !written.names.has(index)) await removePack(directory, index, disk);
  }
  for (const id of plan.loose) if (written.ids.has(id)) await disk.remove(loosePath(directory, id));
  for (const folder of new Set(plan.loose.map((id) => id.slice(0, 2))))
    await disk.removeDirectory(join(objectsFolder(directory), folder));
  await disk.syncDirectory(objectsFolder(directory));
  let bytes = 0;
  for (const name of written.names)
    for (const file of [name, name.replace(/idx$/, 'pack')])
      bytes += (await disk.find(join(packFolder(directory), file)))?.byteLength ?? 0;
  return bytes;
}
