import { toHex } from '../bytes/hex.ts';
import { WsvcError } from '../errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** SHA-256 (64 hex digits) of a blob's plain content. */
export type BlobId = Branded<'BlobId'>;
/** The id of the blob that holds a checkpoint's manifest; it identifies the checkpoint. */
export type ManifestId = BlobId & { readonly manifest: true };
/** A tensor's content: the SHA-256 of its plain bytes; of its chunk ids (as bytes, in order) when it has more than one chunk. */
export type ContentId = Branded<'ContentId'>;
/** SHA-256 of a whole file. */
export type FileHash = Branded<'FileHash'>;
/** A git commit: 40 hex digits. */
export type CommitId = Branded<'CommitId'>;
/** A git object of any kind: 40 hex digits. */
export type GitObjectId = Branded<'GitObjectId'>;
/** Names the set of checkpoints that can be compared: SHA-256 of their canonical shapes. */
export type SpaceId = Branded<'SpaceId'>;

function checkHex(text: string, digits: number, what: string): string {
  if (text.length !== digits || !/^[0-9a-f]*$/.test(text)) {
    throw new WsvcError('corrupt', `Not ${what}: ${JSON.stringify(text.slice(0, 80))}.`);
  }
  return text;
}

/** Ids from the bytes they name: their digits need no look. */
const hexOf = (bytes: Uint8Array, what: string): string => {
  if (bytes.byteLength !== 32) throw new WsvcError('corrupt', `Not ${what}: ${bytes.byteLength} bytes.`);
  return toHex(bytes);
};

export const blobIdOf = (bytes: Uint8Array): BlobId => hexOf(bytes, 'a blob id') as BlobId;
export const manifestIdOf = (bytes: Uint8Array): ManifestId => hexOf(bytes, 'a manifest id') as ManifestId;
export const parseBlobId = (text: string): BlobId => checkHex(text, 64, 'a blob id') as BlobId;
export const parseManifestId = (text: string): ManifestId => checkHex(text, 64, 'a manifest id') as ManifestId;
export const parseContentId = (text: string): ContentId => checkHex(text, 64, 'a content id') as ContentId;
export const parseFileHash = (text: string): FileHash => checkHex(text, 64, 'a file hash') as FileHash;
export const parseCommitId = (text: string): CommitId => checkHex(text, 40, 'a commit id') as CommitId;
export const parseGitObjectId = (text: string): GitObjectId => checkHex(text, 40, 'a git object id') as GitObjectId;
export const parseSpaceId = (text: string): SpaceId => checkHex(text, 64, 'a space id') as SpaceId;
