import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import type { ByteSource } from '../../bytes/source.ts';
import { BadFileError, WsvcError } from '../../errors.ts';
import type { StatedChecksum } from '../format.ts';
import type { ZipEntry } from './directory.ts';

/** What inflation yields at a time; small enough that a bomb is stopped early. */
const INFLATED_PIECE_BYTES = 256 * 1024;

/** What is read into memory as a whole may inflate so far: small members freely, larger ones by this factor at most. */
const FREE_INFLATED_BYTES = 16 * 1024 * 1024;
const MAX_INFLATION = 16;

export interface ReadMemberOptions {
  /** A checksum of 0 says that there is none: PyTorch leaves it out when it is told to, and reads its files either way. */
  readonly mayLackCrc?: boolean;
}

/**
 * Yields a member's bytes, inflated, in pieces of at most CHUNK_BYTES.
 *
 * @throws BadFileError when they do not inflate, are not as many as the directory says, or have another checksum.
 */
export async function* streamZipEntry(
  source: ByteSource,
  entry: ZipEntry,
  options: ReadMemberOptions = {},
): AsyncIterable<Uint8Array> {
  const isChecked = statesCrc(entry, options);
  let length = 0;
  let checksum = 0;
  for await (const piece of decodedPieces(source, entry)) {
    length += piece.byteLength;
    if (length > entry.byteLength) throw broken(entry, 'must not hold more bytes than its directory entry says');
    if (isChecked) checksum = crc32(piece, checksum);
    yield piece;
  }
  if (length < entry.byteLength) throw broken(entry, 'must hold as many bytes as its directory entry says');
  if (isChecked && checksum !== entry.crc32) throw broken(entry, 'must have the checksum it states');
}

/**
 * Reads a whole member.
 *
 * @throws BadFileError as {@link streamZipEntry} does, when it is larger than `limit` bytes, and when it would inflate beyond measure.
 */
export async function readZipEntry(
  source: ByteSource,
  entry: ZipEntry,
  options: ReadMemberOptions & { readonly limit: number },
): Promise<Uint8Array> {
  if (entry.byteLength > options.limit) throw broken(entry, `must not be larger than ${options.limit} bytes`);
  const most = FREE_INFLATED_BYTES + MAX_INFLATION * entry.compressedByteLength;
  if (entry.byteLength > most) throw broken(entry, `must not inflate to over ${most} bytes`);
  const bytes = new Uint8Array(entry.byteLength);
  let filled = 0;
  for await (const piece of streamZipEntry(source, entry, options)) {
    bytes.set(piece, filled);
    filled += piece.byteLength;
  }
  return bytes;
}

function statesCrc(entry: ZipEntry, { mayLackCrc = false }: ReadMemberOptions): boolean {
  return !mayLackCrc || entry.crc32 !== 0;
}

/** The checksums of stored members, for whoever reads the file as a whole. */
export function storedChecksums(
  entries: Iterable<ZipEntry>,
  file: number,
  options: ReadMemberOptions = {},
): readonly StatedChecksum[] {
  const stored = [...entries].filter((entry) => entry.method === 0 && statesCrc(entry, options));
  return stored.map(({ name, crc32: stated, dataOffset, byteLength }) => ({
    ...{ member: name, crc32: stated },
    ...{ file, offset: dataOffset, byteLength },
  }));
}

function decodedPieces(source: ByteSource, entry: ZipEntry): AsyncIterable<Uint8Array> {
  const stored = source.stream(entry.dataOffset, entry.compressedByteLength);
  switch (entry.method) {
    case 0:
      return stored;
    case 8:
      return inflate(stored, entry);
    default:
      throw broken(entry, `must be stored or deflated, not compressed with method ${entry.method}`);
  }
}

async function* inflate(compressed: AsyncIterable<Uint8Array>, entry: ZipEntry): AsyncIterable<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: INFLATED_PIECE_BYTES });
  // The pipeline hands an error of either side to the loop below, and stops the source when the loop ends early.
  pipeline(Readable.from(compressed), inflater, () => {});
  try {
    for await (const piece of inflater) yield piece;
  } catch (error) {
    if (error instanceof WsvcError) throw error;
    throw broken(entry, 'must hold a valid deflate stream', error);
  }
}

function broken(entry: ZipEntry, rule: string, cause?: unknown): BadFileError {
  const name = JSON.stringify(entry.name);
  return new BadFileError(
    { format: 'zip', rule: `the member ${name} ${rule}`, byteOffset: entry.dataOffset },
    { cause },
  );
}
