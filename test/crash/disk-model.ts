import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A change of the disk as `hook.mjs` writes it down. */
export interface JournalEntry {
  readonly kind: string;
  /** A path, or the handle of an open file. */
  readonly target: string;
  readonly to?: string;
  readonly data?: string;
  readonly position?: number | null;
  readonly length?: number;
  readonly flags?: string;
  readonly handle?: string;
}

/** Says of something that was not flushed whether it survives. */
export type Survives = () => boolean;

type ByteChange = { readonly at: number; readonly data: Buffer } | { readonly length: number };

interface NameChange {
  readonly name: string;
  /** Absent where the name goes. */
  readonly node?: DiskNode;
  /** A rename takes the old name only with the new one. */
  readonly together?: NameChange;
  isDurable: boolean;
}

function applyBytes(bytes: Buffer, change: ByteChange): Buffer {
  if ('length' in change) return Buffer.concat([bytes.subarray(0, change.length)], change.length);
  const end = Math.max(bytes.byteLength, change.at + change.data.byteLength);
  const result = Buffer.concat([bytes], end);
  change.data.copy(result, change.at);
  return result;
}

/** A file or folder: as it is, and what of it a power cut leaves. */
class DiskNode {
  bytes: Buffer = Buffer.alloc(0);
  durableBytes: Buffer = Buffer.alloc(0);
  unflushed: ByteChange[] = [];
  readonly entries = new Map<string, DiskNode>();
  durableEntries = new Map<string, DiskNode>();
  renamed: NameChange[] = [];
  readonly isFolder: boolean;

  constructor(isFolder: boolean) {
    this.isFolder = isFolder;
  }

  change(change: ByteChange): void {
    this.bytes = applyBytes(this.bytes, change);
    this.unflushed.push(change);
  }

  name(change: NameChange): NameChange {
    if (change.node === undefined) this.entries.delete(change.name);
    else this.entries.set(change.name, change.node);
    this.renamed.push(change);
    return change;
  }

  flush(): void {
    this.durableBytes = this.bytes;
    this.unflushed = [];
    this.durableEntries = new Map(this.entries);
    for (const change of this.renamed) {
      change.isDurable = true;
      if (change.together !== undefined) change.together.isDurable = true;
    }
    this.renamed = [];
  }

  /** Bytes after a power cut: what was flushed, and of the rest each write or not, the last perhaps by half. */
  bytesAfter(survives: Survives): Buffer {
    let bytes = this.durableBytes;
    for (const change of this.unflushed) {
      if (!survives()) continue;
      const isTorn = 'data' in change && survives();
      bytes = applyBytes(
        bytes,
        isTorn ? { at: change.at, data: change.data.subarray(0, change.data.byteLength >> 1) } : change,
      );
    }
    return bytes;
  }
}

/** A disk that keeps account of what was flushed: file content by the file's flush, names by that of their folder. */
export class DiskModel {
  readonly #root: string;
  readonly #tree = new DiskNode(true);
  readonly #open = new Map<string, { node: DiskNode; at: number; appends: boolean }>();

  /** @param root - the folder as it was before the first change: all of it is durable. */
  constructor(root: string, content: string) {
    this.#root = root;
    this.#load(content, this.#tree);
  }

  #load(folder: string, node: DiskNode): void {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const child = new DiskNode(entry.isDirectory());
      if (entry.isDirectory()) this.#load(join(folder, entry.name), child);
      else child.bytes = readFileSync(join(folder, entry.name));
      node.entries.set(entry.name, child);
    }
    node.flush();
    for (const child of node.entries.values()) child.flush();
  }

  #find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#tree;
    for (const part of relative(this.#root, path).split('/')) if (part !== '') node = node?.entries.get(part);
    return node;
  }

  #parent(path: string): DiskNode {
    const parent = this.#find(dirname(path));
    if (parent === undefined) throw new Error(`the journal names ${path}, whose folder is not there`);
    return parent;
  }

  #setName(path: string, node: DiskNode | undefined, together?: NameChange): NameChange {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return this.#parent(path).name({
      name,
      isDurable: false,
      ...(node === undefined ? {} : { node }),
      ...(together === undefined ? {} : { together }),
    });
  }

  #file(path: string): DiskNode {
    const found = this.#find(path);
    if (found !== undefined) return found;
    const made = new DiskNode(false);
    this.#setName(path, made);
    return made;
  }

  #makeFolders(path: string): void {
    if (path === this.#root || this.#find(path) !== undefined) return;
    this.#makeFolders(dirname(path));
    this.#setName(path, new DiskNode(true));
  }

  #write({ target, data = '', position }: JournalEntry): void {
    const file = this.#open.get(target);
    if (file === undefined) throw new Error(`the journal writes to ${target}, which is not open`);
    const bytes = Buffer.from(data, 'base64');
    const at = file.appends ? file.node.bytes.byteLength : (position ?? file.at);
    file.node.change({ at, data: bytes });
    file.at = at + bytes.byteLength;
  }

  /** Does a change. @throws Error for one that it does not know */
  apply(entry: JournalEntry): void {
    const { kind, target, to = '' } = entry;
    if (!target.startsWith('#') && relative(this.#root, target).startsWith('..')) return;
    if (kind === 'open') {
      const node = this.#file(target);
      if (entry.flags?.startsWith('w') && !entry.flags.includes('x')) node.change({ length: 0 });
      this.#open.set(entry.handle ?? '', { node, at: 0, appends: entry.flags?.startsWith('a') ?? false });
    } else if (kind === 'write') this.#write(entry);
    else if (kind === 'writeFile' && target.startsWith('#')) this.#write(entry);
    else if (kind === 'writeFile' || kind === 'appendFile') {
      const node = this.#file(target);
      if (kind === 'writeFile') node.change({ length: 0 });
      node.change({ at: node.bytes.byteLength, data: Buffer.from(entry.data ?? '', 'base64') });
    } else if (kind === 'truncate') {
      (this.#open.get(target)?.node ?? this.#file(target)).change({ length: entry.length ?? 0 });
    } else if (kind === 'sync') (this.#open.get(target)?.node ?? this.#find(target))?.flush();
    else if (kind === 'mkdir') this.#makeFolders(target);
    else if (kind === 'rename') {
      const made = this.#setName(to, this.#find(target));
      this.#setName(target, undefined, made);
    } else if (kind === 'link') this.#setName(to, this.#find(target));
    else if (kind === 'unlink' || kind === 'rm' || kind === 'rmdir') {
      if (this.#find(target) !== undefined) this.#setName(target, undefined);
    } else throw new Error(`the journal has a change of the unknown kind ${kind}`);
  }

  /** Writes what a power cut at this moment leaves; `survives` is asked of every change that was not flushed. */
  writeAfterCut(folder: string, survives: Survives): void {
    const decided = new Map<NameChange, boolean>();
    const isKept = (change: NameChange): boolean => {
      if (change.isDurable) return true;
      const known = decided.get(change);
      if (known !== undefined) return known;
      const answer = (change.together === undefined || isKept(change.together)) && survives();
      decided.set(change, answer);
      return answer;
    };
    this.#writeNode(folder, this.#tree, survives, isKept);
  }

  #writeNode(folder: string, node: DiskNode, survives: Survives, isKept: (change: NameChange) => boolean): void {
    mkdirSync(folder, { recursive: true });
    const entries = new Map(node.durableEntries);
    for (const change of node.renamed) {
      if (!isKept(change)) continue;
      if (change.node === undefined) entries.delete(change.name);
      else entries.set(change.name, change.node);
    }
    for (const [name, child] of entries) {
      if (child.isFolder) this.#writeNode(join(folder, name), child, survives, isKept);
      else writeFileSync(join(folder, name), child.bytesAfter(survives));
    }
  }
}
