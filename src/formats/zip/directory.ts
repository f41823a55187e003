import { type Entry, fromRandomAccessReaderPromise, type ZipFile } from 'yauzl';
import type { ByteSource } from '../../bytes/source.ts';
import { BadFileError, WsvcError } from '../../errors.ts';
import { SourceReader } from './source-reader.ts';

/** Deflate cannot shrink by more than this factor (RFC 1951: 258 bytes in two bits), so a larger claim is a lie. */
const DEFLATE_MAX_RATIO = 1032;

/** One member of a zip archive, as the central directory states it; checked against the archive's size. */
export interface ZipEntry {
  /** Decoded as UTF-8 where it is that, else byte by byte (Latin-1): any name is a name, none is a path. */
  readonly name: string;
  /** 0 stored, 8 deflate; others are listed but cannot be read. */
  readonly method: number;
  readonly compressedByteLength: number;
  /** Bytes after inflation; bounds what reading yields. */
  readonly byteLength: number;
  /** Where the member's (compressed) bytes start in the archive. */
  readonly dataOffset: number;
  readonly crc32: number;
}

/**
 * Reads the central directory of a zip archive (zip64 too), in directory order; equal names are all kept.
 *
 * @throws BadFileError when the archive is malformed, prefixed, followed by other bytes, or encrypted.
 */
export async function readZipDirectory(source: ByteSource): Promise<readonly ZipEntry[]> {
  const reader = new SourceReader(source);
  try {
    const zip = await fromRandomAccessReaderPromise(reader, source.byteLength, {
      autoClose: false,
      decodeStrings: false,
      // Checked below, after encryption, which changes the lengths.
      validateEntrySizes: false,
    });
    const listed: Entry[] = [];
    for await (const entry of zip.eachEntry()) listed.push(entry);
    const entries: ZipEntry[] = [];
    for (const entry of listed) entries.push(await readEntry(zip, entry));
    checkOverlap(entries, source.byteLength);
    return entries;
  } catch (error) {
    throw asBadFile(error, reader.position);
  }
}

async function readEntry(zip: ZipFile, entry: Entry): Promise<ZipEntry> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  checkEntry(entry);
  return {
    name: decodeName(entry.fileNameRaw),
    method: entry.compressionMethod,
    compressedByteLength: entry.compressedSize,
    byteLength: entry.uncompressedSize,
    dataOffset: fileDataStart,
    crc32: entry.crc32,
  };
}

function checkEntry(entry: Entry): void {
  const byteOffset = entry.relativeOffsetOfLocalHeader;
  if (entry.isEncrypted()) {
    throw new BadFileError({ format: 'zip', rule: 'members must not be encrypted', byteOffset });
  }
  if (entry.compressionMethod === 0 && entry.compressedSize !== entry.uncompressedSize) {
    throw new BadFileError({ format: 'zip', rule: 'a stored member must have one length', byteOffset });
  }
  const bound = entry.compressedSize * DEFLATE_MAX_RATIO;
  if (entry.compressionMethod === 8 && entry.uncompressedSize > bound) {
    throw new BadFileError({
      format: 'zip',
      rule: 'a member must not claim more bytes than deflate can hold in its compressed size',
      byteOffset,
    });
  }
}

/** Members that share bytes would make an archive hold more than its size justifies. */
function checkOverlap(entries: readonly ZipEntry[], byteLength: number): void {
  const sum = entries.reduce((total, entry) => total + entry.compressedByteLength, 0);
  if (sum > byteLength) throw new BadFileError({ format: 'zip', rule: 'members must not overlap' });
}

function decodeName(raw: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    return Buffer.from(raw).toString('latin1');
  }
}

function asBadFile(error: unknown, byteOffset: number): WsvcError {
  if (error instanceof WsvcError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new BadFileError({ format: 'zip', rule: `the zip directory must be well formed (${reason})`, byteOffset });
}
