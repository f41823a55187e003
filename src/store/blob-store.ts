import type { BlockType } from '../codec/codec.ts';
import type { Gather } from '../codec/gather.ts';
import { WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { CodeForm } from '../tensors/code-form.ts';

/** How a blob may be coded. */
export interface BlobHint {
  readonly type: BlockType;
  /** A stored blob with as many elements, likely close in value. */
  readonly base?: BlobId;
  /** Further stored blobs that it may be coded against; which is best, an estimate decides. */
  readonly others?: readonly BaseHint[];
  /** Try the likeliest bases and take the smallest code, in place of going by an estimate: slow. */
  readonly isTried?: boolean;
  /** What kind of codes the blob holds, where it is a part of a quantised tensor. */
  readonly form?: CodeForm;
  /** Elements of one row of the matrix that the blob is a part of, and how many of its first row lie before the blob. */
  readonly row?: BlobRow;
  /** Where the row factor of an update of low rank is kept: in that blob or a new one, for the other chunks of the tensor; by default with the blob itself. */
  readonly rowFactor?: BlobId | 'new';
}

/** A base: one blob, or neighbouring parts of a tensor that it is gathered from. */
export interface BaseHint {
  readonly blobs: readonly BlobId[];
  /** Absent where the base is the one blob as it stands. */
  readonly gather?: Gather;
}

/** How a chunk lies in its tensor, seen as a matrix. */
export interface BlobRow {
  readonly length: number;
  readonly offset: number;
  /** Elements along the tensor's last axis. */
  readonly last?: number;
}

/** Immutable bytes by the SHA-256 of their plain content. A remote is another implementation that passes the same contract suite. */
export interface BlobStore {
  has(id: BlobId): Promise<boolean>;
  /**
   * Returns the plain bytes, checked against the id.
   *
   * @throws WsvcError `not-found` when there is no such blob; CorruptError when its bytes are not what the id says.
   */
  read(id: BlobId): Promise<Uint8Array>;
  /** As {@link read}, without a copy: not to be written into. */
  view(id: BlobId): Promise<Uint8Array>;
  /** Bytes the blob takes on disk, its share of the envelope included. */
  storedByteLength(id: BlobId): Promise<number>;
  list(): AsyncIterable<BlobId>;
  /** Begins a batch; nothing of it is visible to others before `commit`. */
  beginBatch(): Promise<BlobBatch>;
}

/** What putting a blob did. */
export interface PutResult {
  readonly storedBytes: number;
  readonly isNew: boolean;
  /** What it is coded against. */
  readonly bases?: readonly BlobId[];
  /** The blob that holds the row factor of its update, for the tensor's next chunk. */
  readonly rowFactor?: BlobId;
}

/** Blobs that become durable together, as one pack. */
export interface BlobBatch {
  /**
   * Adds a blob; one that is stored already costs nothing. Reading it through the store works at once within this process.
   *
   * @param plain - kept as it is: not to be written into afterwards.
   * @throws WsvcError `bad-file` when the bytes are not what the id says: the file that they are of changed since it was hashed.
   */
  put(id: BlobId, plain: Uint8Array, hint: BlobHint): Promise<PutResult>;
  /** Makes the batch durable and visible: write, fsync, rename, fsync the directory. */
  commit(): Promise<void>;
  /** Drops the batch; harmless after `commit`. */
  discard(): Promise<void>;
}

/** The bytes of a blob are not those that were hashed: somebody is still writing the file. */
export function contentChanged(): WsvcError {
  return new WsvcError('bad-file', 'The file changed while it was read.', {
    suggestions: ['Wait until whatever writes the file has finished, then add it again.'],
  });
}
