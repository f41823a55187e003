import type { ByteSource } from '../../bytes/source.ts';
import type { FileRange } from '../format.ts';
import { streamZipEntry, type ZipEntry } from '../zip/index.ts';
import type { ElementType } from './element-types.ts';

/** A run of elements of one type that tensors are views of. */
export interface Storage {
  readonly byteLength: number;
  readonly isBigEndian: boolean;
  /** Yields a part in order. */
  stream(offset: number, byteLength: number): AsyncIterable<Uint8Array>;
  /** Where a part stands verbatim; `undefined` when it does not. */
  findRange(offset: number, byteLength: number): FileRange | undefined;
}

/** A storage as a tensor refers to it. */
export interface TypedStorage {
  readonly storage: Storage;
  readonly type: ElementType;
}

/** A storage whose bytes stand in one of the checkpoint's files; `file` is absent for one that is inside a pickle. */
export function plainStorage(source: ByteSource, start: number, byteLength: number, file?: number): Storage {
  return {
    byteLength,
    isBigEndian: false,
    stream: (offset, length) => source.stream(start + offset, length),
    findRange: (offset, length) =>
      file === undefined ? undefined : { file, offset: start + offset, byteLength: length },
  };
}

/** A storage that is a member of a zip archive. The checksum of a deflated one is checked when it is read as a whole. */
export function memberStorage(source: ByteSource, entry: ZipEntry, file: number): Storage {
  if (entry.method === 0) return plainStorage(source, entry.dataOffset, entry.byteLength, file);
  return {
    byteLength: entry.byteLength,
    isBigEndian: false,
    stream: (offset, length) =>
      cutStream(streamZipEntry(source, entry, { mayLackCrc: true }), offset, length, entry.byteLength),
    findRange: () => undefined,
  };
}

/** The same storage, its elements in the other byte order. */
export function bigEndianStorage(storage: Storage): Storage {
  return { ...storage, isBigEndian: true, findRange: () => undefined };
}

/** A part of a storage as a storage of its own. */
export function sliceStorage(storage: Storage, start: number, byteLength: number): Storage {
  return {
    byteLength,
    isBigEndian: storage.isBigEndian,
    stream: (offset, length) => storage.stream(start + offset, length),
    findRange: (offset, length) => storage.findRange(start + offset, length),
  };
}

/** Yields the part of a stream that starts after `offset` bytes; reads no further than its end. */
async function* cutStream(
  stream: AsyncIterable<Uint8Array>,
  offset: number,
  byteLength: number,
  streamByteLength: number,
): AsyncIterable<Uint8Array> {
  const end = offset + byteLength;
  let position = 0;
  if (byteLength === 0) return;
  for await (const piece of stream) {
    const part = piece.subarray(Math.max(0, offset - position), Math.max(0, end - position));
    position += piece.byteLength;
    if (part.byteLength > 0) yield part;
    // To its end, a stream checks what it has been.
    if (position >= end && end < streamByteLength) return;
  }
}
