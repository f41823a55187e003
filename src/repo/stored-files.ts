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

/** Segments that are decoded at the same time where a file is read on and on. */
const READ_AHEAD = 2;

/** A part of a segment. */
interface Piece {
  readonly segment: Segment;
  /** In bytes from the segment's start. */
  readonly from: number;
  readonly to: number;
}

/** The parts of a file's segments that a range of it consists of. @throws WsvcError `bad-file` when the range is not inside the file. */
function listPieces(file: ManifestFile, starts: readonly number[], offset: number, byteLength: number): Piece[] {
  const end = offset + byteLength;
  if (offset < 0 || byteLength < 0 || end > file.byteLength) {
    throw new WsvcError('bad-file', `Bytes ${offset} to ${end} are not inside a file of ${file.byteLength} bytes.`);
  }
  const pieces: Piece[] = [];
  for (let index = findSegment(starts, offset); (starts[index] ?? end) < end; index += 1) {
    const segment = file.segments[index];
    const start = starts[index] ?? 0;
    if (segment === undefined) break;
    const from = Math.max(0, offset - start);
    const to = Math.min(segmentByteLength(segment), end - start);
    if (to > from) pieces.push({ segment, from, to });
  }
  return pieces;
}

async function readPiece({ segment, from, to }: Piece, blobs: BlobStore): Promise<Uint8Array> {
  const bytes = 'literal' in segment ? segment.literal : await viewNeededBlob(blobs, segment.blob);
  return bytes.subarray(from, to);
}

/** Reads pieces in their order, the next of them already while one is used. */
async function* readAhead(pieces: readonly Piece[], blobs: BlobStore): AsyncIterable<Uint8Array> {
  const reading: Promise<Uint8Array>[] = [];
  for (let next = 0; next < pieces.length || reading.length > 0; ) {
    for (; reading.length < READ_AHEAD && next < pieces.length; next += 1) {
      const piece = pieces[next];
      if (piece === undefined) break;
      const read = readPiece(piece, blobs);
      // Who reads that far hears of it.
      read.catch(() => undefined);
      reading.push(read);
    }
    const first = reading.shift();
    if (first !== undefined) yield await first;
  }
}

/** A stored file as random-access bytes: segments are decoded, and checked against their ids, when they are read. */
export function storedSource(file: ManifestFile, blobs: BlobStore): ByteSource {
  const starts = segmentStarts(file);
  return {
    byteLength: file.byteLength,
    async read(offset, byteLength) {
      const result = new Uint8Array(byteLength);
      let filled = 0;
      for await (const bytes of readAhead(listPieces(file, starts, offset, byteLength), blobs)) {
        result.set(bytes, filled);
        filled += bytes.byteLength;
      }
      return result;
    },
    async *stream(offset = 0, byteLength = file.byteLength - offset) {
      for await (const bytes of readAhead(listPieces(file, starts, offset, byteLength), blobs)) {
        for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
      }
    },
    async close() {},
  };
}

/** A stored checkpoint's files, so that its format can open it like files on disk. */
export function storedFiles(manifest: Pick<Manifest, 'files'>, blobs: BlobStore): FileSet {
  return {
    primary: PRIMARY,
    names: manifest.files.map((file) => file.name),
    async open(name) {
      const file = manifest.files.find((candidate) => candidate.name === name);
      return file === undefined ? undefined : storedSource(file, blobs);
    },
  };
}
