import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { WsvcError } from '../../src/errors.ts';
import { type Disk, type DiskFile, nodeDisk } from '../../src/store/disk.ts';

/** `crash`: from the n-th change on nothing works, as if the process were dead. `fail`: that one change fails (a full disk). */
export type FailureKind = 'crash' | 'fail';

class Inode {
  readonly kind: 'file' | 'directory';
  bytes: Uint8Array = new Uint8Array();
  durableBytes: Uint8Array = new Uint8Array();
  entries = new Map<string, Inode>();
  durableEntries = new Map<string, Inode>();

  constructor(kind: 'file' | 'directory') {
    this.kind = kind;
  }
}

/**
 * The real disk with a failure at the n-th change, which also keeps account of what a power cut would leave: content that was
 * flushed, under names whose directory was flushed.
 */
export class FailingDisk implements Disk {
  changes = 0;
  readonly #root: string;
  readonly #tree = new Inode('directory');
  readonly #failAt: number;
  readonly #kind: FailureKind;

  constructor(root: string, failAt = Number.POSITIVE_INFINITY, kind: FailureKind = 'crash') {
    this.#root = root;
    this.#failAt = failAt;
    this.#kind = kind;
  }

  /** Takes what is on the disk for durable. */
  async load(path = this.#root, node = this.#tree): Promise<void> {
    for (const name of await nodeDisk.list(path)) {
      const kind = (await nodeDisk.find(join(path, name)))?.kind ?? 'file';
      const child = new Inode(kind);
      if (kind === 'directory') await this.load(join(path, name), child);
      else child.durableBytes = child.bytes = await nodeDisk.readFile(join(path, name));
      node.entries.set(name, child);
      node.durableEntries.set(name, child);
    }
  }

  /** Writes what a power cut at this moment would leave. */
  async writeDurable(target: string, node = this.#tree): Promise<void> {
    await mkdir(target, { recursive: true });
    for (const [name, child] of node.durableEntries) {
      if (child.kind === 'directory') await this.writeDurable(join(target, name), child);
      else await writeFile(join(target, name), child.durableBytes);
    }
  }

  /** Counts a change; throws when it is its turn to fail. */
  #step(): void {
    this.changes += 1;
    const isHit = this.#kind === 'crash' ? this.changes >= this.#failAt : this.changes === this.#failAt;
    if (!isHit) return;
    const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    throw new WsvcError('system', 'Cannot write (ENOSPC).', { cause });
  }

  #node(path: string): Inode | undefined {
    const parts = relative(this.#root, path)
      .split('/')
      .filter((part) => part !== '');
    let node: Inode | undefined = this.#tree;
    for (const part of parts) node = node?.entries.get(part);
    return node;
  }

  #parent(path: string): { entries: Map<string, Inode>; name: string } {
    const entries = this.#node(dirname(path))?.entries ?? new Map<string, Inode>();
    return { entries, name: path.slice(path.lastIndexOf('/') + 1) };
  }

  async open(path: string, mode: 'r' | 'r+' | 'wx+' | 'a+'): Promise<DiskFile> {
    if (mode !== 'wx+') return nodeDisk.open(path, mode);
    this.#step();
    const file = await nodeDisk.open(path, mode);
    const node = new Inode('file');
    const { entries, name } = this.#parent(path);
    entries.set(name, node);
    return this.#wrap(file, node);
  }

  #wrap(file: DiskFile, node: Inode): DiskFile {
    const append = async (bytes: Uint8Array) => {
      await file.write(bytes);
      node.bytes = Buffer.concat([node.bytes, bytes]);
    };
    return {
      fd: file.fd,
      read: (offset, byteLength) => file.read(offset, byteLength),
      inode: () => file.inode(),
      close: () => file.close(),
      write: async (bytes) => {
        // A write that fails has often written something.
        if (this.changes + 1 === this.#failAt) await append(bytes.subarray(0, bytes.byteLength >> 1));
        this.#step();
        await append(bytes);
      },
      sync: async () => {
        this.#step();
        node.durableBytes = node.bytes;
      },
    };
  }

  readFile(path: string): Promise<Uint8Array> {
    return nodeDisk.readFile(path);
  }

  list(path: string): Promise<readonly string[]> {
    return nodeDisk.list(path);
  }

  find(path: string): ReturnType<Disk['find']> {
    return nodeDisk.find(path);
  }

  async makeDirectory(path: string): Promise<void> {
    if ((await nodeDisk.find(path)) === undefined) this.#step();
    await nodeDisk.makeDirectory(path);
    let node = this.#tree;
    for (const part of relative(this.#root, path)
      .split('/')
      .filter((name) => name !== '')) {
      const child = node.entries.get(part) ?? new Inode('directory');
      node.entries.set(part, child);
      node = child;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    await nodeDisk.rename(from, to);
    const node = this.#node(from);
    if (node !== undefined) this.#parent(to).entries.set(this.#parent(to).name, node);
    this.#parent(from).entries.delete(this.#parent(from).name);
  }

  async link(from: string, to: string): Promise<void> {
    this.#step();
    await nodeDisk.link(from, to);
    const node = this.#node(from);
    if (node !== undefined) this.#parent(to).entries.set(this.#parent(to).name, node);
  }

  async remove(path: string): Promise<void> {
    this.#step();
    await nodeDisk.remove(path);
    this.#parent(path).entries.delete(this.#parent(path).name);
  }

  async removeDirectory(path: string): Promise<void> {
    this.#step();
    await nodeDisk.removeDirectory(path);
    if ((await nodeDisk.find(path)) === undefined) this.#parent(path).entries.delete(this.#parent(path).name);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step();
    const node = this.#node(path);
    if (node !== undefined) node.durableEntries = new Map(node.entries);
  }
}
