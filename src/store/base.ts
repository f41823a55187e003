import type { BlobId } from '../objects/ids.ts';
import type { PackRow } from './pack-format.ts';
import type { PlainBlob } from './plain-cache.ts';

/** A stored blob that may be a base. */
export interface FoundBase {
  readonly row: Omit<PackRow, 'offset'>;
  /** What it is stored against; what its record says by default. */
  readonly bases?: readonly BlobId[];
}

export type FindRow = (id: BlobId) => Promise<FoundBase | undefined>;

/** An ancestor that a blob may be coded against, with what lies below it. */
export interface Base {
  readonly row: FoundBase['row'];
  readonly blob: PlainBlob;
}
