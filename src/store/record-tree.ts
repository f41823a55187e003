import type { GitObjectId } from '../objects/ids.ts';
import { encodeTree, type TreeEntry } from './git-format.ts';
import type { ObjectStore } from './git-object.ts';
import type { NewRecords } from './history.ts';

/** Writes a tree of files of one or two levels, and the files that are new. */
export async function writeRecordTree(objects: ObjectStore, files: NewRecords['files']): Promise<GitObjectId> {
  const folders = new Map<string, TreeEntry[]>();
  const top: TreeEntry[] = [];
  for (const [path, file] of files) {
    const slash = path.indexOf('/');
    const folder = path.slice(0, Math.max(0, slash));
    const id = typeof file === 'string' ? file : await objects.write({ type: 'blob', content: file });
    const entries = slash < 0 ? top : (folders.get(folder) ?? []);
    entries.push({ name: path.slice(slash + 1), kind: 'file', mode: '100644', id });
    if (slash >= 0) folders.set(folder, entries);
  }
  for (const [name, entries] of folders) {
    const id = await objects.write({ type: 'tree', content: encodeTree(entries) });
    top.push({ name, kind: 'tree', mode: '40000', id });
  }
  return objects.write({ type: 'tree', content: encodeTree(top) });
}
