import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { crc32c, maskCrc } from './crc32c.ts';
import { decodeSnappy, readVarint32 } from './snappy.ts';

/** One key of a table, with its value; the key as Latin-1, so that no byte is lost. */
export interface TableEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The block that holds it, for errors. */
  readonly blockOffset: number;
}

interface BlockHandle {
  readonly offset: number;
  readonly byteLength: number;
}

/** Two handles of two numbers each, padded, and the magic (LevelDB, `doc/table_format.md`). */
const FOOTER_BYTES = 48;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
/** Compression type and checksum behind each block. */
const TRAILER_BYTES = 5;
const SNAPPY = 1;
/** The index of a model of 100,000 tensors has some 10 MB. */
const MAX_TABLE_BYTES = 256 * 1024 * 1024;
/** LevelDB's blocks have some kilobytes; a single long value makes a larger one. */
const MAX_BLOCK_BYTES = 64 * 1024 * 1024;

const fail = (rule: string, byteOffset: number) => badFile('tf-checkpoint', rule, byteOffset);

/** Reads a number of up to 53 bits. */
function readVarint64(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return Number.isSafeInteger(value) ? { value, end: at + i + 1 } : undefined;
  }
  return undefined;
}

function parseHandle(bytes: Uint8Array, at: number): (BlockHandle & { readonly end: number }) | undefined {
  const offset = readVarint64(bytes, at);
  const byteLength = offset === undefined ? undefined : readVarint64(bytes, offset.end);
  if (offset === undefined || byteLength === undefined) return undefined;
  return { offset: offset.value, byteLength: byteLength.value, end: byteLength.end };
}

/** Reads the end of a table: where the index of its blocks stands. */
async function readFooter(source: ByteSource): Promise<BlockHandle> {
  const footerOffset = source.byteLength - FOOTER_BYTES;
  if (footerOffset < 0) throw fail('there must be a footer of 48 bytes', 0);
  const footer = await source.read(footerOffset, FOOTER_BYTES);
  if (MAGIC.some((byte, i) => footer[FOOTER_BYTES - MAGIC.length + i] !== byte)) {
    throw fail('the file must end with the magic of a table', source.byteLength - MAGIC.length);
  }
  const metaIndex = parseHandle(footer.subarray(0, 40), 0);
  const index = metaIndex === undefined ? undefined : parseHandle(footer.subarray(0, 40), metaIndex.end);
  if (index === undefined) throw fail('the footer must say where the index is', footerOffset);
  return index;
}

async function readBlock(source: ByteSource, { offset, byteLength }: BlockHandle): Promise<Uint8Array> {
  if (byteLength > MAX_BLOCK_BYTES) throw fail(`a block must not be over ${MAX_BLOCK_BYTES} bytes`, offset);
  if (offset + byteLength + TRAILER_BYTES > source.byteLength) throw fail('a block must be inside the file', offset);
  const stored = await source.read(offset, byteLength + TRAILER_BYTES);
  const trailer = new DataView(stored.buffer, stored.byteOffset + byteLength, TRAILER_BYTES);
  if (maskCrc(crc32c(stored.subarray(0, byteLength + 1))) !== trailer.getUint32(1, true)) {
    throw fail('the checksum of a block must be right', offset);
  }
  const compression = trailer.getUint8(0);
  const bytes = stored.subarray(0, byteLength);
  if (compression === 0) return bytes;
  if (compression !== SNAPPY) throw fail(`the compression ${compression} of a block is not known`, offset);
  const plain = decodeSnappy(bytes, Math.min(MAX_BLOCK_BYTES, 64 * byteLength));
  if (plain === undefined) throw fail('a compressed block must decode', offset);
  return plain;
}

/** Keys are written without what they share with the key before. */
function* parseEntries(block: Uint8Array, blockOffset: number): Iterable<TableEntry> {
  const end = entriesEnd(block, blockOffset);
  let key = '';
  for (let at = 0; at < end; ) {
    const shared = readVarint32(block, at);
    const unshared = shared && readVarint32(block, shared.end);
    const length = unshared && readVarint32(block, unshared.end);
    if (length === undefined || unshared === undefined || shared === undefined || shared.value > key.length) {
      throw fail('an entry must state the lengths of its key and value', blockOffset);
    }
    const valueAt = length.end + unshared.value;
    if (valueAt + length.value > end) throw fail('an entry must be inside its block', blockOffset);
    key = key.slice(0, shared.value) + Buffer.from(block.subarray(length.end, valueAt)).toString('latin1');
    at = valueAt + length.value;
    yield { key, value: block.subarray(valueAt, at), blockOffset };
  }
}

/** The offsets of keys that are written whole follow the entries, and their number. */
function entriesEnd(block: Uint8Array, blockOffset: number): number {
  if (block.byteLength < 4) throw fail('a block must end with its restart points', blockOffset);
  const restarts = new DataView(block.buffer, block.byteOffset).getUint32(block.byteLength - 4, true);
  const end = block.byteLength - 4 - 4 * restarts;
  if (end < 0) throw fail('the restart points must be inside their block', blockOffset);
  return end;
}

/**
 * Reads all entries of a table of LevelDB's format, in key order; checksums are checked.
 *
 * @throws BadFileError one for each rule.
 */
export async function readTable(source: ByteSource): Promise<readonly TableEntry[]> {
  if (source.byteLength > MAX_TABLE_BYTES) throw fail(`an index must not be over ${MAX_TABLE_BYTES} bytes`, 0);
  const indexHandle = await readFooter(source);
  const entries: TableEntry[] = [];
  let lastKey: string | undefined;
  let end = 0;
  for (const { value } of parseEntries(await readBlock(source, indexHandle), indexHandle.offset)) {
    const handle = parseHandle(value, 0);
    if (handle === undefined) throw fail('the index must say where a block is', indexHandle.offset);
    // Blocks follow one another: none is read twice.
    if (handle.offset < end) throw fail('a block must not overlap another', handle.offset);
    end = handle.offset + handle.byteLength;
    for (const entry of parseEntries(await readBlock(source, handle), handle.offset)) {
      if (lastKey !== undefined && entry.key <= lastKey) throw fail('keys must ascend', handle.offset);
      lastKey = entry.key;
      entries.push(entry);
    }
  }
  return entries;
}
