import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { invariant } from '../assert.ts';
import { type AtomicFile, discardQuietly, openAtomicFile } from './atomic-file.ts';
import { packDirectory, packName } from './pack-file.ts';
import { encodeHeader, encodeIndex, encodeTrailer, HEADER_BYTES, type PackRow } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';

/** Bytes that are collected before they are written. */
const WRITE_BYTES = 1024 * 1024;

/** A pack that was written, flushed and renamed. */
export interface WrittenPack {
  readonly sha256: string;
  readonly name: string;
  readonly path: string;
}

/** The file of a pack in the making, in the repository's temporary folder; there from the first record on. Appends must not overlap. */
export class PackWriter {
  readonly #store: Pick<PackHost, 'directory' | 'disk'>;
  readonly #hash: Hash = createHash('sha256');
  #file: AtomicFile | undefined;
  #offset = 0;
  /** What was appended and not written yet, by offset. */
  readonly #waiting = new Map<number, Uint8Array>();
  #waitingBytes = 0;

  constructor(store: Pick<PackHost, 'directory' | 'disk'>) {
    this.#store = store;
  }

  /** Bytes appended so far, the header included; 0 where nothing was. */
  get byteLength(): number {
    return this.#offset;
  }

  get isBegun(): boolean {
    return this.#file !== undefined;
  }

  /** @returns the offset of the record. When it throws, how much was written is not known: nothing can follow it. */
  async append(record: Uint8Array): Promise<number> {
    await this.#begin();
    const offset = this.#offset;
    await this.#write(record);
    return offset;
  }

  /** Reads a record that was appended. */
  read({ offset, recordByteLength }: PackRow): Promise<Uint8Array> {
    invariant(this.#file !== undefined, 'a pending blob has a file');
    const waiting = this.#waiting.get(offset);
    return waiting === undefined ? this.#file.file.read(offset, recordByteLength) : Promise.resolve(waiting);
  }

  /** Writes index and trailer, flushes the file and gives it its name. */
  async commit(rows: Iterable<PackRow>): Promise<WrittenPack> {
    invariant(this.#file !== undefined, 'a pack without records is not committed');
    await this.#writeEnd([...rows]);
    await this.#flush();
    const sum = new Uint8Array(this.#hash.digest());
    await this.#file.write(sum);
    const sha256 = Buffer.from(sum).toString('hex');
    const name = packName(sha256);
    const path = join(packDirectory(this.#store.directory), name);
    await this.#file.commit(path);
    return { sha256, name, path };
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    if (this.#file !== undefined) await discardQuietly(this.#file);
  }

  async #begin(): Promise<void> {
    if (this.#file !== undefined) return;
    this.#file = await openAtomicFile(join(this.#store.directory, 'tmp'), { disk: this.#store.disk });
    await this.#write(encodeHeader());
    invariant(this.#offset === HEADER_BYTES, 'records begin after the header');
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#waiting.set(this.#offset, bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#hash.update(bytes);
    this.#offset += bytes.byteLength;
    if (this.#waitingBytes >= WRITE_BYTES) await this.#flush();
  }

  /** Writes what waits, in one piece: thousands of small records would take a call each. */
  async #flush(): Promise<void> {
    const pieces = [...this.#waiting.values()];
    const [only] = pieces;
    if (only !== undefined) await this.#file?.write(pieces.length === 1 ? only : Buffer.concat(pieces));
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  async #writeEnd(rows: readonly PackRow[]): Promise<void> {
    const indexOffset = this.#offset;
    const index = encodeIndex(rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    await this.#write(index);
    await this.#write(encodeTrailer(indexOffset, rows.length, index));
  }
}
