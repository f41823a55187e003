import { parseBlobId } from '../objects/ids.ts';
import { decodeManifest } from '../objects/manifest.ts';
import { formatPointer } from '../objects/pointer.ts';
import { findNamed } from './find-checkpoint.ts';
import type { Repository } from './repository.ts';
import { resolveRevision } from './revision.ts';

export interface CatResult {
  readonly kind: 'blob' | 'manifest' | 'pointer' | 'commit';
  readonly object: string;
  readonly bytes: number;
  /** Bytes on disk, for what the blob store holds. */
  readonly storedBytes?: number;
  /** Text of pointers and commits. */
  readonly text?: string;
}

function isManifest(bytes: Uint8Array): boolean {
  try {
    decodeManifest(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads an object by blob id, revision or `REV:PATH`, as it is stored.
 *
 * @throws WsvcError `not-found`; CorruptError.
 */
export async function catFile(
  repository: Repository,
  named: string,
): Promise<{ readonly result: CatResult; readonly bytes: Uint8Array }> {
  if (/^[0-9a-f]{64}$/.test(named)) {
    const id = parseBlobId(named);
    const bytes = await repository.blobs.read(id);
    const storedBytes = await repository.blobs.storedByteLength(id);
    return {
      bytes,
      result: { kind: isManifest(bytes) ? 'manifest' : 'blob', object: named, bytes: bytes.byteLength, storedBytes },
    };
  }
  const isPath = named.includes(':');
  const text = isPath
    ? formatPointer((await findNamed(repository, named)).pointer)
    : (await repository.history.readCommit(await resolveRevision(repository, named))).message;
  const bytes = new TextEncoder().encode(text);
  return { bytes, result: { kind: isPath ? 'pointer' : 'commit', object: named, bytes: bytes.byteLength, text } };
}
