import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CorruptError, WsvcError } from '../errors.ts';
import { type GitObjectId, parseGitObjectId } from '../objects/ids.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, isMissing } from './disk.ts';
import { withRefLock } from './ref-lock.ts';

/** Path to pointer blob, sorted by path as git sorts. */
export type IndexEntries = ReadonlyMap<string, GitObjectId>;

const HEADER_BYTES = 12;
/** Of an entry before its path: stat data, mode, object id, flags. */
const ENTRY_BYTES = 62;
const SHA1_BYTES = 20;
const REGULAR_FILE = 0o100644;
const FLAG_EXTENDED = 0x4000;
const MAX_FLAG_LENGTH = 0xfff;

/** An entry of version 2 of git's index; stat data is zero, for no work tree stands behind it. */
function encodeEntry(path: string, id: GitObjectId): Buffer {
  const name = Buffer.from(path);
  // One to eight zeros end the name, so that the next entry is aligned to eight bytes.
  const bytes = Buffer.alloc((ENTRY_BYTES + name.byteLength + 8) & ~7);
  bytes.writeUInt32BE(REGULAR_FILE, 24);
  bytes.write(id, 40, 'hex');
  bytes.writeUInt16BE(Math.min(name.byteLength, MAX_FLAG_LENGTH), 60);
  name.copy(bytes, ENTRY_BYTES);
  return bytes;
}

/** Encodes git's `index` file, version 2. */
export function encodeIndexFile(entries: IndexEntries): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('DIRC');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(entries.size, 8);
  const sorted = [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const bytes = Buffer.concat([header, ...sorted.map(([path, id]) => encodeEntry(path, id))]);
  return new Uint8Array(Buffer.concat([bytes, createHash('sha1').update(bytes).digest()]));
}

function checkWhole(bytes: Buffer): Buffer {
  const body = bytes.subarray(0, Math.max(0, bytes.byteLength - SHA1_BYTES));
  const sum = bytes.subarray(body.byteLength);
  // Git may be told to leave the checksum out (index.skipHash); it then writes zeros.
  const isWhole = createHash('sha1').update(body).digest().equals(sum) || sum.equals(Buffer.alloc(SHA1_BYTES));
  const hasMagic = body.byteLength >= HEADER_BYTES && body.toString('latin1', 0, 4) === 'DIRC';
  if (!isWhole || !hasMagic) throw new CorruptError('the staging area (index) does not match its checksum');
  return body;
}

function checkVersion(version: number): void {
  if (version === 2 || version === 3) return;
  throw new WsvcError('format-version', `The staging area has git's index version ${version}; wsvc reads 2 and 3.`, {
    suggestions: ['Run "git --git-dir=.wsvc update-index --index-version 2".'],
  });
}

/** Decodes git's `index` file, also as stock git writes it; its extensions are passed over. @throws CorruptError */
export function decodeIndexFile(file: Uint8Array): IndexEntries {
  const body = checkWhole(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  checkVersion(body.readUInt32BE(4));
  const entries = new Map<string, GitObjectId>();
  let at = HEADER_BYTES;
  for (let left = body.readUInt32BE(8); left > 0; left--) {
    if (at + ENTRY_BYTES > body.byteLength) throw new CorruptError('the staging area (index) ends early');
    const isExtended = (body.readUInt16BE(at + 60) & FLAG_EXTENDED) !== 0;
    const start = at + ENTRY_BYTES + (isExtended ? 2 : 0);
    const end = body.indexOf(0, start);
    if (end < 0) throw new CorruptError('the staging area (index) ends early');
    if (body.readUInt32BE(at + 24) === REGULAR_FILE) {
      entries.set(body.toString('utf8', start, end), parseGitObjectId(body.toString('hex', at + 40, at + 60)));
    }
    at += (end - at + 8) & ~7;
  }
  return entries;
}

/** Reads what can be read of a damaged index: entries one after the other, as far as they make sense. Nothing of it is certain. */
export function salvageIndexEntries(file: Uint8Array): IndexEntries {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const entries = new Map<string, GitObjectId>();
  for (let at = HEADER_BYTES; at + ENTRY_BYTES < bytes.byteLength - SHA1_BYTES; ) {
    const isExtended = (bytes.readUInt16BE(at + 60) & FLAG_EXTENDED) !== 0;
    const start = at + ENTRY_BYTES + (isExtended ? 2 : 0);
    const end = bytes.indexOf(0, start);
    if (end < 0 || end > bytes.byteLength) break;
    const path = bytes.subarray(start, end);
    if (isUtf8(path)) entries.set(path.toString('utf8'), parseGitObjectId(bytes.toString('hex', at + 40, at + 60)));
    at += (end - at + 8) & ~7;
  }
  return entries;
}

/** The staging area of a bare git directory: what `wsvc add` has prepared and `wsvc commit` has not yet taken. */
export class GitIndex {
  readonly #path: string;
  readonly #disk: Disk;
  readonly #temporaryDirectory: string;

  constructor(gitDirectory: string, disk: Disk) {
    this.#path = join(gitDirectory, 'index');
    this.#disk = disk;
    this.#temporaryDirectory = join(gitDirectory, 'tmp');
  }

  async read(): Promise<IndexEntries> {
    try {
      return decodeIndexFile(await this.#disk.readFile(this.#path));
    } catch (error) {
      if (isMissing(error)) return new Map();
      throw error;
    }
  }

  /** Changes the entries under git's `index.lock`. */
  async update(change: (entries: Map<string, GitObjectId>) => void): Promise<void> {
    const options = { disk: this.#disk, temporaryDirectory: this.#temporaryDirectory };
    await withRefLock(this.#path, options, async () => {
      const entries = new Map(await this.read());
      change(entries);
      await writeFileAtomic(this.#path, encodeIndexFile(entries), options);
    });
  }
}
