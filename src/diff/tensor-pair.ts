import type { ContentId } from '../objects/ids.ts';

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
  /** Axis `order[i]` of the candidate's tensor is axis i of the query's; absent when the axes agree. */
  readonly order?: readonly number[];
}
