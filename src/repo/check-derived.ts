import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex } from '../bytes/sha256.ts';
import { isCoarseFileWhole } from './coarse-file.ts';
import { isLogWhole } from './derived-log.ts';
import { isPlacesFileWhole } from './log-places.ts';
import { isMemberTableWhole } from './member-table.ts';
import type { Repository } from './repository.ts';
import type { FsckFinding } from './results.ts';
import { isSavedTableWhole } from './saved-table.ts';
import { isSketchFileWhole } from './sketch-rows.ts';
import { isSpreadTableWhole } from './spread-table.ts';

type IsWhole = (bytes: Buffer, name: string) => boolean;

const CHECKSUM_DIGITS = 64;

/** The SHA-256 of what follows, in hexadecimal, perhaps a line end, and what follows. */
function hasLeadingChecksum(bytes: Buffer, separator: string): boolean {
  const start = CHECKSUM_DIGITS + separator.length;
  if (bytes.toString('latin1', CHECKSUM_DIGITS, start) !== separator) return false;
  return sha256Hex(bytes.subarray(start)) === bytes.toString('latin1', 0, CHECKSUM_DIGITS);
}

/** Saved graphs are named by the beginning of their hash. */
const isGraphWhole: IsWhole = (bytes, name) => name.endsWith(`.${sha256Hex(bytes).slice(0, 16)}.hnsw`);

/** How each kind of derived file is told to be whole, by where it stands. */
const KINDS: readonly (readonly [RegExp, IsWhole])[] = [
  [/^[^/]+\.log$/, isLogWhole],
  [/^[^/]+\.log\.places$/, isPlacesFileWhole],
  [/^members\.table$/, isMemberTableWhole],
  [/^spreads\.table$/, isSpreadTableWhole],
  [/^saved\.table$/, isSavedTableWhole],
  [/^sketches\/[^/]+\.(centred|sketch|invariants)$/, isSketchFileWhole],
  [/^sketches\/[^/]+\.coarse$/, isCoarseFileWhole],
  [/^forests\/[^/]+\.json$/, (bytes) => hasLeadingChecksum(bytes, '\n')],
  [/^views\/[0-9a-f]{64}$/, (bytes) => hasLeadingChecksum(bytes, '')],
  [/^neighbors\/.*\.keys$/, (bytes) => hasLeadingChecksum(bytes, '\n')],
  [/^neighbors\/.*\.hnsw$/, isGraphWhole],
];

function isWholeFile(name: string, bytes: Buffer): boolean {
  const check = KINDS.find(([pattern]) => pattern.test(name))?.[1];
  try {
    return check === undefined || check(bytes, name);
  } catch {
    // A reader of derived data may trip over anything: that is damage too.
    return false;
  }
}

/** Checks derived data: what is damaged there is passed over by every reader, and costs nothing but time. */
export async function* checkDerived(repository: Repository): AsyncGenerator<FsckFinding, void, void> {
  const folder = repository.derivedDirectory;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(folder, file).split(path.sep).join('/');
    const bytes = entry.isFile() ? await readFile(file).catch(() => undefined) : undefined;
    if (bytes === undefined || isWholeFile(name, bytes)) continue;
    const problem = 'Derived data is damaged, and is not used; "wsvc reindex" computes it anew.';
    yield { level: 'derived', object: `derived/${name}`, problem, commits: [] };
  }
}
