import type { ContentId } from '../objects/ids.ts';
import type { Layout } from './layout.ts';
import type { Slice } from './slice.ts';

/** What matching needs to know of a tensor. */
export interface Named {
  readonly name: string;
  readonly shape: readonly number[];
  readonly content?: ContentId;
}

/** A tensor of the query and the one of the candidate that it answers to. */
export interface TensorPair {
  readonly query: string;
  readonly candidate: string;
  /** Brings the candidate's tensor (its slice, where one is taken) into the query's axes; absent when they agree. */
  readonly layout?: Layout;
  /** The slice of the candidate's tensor that the query's answers to: the candidate keeps several tensors in one. */
  readonly taken?: Slice;
  /** The slice of the query's tensor that the candidate's fills: the query keeps several tensors in one, and has a pair for each. */
  readonly placed?: Slice;
}

/** True for two tensors that answer to each other whole and as they stand, under one name. */
export function isInPlacePair({ query, candidate, layout, taken, placed }: TensorPair): boolean {
  return query === candidate && layout === undefined && taken === undefined && placed === undefined;
}

/** The names that pairs have on the query's side, each once. */
export function pairedNames(pairs: readonly TensorPair[]): readonly string[] {
  return [...new Set(pairs.map(({ query }) => query))];
}

/** Of lists of pairs that were asked. */
const knownSources = new WeakMap<readonly TensorPair[], ReadonlyMap<string, string>>();

/** The candidate's tensors that make up a tensor of the query, joined by `+` where there are several; undefined when there is none. */
export function sourceName(pairs: readonly TensorPair[], query: string): string | undefined {
  const sources = knownSources.get(pairs) ?? listSources(pairs);
  knownSources.set(pairs, sources);
  return sources.get(query);
}

function listSources(pairs: readonly TensorPair[]): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const { query, candidate } of pairs) {
    const known = sources.get(query);
    sources.set(query, known === undefined ? candidate : `${known} + ${candidate}`);
  }
  return sources;
}
