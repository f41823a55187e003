import { type ByteSource, CHUNK_BYTES, type FileSet } from '../bytes/source.ts';
import { WsvcError } from '../errors.ts';
import type { Manifest, ManifestFile, Segment } from '../objects/manifest.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { viewNeededBlob } from './needed.ts';

/** The name a stored checkpoint's primary file goes by inside its own file set. */
const PRIMARY = '';

function segmentByteLength(segment: Segment): number {
  return 'literal' in segment ? segment.literal.byteLength : segment.byteLength;
}

/** Where each segment starts in the file, in bytes; one more entry than segments. */
function segmentStarts(file: ManifestFile): readonly number[] {
  const starts = [0];
  for (const segment of file.segments) starts.push((starts.at(-1) ?? 0) + segmentByteLength(segment));
  return starts;
}

/** Index of the segment that holds the byte at `offset`. */
function findSegment(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}

/** A stored file as random-access bytes: segments are decoded, and checked against their ids, when they are read. */
export function storedSource(file: ManifestFile, blobs: BlobStore): ByteSource {
  const starts = segmentStarts(file);

  async function* pieces(offset: number, byteLength: number): AsyncIterable<Uint8Array> {
    const end = offset + byteLength;
    if (offset < 0 || byteLength < 0 || end > file.byteLength) {
      throw new WsvcError('bad-file', `Bytes ${offset} to ${end} are not inside a file of ${file.byteLength} bytes.`);
    }
    for (let index = findSegment(starts, offset), at = offset; at < end; index += 1) {
      const segment = file.segments[index];
      const start = starts[index] ?? 0;
      if (segment === undefined) return;
      const bytes = 'literal' in segment ? segment.literal : await viewNeededBlob(blobs, segment.blob);
      const piece = bytes.subarray(at - start, Math.min(bytes.byteLength, end - start));
      if (piece.byteLength > 0) yield piece;
      at = start + bytes.byteLength;
    }
  }

  return {
    byteLength: file.byteLength,
    async read(offset, byteLength) {
      const result = new Uint8Array(byteLength);
      let filled = 0;
      for await (const piece of pieces(offset, byteLength)) {
        result.set(piece, filled);
        filled += piece.byteLength;
      }
      return result;
    },
    async *stream(offset = 0, byteLength = file.byteLength - offset) {
      for await (const piece of pieces(offset, byteLength)) {
        for (let at = 0; at < piece.byteLength; at += CHUNK_BYTES) yield piece.subarray(at, at + CHUNK_BYTES);
      }
    },
    async close() {},
  };
}

/** A stored checkpoint's files, so that its format can open it like files on disk. */
export function storedFiles(manifest: Manifest, blobs: BlobStore): FileSet {
  return {
    primary: PRIMARY,
    names: manifest.files.map((file) => file.name),
    async open(name) {
      const file = manifest.files.find((candidate) => candidate.name === name);
      return file === undefined ? undefined : storedSource(file, blobs);
    },
  };
}
