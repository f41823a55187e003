import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256Hex } from '../bytes/sha256.ts';
import { type HnswIndex, readHnswIndex } from './hnsw-index.ts';

/** What stands beside the graph's file. */
interface Header {
  readonly dimension: number;
  readonly generation: string;
  /** Of the graph's file; it is part of its name, so that a reader never sees another's graph. */
  readonly sha256: string;
  readonly keys: readonly (string | null)[];
}

/** An index from a file, and what it was said to be when it was saved. */
export interface SavedIndex {
  readonly index: HnswIndex;
  readonly generation: string;
}

const headerPath = (path: string): string => `${path}.keys`;
const graphPath = (path: string, sha256: string): string => `${path}.${sha256.slice(0, 16)}.hnsw`;

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}

async function removeOtherGraphs(path: string, keep: string): Promise<void> {
  const folder = dirname(path);
  const isOurs = (name: string): boolean => name.startsWith(`${basename(path)}.`) && name.endsWith('.hnsw');
  const names = await readdir(folder);
  await Promise.all(
    names.filter((name) => isOurs(name) && name !== basename(keep)).map((name) => rm(join(folder, name))),
  );
}

async function writeHeader(path: string, header: Header): Promise<void> {
  const text = JSON.stringify(header);
  await writeFile(`${headerPath(path)}.tmp`, `${sha256Hex(new TextEncoder().encode(text))}\n${text}`);
  await rename(`${headerPath(path)}.tmp`, headerPath(path));
}

/**
 * Keeps an index in two files beside `path`. After a crash at any point there is the old index, the new one, or none; what is
 * damaged later is noticed by checksum. One process at a time may save to a path.
 *
 * @param generation says what the index holds; the caller compares it when it loads
 */
export async function saveNeighborIndex(path: string, index: HnswIndex, generation: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const written = `${path}.tmp`;
  await index.write(written);
  const sha256 = await hashFile(written);
  await rename(written, graphPath(path, sha256));
  const keys = index.keys.map((key) => key ?? null);
  await writeHeader(path, { dimension: index.dimension, generation, sha256, keys });
  await removeOtherGraphs(path, graphPath(path, sha256));
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { dimension, generation, sha256, keys } = value as Partial<Record<keyof Header, unknown>>;
  return (
    typeof dimension === 'number' &&
    typeof generation === 'string' &&
    typeof sha256 === 'string' &&
    Array.isArray(keys) &&
    keys.every((key) => key === null || typeof key === 'string')
  );
}

async function readHeader(path: string): Promise<Header | undefined> {
  const [checksum, text] = (await readFile(headerPath(path), 'utf8')).split('\n', 2);
  if (text === undefined || checksum !== sha256Hex(new TextEncoder().encode(text))) return undefined;
  const header: unknown = JSON.parse(text);
  return isHeader(header) ? header : undefined;
}

async function load(path: string, dimension: number): Promise<SavedIndex | undefined> {
  const header = await readHeader(path);
  if (header === undefined || header.dimension !== dimension) return undefined;
  const graph = graphPath(path, header.sha256);
  if ((await hashFile(graph)) !== header.sha256) return undefined;
  const keys = header.keys.map((key) => key ?? undefined);
  const index = await readHnswIndex(graph, dimension, keys);
  return index === undefined ? undefined : { index, generation: header.generation };
}

/**
 * Loads what {@link saveNeighborIndex} kept. Everything but the very bytes that were saved counts as absent (`undefined`), and so
 * does every failure to read: the index is derived, and built anew.
 */
export async function loadNeighborIndex(path: string, dimension: number): Promise<SavedIndex | undefined> {
  try {
    return await load(path, dimension);
  } catch {
    return undefined;
  }
}
