import type { BlockCoder } from '../codec/index.ts';
import type { BlobId } from '../objects/ids.ts';
import type { Disk } from './disk.ts';
import type { PackRow } from './pack-format.ts';
import type { Location } from './pack-set.ts';
import type { PlainBlob } from './plain-cache.ts';

/** A blob that a batch of this process holds and has not committed. */
export interface PendingBlob {
  readonly row: PackRow;
  read(): Promise<Uint8Array>;
}

/** What a batch needs of the store that it writes to. */
export interface PackHost {
  readonly disk: Disk;
  readonly coder: BlockCoder;
  /** The repository's directory. */
  readonly directory: string;
  /** A blob of the packs that are known: those there were when the batch began, and what this process has committed since. */
  findKnown(id: BlobId): Location | undefined;
  /** A committed blob; packs that others have made since are looked at before the answer is no. */
  findStored(id: BlobId): Promise<Location | undefined>;
  /** The blob, decoded and checked against its id; not to be written into. @throws WsvcError `not-found`; CorruptError */
  readPlain(id: BlobId): Promise<PlainBlob>;
  /** What a stored blob is coded against, read without decoding it. @throws WsvcError `not-found`; CorruptError */
  readBasesOf(id: BlobId): Promise<readonly BlobId[]>;
  /** Decodes a record and checks the content. @throws CorruptError */
  decodeRecordBytes(id: BlobId, bytes: Uint8Array): Promise<PlainBlob>;
  /** Decodes a record whose content the caller compares with what it should be. @throws CorruptError */
  decodeForComparison(id: BlobId, bytes: Uint8Array): Promise<Uint8Array>;
  /** Makes a blob of a batch readable in this process before it is committed. */
  addPending(id: BlobId, pending: PendingBlob, blob: PlainBlob): void;
  removePending(ids: Iterable<BlobId>): void;
  /** Says that a blob will hardly be read again. */
  spend(id: BlobId): void;
  /** Takes up a pack that a batch has just committed. */
  adopt(name: string, path: string): Promise<void>;
}
