import type { LineageEdge } from './model.ts';
import type { RelationWord } from './relation.ts';

/** Relations that say where a checkpoint lies on a run, or that it was trained. */
const ALONG_A_RUN: ReadonlySet<string> = new Set<RelationWord>([
  'next',
  'between',
  'forked',
  'fine-tuned',
  'unrelated',
]);

/** True for a relation that says how a copy was altered, not only where on a run it lies. */
export function isAlterationWord(relation: string): boolean {
  return relation.split('+').some((word) => !ALONG_A_RUN.has(word));
}

/** True for a relation that training has no part in: the checkpoint was made from its parents. */
export function isMadeWithoutTraining(relation: string): boolean {
  return !relation.split('+').some((word) => ALONG_A_RUN.has(word));
}

/** Copies that hold the very weights: nothing moved. */
const STILL: ReadonlySet<string> = new Set<RelationWord>(['identical', 'recontained']);

/** The checkpoints that were made from others by altering them: they stand beside a trajectory, and are no steps of it. */
export function findAlteredIds(edges: readonly LineageEdge[]): ReadonlySet<string> {
  const altered = edges.filter(({ relation }) => isAlterationWord(relation) && !STILL.has(relation));
  return new Set(altered.map(({ child }) => child));
}
