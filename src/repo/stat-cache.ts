import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { openFileSource } from '../bytes/file-source.ts';
import { createSha256, sha256Hex } from '../bytes/sha256.ts';
import { type FileHash, parseFileHash } from '../objects/ids.ts';
import { type DerivedLog, openDerivedLog } from './derived-log.ts';
import type { Repository } from './repository.ts';

/** A file as it was when its bytes were hashed. */
export interface HashedFile {
  readonly file: string;
  readonly sha256: FileHash;
  readonly stats: Stats;
}

/** What changes when a file's bytes do: size, times, inode. */
function fingerprint(stats: Stats): string {
  return [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino].join(':');
}

/** One record a path: what is known of a file replaces what was known of it before. */
function keyOf(file: string): string {
  return sha256Hex(new TextEncoder().encode(path.resolve(file)));
}

/** Hash of the fingerprint, then that of the bytes. */
function encodeEntry(stats: Stats, sha256: FileHash): Uint8Array {
  return Buffer.from(sha256Hex(new TextEncoder().encode(fingerprint(stats))) + sha256, 'hex');
}

/** The remembered hash, if it is of the file as it is now. */
function decodeEntry(entry: Uint8Array | undefined, stats: Stats): FileHash | undefined {
  if (entry?.byteLength !== 64) return undefined;
  const text = Buffer.from(entry).toString('hex');
  const isCurrent = text.startsWith(sha256Hex(new TextEncoder().encode(fingerprint(stats))));
  return isCurrent ? parseFileHash(text.slice(64)) : undefined;
}

function openCache(repository: Repository): DerivedLog {
  return openDerivedLog(path.join(repository.derivedDirectory, 'stat.log'));
}

/** Remembers hashes, so that a file that was not touched since need not be read again. */
export async function rememberSaved(repository: Repository, files: readonly HashedFile[]): Promise<void> {
  await openCache(repository).append(
    files.map(({ file, sha256, stats }) => ({ key: keyOf(file), payload: encodeEntry(stats, sha256) })),
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
    const stats = await stat(file);
    const key = keyOf(file);
    const known = decodeEntry(cache.get(key), stats);
    if (known !== undefined) return known;
    const sha256 = await hashFile(file);
    await cache.append([{ key, payload: encodeEntry(stats, sha256) }]);
    return sha256;
  };
}
