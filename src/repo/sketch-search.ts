import { openCoarseQuery } from '../neighbors/coarse-rows.ts';
import { dotAt, keepBest } from '../neighbors/exact-index.ts';
import type { Neighbor } from '../neighbors/neighbor-index.ts';
import { keepLargest, unitOf } from '../neighbors/row-search.ts';
import { COARSE_ROOM, CoarseFile } from './coarse-file.ts';
import type { IdPlaces } from './id-places.ts';
import { SketchFile, type StoredRow, type StoredRows } from './sketch-rows.ts';

/** The checkpoints of one space among which is searched, and where each stands in the list. */
export interface SearchedIds {
  readonly ids: readonly string[];
  readonly places: IdPlaces;
}

/** What is asked. */
interface Question extends SearchedIds {
  /** The query, with length one. */
  readonly unit: Float32Array;
  readonly k: number;
  /** The sketch of a checkpoint that the file has not; undefined for one without. */
  readonly vectorOf: (id: string) => Float32Array | undefined;
}

/** What one look at all coarse rows says. */
interface Scan {
  /** By row: place of the checkpoint in the list, or -1. */
  readonly places: Int32Array;
  /** By row: how large the cosine is at most. */
  readonly most: Float64Array;
  /** By place: 1 where there is a row. */
  readonly isThere: Uint8Array;
  /** The `k` largest cosines are at least this. */
  readonly floor: number;
  readonly rows: number;
}

/** Rows that are added to a file one question at a time; where more are missing it is read, and completed, as a whole. */
const MOST_ADDED = 512;
/** Coarse rows made, rows added, coarse rows of those made; then the answer. */
const ATTEMPTS = 4;

/**
 * Searches the sketches of one file, exactly: rows with a byte a value, and a bound on what that took from each, say which few can be among the
 * nearest; those are compared as they are.
 */
export class SketchSearch {
  readonly #exact: SketchFile;
  readonly #coarse: CoarseFile;

  constructor(file: string) {
    this.#exact = new SketchFile(file);
    this.#coarse = new CoarseFile(`${file}.coarse`);
  }

  /**
   * The `k` most similar, best first, as a comparison with all of them finds them.
   *
   * @returns undefined where the file has to be made whole first.
   */
  search(
    among: SearchedIds,
    query: Float32Array,
    k: number,
    vectorOf: Question['vectorOf'],
  ): readonly Neighbor[] | undefined {
    const question = { ...among, unit: unitOf(query), k, vectorOf };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = this.#exact.read((rows) => this.#ask(question, rows));
      if (found !== 'again') return found;
    }
    return undefined;
  }

  /** 'again' after something was completed. */
  #ask(question: Question, rows: StoredRows): readonly Neighbor[] | 'again' | undefined {
    const scan = this.#scan(question, rows.count);
    if (scan === undefined) return this.#makeCoarse(rows);
    if (scan.rows < rows.count) return this.#extendCoarse(rows, scan.rows);
    const missing = findMissing(question, scan);
    if (missing.size > MOST_ADDED) return undefined;
    if (missing.size > 0) {
      this.#exact.append(missing);
      return 'again';
    }
    return compareLikely(question, scan, rows) ?? this.#makeCoarse(rows);
  }

  #makeCoarse(rows: StoredRows): 'again' | undefined {
    this.#coarse.clear();
    return this.#extendCoarse(rows, 0);
  }

  #extendCoarse(rows: StoredRows, from: number): 'again' | undefined {
    let done = from;
    function* more(): Iterable<StoredRow> {
      for (let row = rows.at(done); row !== undefined && done < rows.count; row = rows.at(++done)) yield row;
    }
    this.#coarse.append(more());
    return done === rows.count ? 'again' : undefined;
  }

  /** undefined where the coarse rows are damaged, or not those of the exact ones. */
  #scan({ ids, places: known, unit, k }: Question, count: number): Scan | undefined {
    const query = openCoarseQuery(unit, COARSE_ROOM.bytes, COARSE_ROOM.rows);
    const [places, most] = [new Int32Array(count), new Float64Array(count)];
    const isThere = new Uint8Array(ids.length);
    const least: Neighbor[] = [];
    let rows = 0;
    const isWhole = this.#coarse.visit(query, (first, second, cosine, offBy) => {
      const place = known.find(first, second);
      places[rows] = place;
      most[rows++] = cosine + offBy;
      if (place < 0 || isThere[place] === 1) return;
      isThere[place] = 1;
      const low = cosine - offBy;
      if (least.length < k ? !Number.isNaN(low) : low > (least.at(-1)?.cosine ?? 0))
        keepBest(least, { key: '', cosine: low }, k);
    });
    if (!isWhole || rows > count) return undefined;
    const floor = least.length < k ? Number.NEGATIVE_INFINITY : (least.at(-1)?.cosine ?? 0);
    return { places, most, isThere, floor, rows };
  }
}

/** Sketches of checkpoints that have no row. */
function findMissing({ ids, vectorOf }: Question, { isThere }: Scan): ReadonlyMap<string, Float32Array> {
  const missing = new Map<string, Float32Array>();
  for (let place = isThere.indexOf(0); place >= 0; place = isThere.indexOf(0, place + 1)) {
    if (missing.size > MOST_ADDED) break;
    const id = ids[place] ?? '';
    const vector = vectorOf(id);
    if (vector !== undefined) missing.set(id, vector);
  }
  return missing;
}

/** Compares the rows that can be among the nearest; undefined where they are not where the coarse ones say. */
function compareLikely(
  { ids, unit, k }: Question,
  { places, most, floor }: Scan,
  rows: StoredRows,
): readonly Neighbor[] | undefined {
  const cosines = new Map<number, number>();
  for (let i = 0; i < rows.count; i++) {
    const place = places[i] ?? -1;
    // Rows without a direction have no bound, and no cosine.
    if (place < 0 || !((most[i] ?? 0) >= floor)) continue;
    const row = rows.at(i);
    if (row === undefined || row.id !== ids[place]) return undefined;
    cosines.set(place, dotAt(row.values, 0, unit) / row.length);
  }
  const likely = [...cosines.keys()].sort((a, b) => a - b);
  return keepLargest(
    likely.map((place) => ids[place] ?? ''),
    (i) => cosines.get(likely[i] ?? -1),
    k,
  );
}
