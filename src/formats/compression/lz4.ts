import { ByteReader } from './byte-reader.ts';
import { CompressionFault, Output } from './output.ts';
import { xxh32 } from './xxh32.ts';

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const VERSION = 1;
const MIN_MATCH = 4;
/** A length of 15 goes on in bytes, up to one below 255. */
const LONG = 15;

interface Frame {
  readonly hasBlockSums: boolean;
  readonly hasSum: boolean;
  readonly isLinked: boolean;
  readonly byteLength: bigint | undefined;
  readonly maxBlockBytes: number;
}

function readFrameHeader(reader: ByteReader): Frame {
  const start = reader.position;
  const flags = reader.u8();
  const code = (reader.u8() >> 4) & 7;
  if (flags >> 6 !== VERSION) throw new CompressionFault('an lz4 frame must be of version 1');
  if (code < 4) throw new CompressionFault('an lz4 frame must have blocks of 64 KB to 4 MB');
  if ((flags & 1) !== 0) throw new CompressionFault('an lz4 frame must need no dictionary');
  const byteLength = (flags & 8) === 0 ? undefined : reader.u64();
  const stated = reader.bytes.subarray(start, reader.position);
  if (reader.u8() !== ((xxh32(stated) >>> 8) & 0xff))
    throw new CompressionFault('an lz4 header must have its checksum');
  return {
    hasBlockSums: (flags & 16) !== 0,
    hasSum: (flags & 4) !== 0,
    isLinked: (flags & 32) === 0,
    byteLength,
    maxBlockBytes: 1 << (8 + 2 * code),
  };
}

function readLength(reader: ByteReader, short: number): number {
  let length = short;
  if (short < LONG) return length;
  for (let more = 255; more === 255; length += more) more = reader.u8();
  return length;
}

/** Literals and matches in turn; the last has literals only (LZ4 block format). */
function readBlock(block: Uint8Array, output: Output, start: number): void {
  const reader = new ByteReader(block);
  while (reader.left > 0) {
    const token = reader.u8();
    output.append(reader.take(readLength(reader, token >> 4)));
    if (reader.left === 0) return;
    const distance = reader.u16();
    if (distance > output.length - start) throw new CompressionFault('a match must point into its frame or block');
    output.repeat(distance, readLength(reader, token & 15) + MIN_MATCH);
  }
}

function readBlocks(reader: ByteReader, frame: Frame, output: Output): void {
  const start = output.length;
  for (let size = reader.u32(); size !== 0; size = reader.u32()) {
    const isPlain = size >= 0x80000000;
    const block = reader.take(isPlain ? size - 0x80000000 : size);
    const from = output.length;
    if (isPlain) output.append(block);
    else readBlock(block, output, frame.isLinked ? start : from);
    if (output.length - from > frame.maxBlockBytes)
      throw new CompressionFault('an lz4 block must not be over its size');
    if (frame.hasBlockSums && reader.u32() !== xxh32(block))
      throw new CompressionFault('an lz4 block must have its checksum');
  }
}

/**
 * Decodes LZ4 frames, one behind the other (LZ4 frame format 1.6).
 *
 * @throws CompressionFault
 */
export function decodeLz4(bytes: Uint8Array, limit: number): Uint8Array {
  const output = new Output(limit);
  const reader = new ByteReader(bytes);
  while (reader.left > 0) {
    const magic = reader.u32();
    if (magic >>> 4 === SKIPPABLE >>> 4) {
      reader.take(reader.u32());
      continue;
    }
    if (magic !== MAGIC) throw new CompressionFault('what follows an lz4 frame must be another');
    const frame = readFrameHeader(reader);
    const start = output.length;
    readBlocks(reader, frame, output);
    if (frame.hasSum && reader.u32() !== xxh32(output.since(start)))
      throw new CompressionFault('an lz4 frame must have its checksum');
    if (frame.byteLength !== undefined && frame.byteLength !== BigInt(output.length - start)) {
      throw new CompressionFault('an lz4 frame must have the length it states');
    }
  }
  return output.since(0);
}
