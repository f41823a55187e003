import { statSync } from 'node:fs';
import path from 'node:path';
import { openFileSource, stampOf } from '../bytes/file-source.ts';
import { toHex } from '../bytes/hex.ts';
import { createSha256, sha256Hex } from '../bytes/sha256.ts';
import type { FileStamp } from '../bytes/source.ts';
import { type FileHash, parseFileHash } from '../objects/ids.ts';
import { type DerivedLog, openDerivedLog } from './derived-log.ts';
import type { Repository } from './repository.ts';

/** A file as it was when its bytes were hashed. */
export interface HashedFile {
  readonly file: string;
  readonly sha256: FileHash;
  /** Taken before its bytes were read, or when nobody but wsvc had it. */
  readonly stamp: FileStamp;
}

function fingerprint({ byteLength, modifiedMs, changedMs, inode }: FileStamp): string {
  return [byteLength, modifiedMs, changedMs, inode].join(':');
}

/** True when nobody has changed the file between the two. */
export const isSameStamp = (a: FileStamp, b: FileStamp): boolean => fingerprint(a) === fingerprint(b);

/** Clocks of file systems move in steps: twice what the slowest kernel takes, and what a file system that counts seconds takes. */
const STEP_MS = 20;
const COARSE_STEP_MS = 2000;

/**
 * How long it takes until every further change of a file shows in its stamp, in milliseconds: two changes in one step of the clock look
 * like one. None where the file is older, or newer than the clock says.
 */
export function settlingTimeMs({ changedMs }: FileStamp, nowMs: number): number {
  const age = nowMs - changedMs;
  const step = changedMs % 1000 === 0 ? COARSE_STEP_MS : STEP_MS;
  return age < -COARSE_STEP_MS || age >= step ? 0 : step - age;
}

/** One record a path: what is known of a file replaces what was known of it before. */
function keyOf(file: string): string {
  return sha256Hex(path.resolve(file));
}

/** Hash of the fingerprint, then that of the bytes. */
function encodeEntry(stamp: FileStamp, sha256: FileHash): Uint8Array {
  return Buffer.from(sha256Hex(fingerprint(stamp)) + sha256, 'hex');
}

/** The remembered hash, if it is of the file as it is now. */
function decodeEntry(entry: Uint8Array | undefined, stamp: FileStamp): FileHash | undefined {
  if (entry?.byteLength !== 64) return undefined;
  const text = toHex(entry);
  const isCurrent = text.startsWith(sha256Hex(fingerprint(stamp)));
  return isCurrent ? parseFileHash(text.slice(64)) : undefined;
}

function openCache(repository: Repository): DerivedLog {
  return openDerivedLog(path.join(repository.derivedDirectory, 'stat.log'));
}

/** Remembers hashes, so that a file that was not touched since need not be read again. */
export async function rememberSaved(repository: Repository, files: readonly HashedFile[]): Promise<void> {
  await openCache(repository).append(
    files.map(({ file, sha256, stamp }) => ({ key: keyOf(file), payload: encodeEntry(stamp, sha256) })),
  );
}

/** Hashes a file's bytes, whatever is remembered of it. */
export async function hashFile(file: string): Promise<FileHash> {
  const source = await openFileSource(file);
  try {
    const hash = createSha256();
    for await (const piece of source.stream()) hash.update(piece);
    return parseFileHash(hash.hex());
  } finally {
    await source.close();
  }
}

/** Hashes files, reading only those that changed since their hash was remembered. */
export async function createFileHasher(repository: Repository): Promise<(file: string) => Promise<FileHash>> {
  const cache = openCache(repository);
  return async (file) => {
    // Of ten thousand files: asked one by one, at a fraction of what a task for each takes.
    const stamp = stampOf(statSync(file));
    const key = keyOf(file);
    const known = decodeEntry(cache.get(key), stamp);
    if (known !== undefined) return known;
    const isSettled = settlingTimeMs(stamp, repository.environment.now()) === 0;
    const sha256 = await hashFile(file);
    // Of a file that is being written it is not known which of its states was hashed.
    if (isSettled) await cache.append([{ key, payload: encodeEntry(stamp, sha256) }]);
    return sha256;
  };
}
