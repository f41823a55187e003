import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { openFileSource } from '../bytes/file-source.ts';
import { createSha256, sha256Hex } from '../bytes/sha256.ts';
import { type FileHash, parseFileHash } from '../objects/ids.ts';
import { openDerivedLog } from './derived-log.ts';
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

function keyOf(file: string, stats: Stats): string {
  return sha256Hex(new TextEncoder().encode(`${path.resolve(file)}\n${fingerprint(stats)}`));
}

async function openCache(repository: Repository) {
  return openDerivedLog(path.join(repository.derivedDirectory, 'stat.log'));
}

/** Remembers hashes, so that a file that was not touched since need not be read again. */
export async function rememberSaved(repository: Repository, files: readonly HashedFile[]): Promise<void> {
  const cache = await openCache(repository);
  await cache.append(
    files.map(({ file, sha256, stats }) => ({ key: keyOf(file, stats), payload: Buffer.from(sha256, 'hex') })),
  );
}

async function hashFile(file: string): Promise<FileHash> {
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
  const cache = await openCache(repository);
  return async (file) => {
    const stats = await stat(file);
    const key = keyOf(file, stats);
    const known = cache.get(key);
    if (known !== undefined) return parseFileHash(Buffer.from(known).toString('hex'));
    const sha256 = await hashFile(file);
    await cache.append([{ key, payload: Buffer.from(sha256, 'hex') }]);
    return sha256;
  };
}
