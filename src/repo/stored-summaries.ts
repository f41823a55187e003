import path from 'node:path';
import { WsvcError } from '../errors.ts';
import type { Neighbor } from '../neighbors/neighbor-index.ts';
import { packRows, type VectorRows } from '../neighbors/row-search.ts';
import { type ManifestId, parseManifestId, type SpaceId } from '../objects/ids.ts';
import { spreadsOf } from '../sketch/spreads.ts';
import { SKETCH_LENGTH, type Summary, type SummaryTraits, type TensorSpread } from '../sketch/summary.ts';
import { traitsOf } from '../sketch/traits.ts';
import type { TableEntry } from './member-record.ts';
import { MemberTable } from './member-table.ts';
import { SketchFile, type SketchRows, selectRows } from './sketch-rows.ts';
import { type SearchedIds, SketchSearch } from './sketch-search.ts';
import { SpreadTable } from './spread-table.ts';
import { type SketchKind, StoredSummary, StoredSummaryWithInvariants, type SummarySource } from './stored-summary.ts';

/** A summary that the table promised is damaged, or gone: it has to be computed anew from the stored weights. */
class LostSummaryError extends WsvcError {
  readonly id: ManifestId;

  constructor(id: ManifestId) {
    super('corrupt', `The summary of checkpoint ${id} is lost.`, {
      suggestions: ['Run "wsvc reindex": it computes all derived data anew.'],
    });
    this.id = id;
  }
}

/** Where whole summaries come from. */
export interface SummaryReader {
  summary(id: ManifestId): Promise<Summary>;
  /** The summary, if it is at hand without computing it. */
  findSummary(id: ManifestId): Summary | undefined;
}

/** Does what asks summaries of the shelf; one that turns out to be lost is computed anew, and the work begins again. */
export async function withLostSummaries<T>(reader: SummaryReader, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LostSummaryError)) throw error;
      await reader.summary(error.id);
    }
  }
}

/** Sketches of a space that are decoded with their summaries, before all of them are read at once. */
const ASKED_ONE_BY_ONE = 128;
const NOTHING = new Float32Array(0);

/** The summaries of a repository as a pile: traits of all at once, sketches of a space at once, the rest when it is asked for. */
export class SummaryShelf implements SummarySource {
  readonly #directory: string;
  readonly #reader: SummaryReader;
  readonly #table: MemberTable;
  readonly #spreads: SpreadTable;
  readonly #opened = new Set<ManifestId>();
  readonly #stored = new Map<ManifestId, StoredSummary>();
  readonly #rows = new Map<string, SketchRows>();
  readonly #asked = new Map<string, number>();

  constructor(derivedDirectory: string, reader: SummaryReader) {
    this.#directory = path.join(derivedDirectory, 'sketches');
    this.#reader = reader;
    this.#table = new MemberTable(path.join(derivedDirectory, 'members.table'));
    this.#spreads = new SpreadTable(path.join(derivedDirectory, 'spreads.table'));
  }

  /** True for a checkpoint whose summary was opened here. */
  has(id: ManifestId): boolean {
    return this.#opened.has(id);
  }

  /** Opens the summaries of these checkpoints; those that the table lacks are read, or computed, and put into it. */
  async open(ids: readonly ManifestId[]): Promise<void> {
    const added = new Map<ManifestId, TableEntry>();
    const spreads = new Map<ManifestId, readonly TensorSpread[]>();
    for (const id of ids) {
      if (this.#table.get(id) !== undefined) continue;
      const summary = await this.#reader.summary(id);
      added.set(id, { space: summary.space, parameters: summary.parameters, traits: traitsOf(summary) });
      spreads.set(id, spreadsOf(summary));
    }
    if (added.size > 0) {
      this.#table.add(added);
      this.#spreads.add(spreads);
    }
    const before = this.#opened.size;
    for (const id of ids) this.#opened.add(id);
    if (this.#opened.size > before) this.#rows.clear();
  }

  /** The summary of a checkpoint that was opened. */
  summary(id: ManifestId): Summary {
    const known = this.#stored.get(id);
    if (known !== undefined) return known;
    const entry = this.#table.get(id) ?? this.#lost(id);
    const made = entry.traits.hasInvariants
      ? new StoredSummaryWithInvariants(id, entry, this)
      : new StoredSummary(id, entry, this);
    this.#stored.set(id, made);
    return made;
  }

  /** The space of a checkpoint that was opened. */
  spaceOf(id: ManifestId): SpaceId {
    return (this.#table.get(id) ?? this.#lost(id)).space;
  }

  /** Opened checkpoints with the files, and with the weights, of a summary; in any order. */
  findEqual(traits: SummaryTraits): ReturnType<MemberTable['findEqual']> {
    const { withFiles, withWeights } = this.#table.findEqual(traits);
    const isOpened = (id: ManifestId): boolean => this.#opened.has(id);
    return { withFiles: withFiles.filter(isOpened), withWeights: withWeights.filter(isOpened) };
  }

  /** Opened checkpoints that seem to hold a content that begins like one of these. */
  findHolders(prefixes: ReadonlySet<number>): readonly ManifestId[] {
    return [...this.#table.findHolders(prefixes)].filter((id) => this.#opened.has(id));
  }

  #lost(id: ManifestId): never {
    throw new LostSummaryError(id);
  }

  /** @throws LostSummaryError when it has to be computed. */
  read(id: ManifestId): Summary {
    return this.#reader.findSummary(id) ?? this.#lost(id);
  }

  /** How the tensors of a checkpoint spread; where the table has lost it, those of all checkpoints here are put into it. */
  spreads(id: ManifestId): readonly TensorSpread[] {
    const found = this.#spreads.get(id);
    if (found !== undefined) return found;
    const missing = [...this.#opened].filter((one) => one === id || this.#spreads.get(one) === undefined);
    this.#spreads.add(new Map(missing.map((one) => [one, spreadsOf(this.read(one))])));
    return this.#spreads.get(id) ?? [];
  }

  /** A sketch out of the rows of its space, where they are in memory, or so many were asked for that they should be. */
  findSketch(kind: SketchKind, space: string, id: ManifestId, isDecoded: boolean): Float32Array | undefined {
    const key = `${kind} ${space}`;
    const rows = this.#rows.get(key) ?? (isDecoded ? undefined : this.#loadWhenAsked(kind, space, key));
    const start = rows?.find(id);
    return start === undefined ? undefined : rows?.values.subarray(start, start + SKETCH_LENGTH);
  }

  #loadWhenAsked(kind: SketchKind, space: string, key: string): SketchRows | undefined {
    const asked = (this.#asked.get(key) ?? 0) + 1;
    this.#asked.set(key, asked);
    return asked > ASKED_ONE_BY_ONE ? this.load(kind, space) : undefined;
  }

  /** Brings the sketches of a space into memory, so that thousands of them need not be decoded one by one. */
  load(kind: SketchKind, space: string): SketchRows {
    const key = `${kind} ${space}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const file = new SketchFile(path.join(this.#directory, `${space}.${kind}`));
    const ids = [...this.#opened].filter((id) => this.spaceOf(id) === space && has(kind, this.#table.get(id)?.traits));
    const byText = new Map<string, ManifestId>(ids.map((id) => [id, id]));
    const opened = file.open(ids, (text) => {
      const id = byText.get(text);
      return (id === undefined ? undefined : this.read(id)[kind]) ?? NOTHING;
    });
    this.#rows.set(key, opened);
    return opened;
  }

  /**
   * The `k` of these checkpoints of a space whose sketches are most similar, best first, without bringing all of them into memory.
   *
   * @returns undefined where the file has to be made whole first.
   */
  findNearest(
    kind: SketchKind,
    space: string,
    among: SearchedIds,
    query: Float32Array,
    k: number,
  ): readonly Neighbor[] | undefined {
    const search = new SketchSearch(path.join(this.#directory, `${space}.${kind}`));
    return search.search(among, query, k, (text) => {
      const id = parseManifestId(text);
      return has(kind, this.#table.get(id)?.traits) ? this.read(id)[kind] : undefined;
    });
  }

  /** The sketches of these checkpoints of one space, for a search. */
  select(kind: SketchKind, space: string, ids: readonly ManifestId[]): VectorRows {
    return ids.length === 0 ? packRows(new Map()) : selectRows(this.load(kind, space), ids);
  }
}

function has(kind: SketchKind, traits: SummaryTraits | undefined): boolean {
  return kind === 'invariants' ? traits?.hasInvariants === true : true;
}
