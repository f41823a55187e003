import type { ContentId } from '../objects/ids.ts';
import type { Layout } from './layout.ts';

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
  /** Brings the candidate's tensor into the query's axes; absent when they agree. */
  readonly layout?: Layout;
}
