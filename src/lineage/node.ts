import type { Member } from './model.ts';

/** Stored checkpoints that hold the same weights, up to rounding: one node of the forest. */
export interface Node {
  /** The one that the others are copies of: the most precise, then the one with the smallest id. */
  readonly original: Member;
  readonly copies: readonly Copy[];
}

export interface Copy {
  readonly member: Member;
  readonly relation: 'identical' | 'recontained' | 'cast';
}
