import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdPlaces } from '../../src/repo/id-places.ts';
import { SketchFile } from '../../src/repo/sketch-rows.ts';
import { SketchSearch } from '../../src/repo/sketch-search.ts';

/** Rows that are written at once. */
const ROWS_AT_ONCE = 1000;

/** Sketches in a file, as a repository keeps them, and what a question about them costs. */
export interface StoredSketches {
  /** Keys of the nearest, best first. */
  search(query: Float32Array, k: number): readonly string[];
  remove(): void;
}

const idOf = (i: number): string => (i + 1).toString(16).padStart(8, '0').repeat(8);

/** Writes sketches to a file of their own; keys come back as they went in. */
export function storeSketches(vectors: ReadonlyMap<string, Float32Array>): StoredSketches {
  const folder = mkdtempSync(join(tmpdir(), 'wsvc-sketches-'));
  const file = join(folder, 'space.centred');
  const keys = [...vectors.keys()];
  const ids = keys.map((_, i) => idOf(i));
  const stored = new SketchFile(file);
  for (let from = 0; from < keys.length; from += ROWS_AT_ONCE) {
    const part = keys.slice(from, from + ROWS_AT_ONCE);
    stored.append(new Map(part.map((key, i) => [idOf(from + i), vectors.get(key) ?? new Float32Array()])));
  }
  const places = new IdPlaces(ids);
  const search = new SketchSearch(file);
  const keyOf = new Map(ids.map((id, i) => [id, keys[i] ?? '']));
  return {
    search(query, k) {
      const found = search.search({ ids, places }, query, k, () => undefined);
      return (found ?? []).map(({ key }) => keyOf.get(key) ?? '');
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
