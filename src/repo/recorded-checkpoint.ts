import type { CommitId } from '../objects/ids.ts';
import type { Pointer } from '../objects/pointer.ts';
import type { LineageTrailers } from '../objects/trailers.ts';
import type { Signature } from '../store/history.ts';

/** A commit and the checkpoint it added. */
export interface RecordedCheckpoint {
  readonly commit: CommitId;
  readonly parents: readonly CommitId[];
  readonly message: string;
  readonly author: Signature;
  /** Absent for a commit that wsvc did not write, or one that adds no checkpoint. */
  readonly checkpoint?: { readonly path: string; readonly pointer: Pointer };
  readonly trailers?: LineageTrailers;
}
