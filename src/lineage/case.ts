import type { ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import type { Weights } from '../tensors/weights.ts';
import type { TensorFacts } from './alterations.ts';
import type { Comparison } from './comparison.ts';
import type { Frame } from './frame.ts';
import { misfit } from './likelihood.ts';
import type { Archive, Query } from './model.ts';
import type { RelationWord } from './relation.ts';
import type { Rounding } from './tolerance.ts';

/** A candidate and how badly it fits. */
export interface Ranked {
  readonly id: ManifestId;
  readonly misfit: number;
}

/** A query under examination, in its frame. */
export interface Case {
  readonly query: Query;
  readonly archive: Archive;
  readonly frame: Frame;
  /** What the query's own values say. */
  readonly facts: ReadonlyMap<string, TensorFacts>;
  /** A candidate's values in the frame; with its units in the query's order where that was lost. */
  weightsOf(id: ManifestId): Promise<Weights>;
}

/** `forward`: the query comes from what is stored; `backward`: that comes from the query; `siblings`: both from a third. */
export type Direction = 'forward' | 'backward' | 'siblings';

/** What was found out about how a query comes from its base. */
export interface Finding {
  readonly base: ManifestId;
  readonly words: readonly RelationWord[];
  readonly position?: number;
  readonly parents: readonly { readonly id: ManifestId; readonly weight: number }[];
  /** How sure the words are, 0 to 1. */
  readonly sureness: number;
  /** How sure the base is by the steps of its run that the query holds, and how sure that it is this one or the one before or after it. */
  readonly baseSureness?: number;
  readonly baseWithinOne?: number;
  /** Which of the two comes from the other, where the evidence says. */
  readonly direction?: Direction;
  readonly notes: readonly string[];
}

/** What the relation is decided on: the tensors that come from the base, and where they are compared. */
export interface Ground {
  readonly base: ManifestId;
  readonly ranked: readonly Ranked[];
  readonly names: readonly string[];
  readonly comparison: Comparison;
  readonly roundings: ReadonlyMap<string, Rounding>;
  /** Words that are settled: what the values show, what was replaced, what was permuted. */
  readonly words: readonly RelationWord[];
  /** True where the candidates' units were brought into the query's order. */
  readonly isAligned: boolean;
  /** Sentences about layers that are missing, new or repeated. */
  readonly notes: readonly string[];
}

/**
 * Ranks candidates by their misfit on the given tensors, best first. Ties, of what holds the same weights, fall to those with the query's names, then to
 * the original, then to the order given.
 */
export async function rank(
  subject: Case,
  ids: readonly ManifestId[],
  names?: readonly string[],
): Promise<readonly Ranked[]> {
  const { query, archive, frame } = subject;
  await frame.prepare(ids);
  const own = new Set(query.summary.tensors.map(({ name }) => name));
  const hasNames = ({ tensors }: Summary) => tensors.length === own.size && tensors.every(({ name }) => own.has(name));
  const places = new Map(
    ids.map((id) => [id, (hasNames(archive.member(id).summary) ? 0 : 2) + (archive.isCopyOfMember(id) ? 1 : 0)]),
  );
  const ranked: Ranked[] = [];
  for (const id of [...ids].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0)))
    ranked.push({ id, misfit: misfit(frame.sample, await subject.weightsOf(id), names ?? frame.sample.keys()) });
  return ranked.sort((a, b) => a.misfit - b.misfit);
}
