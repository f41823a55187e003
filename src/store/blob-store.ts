import type { BlockType } from '../codec/codec.ts';
import type { BlobId } from '../objects/ids.ts';

/** How a blob may be coded. */
export interface BlobHint {
  readonly type: BlockType;
  /** A stored blob with as many elements, likely close in value. */
  readonly base?: BlobId;
  /** Elements of one row of the matrix that the blob is a part of, and how many of its first row lie before the blob. */
  readonly row?: BlobRow;
}

/** How a chunk lies in its tensor, seen as a matrix. */
export interface BlobRow {
  readonly length: number;
  readonly offset: number;
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
  /** Bytes the blob takes on disk, its share of the envelope included. */
  storedByteLength(id: BlobId): Promise<number>;
  list(): AsyncIterable<BlobId>;
  /** Begins a batch; nothing of it is visible to others before `commit`. */
  beginBatch(): Promise<BlobBatch>;
}

/** Blobs that become durable together, as one pack. */
export interface BlobBatch {
  /** Adds a blob; one that is stored already costs nothing. Reading it through the store works at once within this process. */
  put(
    id: BlobId,
    plain: Uint8Array,
    hint: BlobHint,
  ): Promise<{ readonly storedBytes: number; readonly isNew: boolean }>;
  /** Makes the batch durable and visible: write, fsync, rename, fsync the directory. */
  commit(): Promise<void>;
  /** Drops the batch; harmless after `commit`. */
  discard(): Promise<void>;
}
