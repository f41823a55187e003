import type { CommitId } from './ids.ts';

/** How a checkpoint came from its parent (docs/glossary.md, "relation"); two at once are joined with `+`, the strongest first. */
export type RelationWord =
  | 'identical'
  | 'recontained'
  | 'cast'
  | 'quantized'
  | 'pruned'
  | 'perturbed'
  | 'between'
  | 'next'
  | 'forked'
  | 'fine-tuned'
  | 'low-rank'
  | 'head-replaced'
  | 'permuted'
  | 'rescaled'
  | 'averaged'
  | 'merged'
  | 'unrelated';

export type EdgeSource = 'inferred' | 'declared';

/** What wsvc writes about a checkpoint's lineage at the end of its commit message, as git trailers. */
export interface LineageTrailers {
  /** The path the checkpoint was added from. */
  readonly source: string;
  readonly trajectory: string;
  /** Weight-space coordinate on the trajectory when it was committed. */
  readonly position: number;
  /** The commits it comes from; weights sum to 1. Empty for the first of a trajectory without a parent. */
  readonly parents: readonly { readonly commit: CommitId; readonly weight: number }[];
  /** Words of {@link RelationWord} joined with `+`. */
  readonly relation: string;
  /** Of the relation, 0 to 1. */
  readonly confidence: number;
  /** Natural logarithm of the p-value of kinship, when one was computed. */
  readonly logPValue?: number;
  readonly edge: EdgeSource;
}
