import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { BlobStore } from '../store/blob-store.ts';

/** Reads what something stored refers to: that it is absent is damage then, not a wrong name. @throws CorruptError */
export async function readNeeded<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof WsvcError) || error.code !== 'not-found') throw error;
    throw new CorruptError(`${what} is missing`, { cause: error });
  }
}

/** Reads a blob that a pointer or a manifest names. @throws CorruptError */
export function readNeededBlob(blobs: BlobStore, id: BlobId): Promise<Uint8Array> {
  return readNeeded(`blob ${id}`, () => blobs.read(id));
}

/** The same without a copy: not to be written into. @throws CorruptError */
export function viewNeededBlob(blobs: BlobStore, id: BlobId): Promise<Uint8Array> {
  return readNeeded(`blob ${id}`, () => blobs.view(id));
}
