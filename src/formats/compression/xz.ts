import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import { crc64 } from './crc64.ts';
import { LzmaDecoder as Decoder, type LzmaDecoder, parseLzmaProperties } from './lzma.ts';
import { CompressionFault, Output } from './output.ts';

const UNKNOWN_LENGTH = 2n ** 64n - 1n;
const HEADER_MAGIC = 'fd377a585a00';
const FOOTER_MAGIC = 'YZ';
const LZMA2 = 0x21;

/**
 * Decodes a file of LZMA alone, as `xz --format=lzma` and Python's FORMAT_ALONE write it.
 *
 * @throws CompressionFault
 */
export function decodeLzmaAlone(bytes: Uint8Array, limit: number): Uint8Array {
  const reader = new ByteReader(bytes);
  const properties = parseLzmaProperties(reader.u8());
  reader.u32();
  const stated = reader.u64();
  const isMarked = stated === UNKNOWN_LENGTH;
  if (!isMarked && stated > BigInt(limit)) throw new CompressionFault(`it must not inflate to over ${limit} bytes`);
  const output = new Output(limit);
  const end = isMarked ? Number.POSITIVE_INFINITY : Number(stated);
  new Decoder(properties).decode(bytes, reader.position, output, 0, end);
  if (!isMarked && output.length !== end) throw new CompressionFault('lzma must have the length it states');
  return output.since(0);
}

interface Lzma2State {
  decoder: LzmaDecoder | undefined;
  dictionaryStart: number;
}

/** One chunk of LZMA2 (xz's lzma2_decoder): what of the state begins anew is in its control byte. False at the end. */
function readChunk(
  reader: ByteReader,
  output: Output,
  state: Lzma2State,
  propertiesByte: { value: number | undefined },
): boolean {
  const control = reader.u8();
  if (control === 0) return false;
  const resetsDictionary = control === 1 || control >= 0xe0;
  if (resetsDictionary) state.dictionaryStart = output.length;
  if (control < 0x80) {
    if (control > 2) throw new CompressionFault('an lzma2 chunk must have a known control byte');
    output.append(reader.take(256 * reader.u8() + reader.u8() + 1));
    return true;
  }
  const byteLength = ((control & 0x1f) << 16) + 256 * reader.u8() + reader.u8() + 1;
  const storedLength = 256 * reader.u8() + reader.u8() + 1;
  if (control >= 0xc0) propertiesByte.value = reader.u8();
  if (control >= 0xa0) state.decoder = newDecoder(propertiesByte.value);
  if (state.decoder === undefined) throw new CompressionFault('the first lzma2 chunk must set its state');
  const chunk = reader.take(storedLength);
  const { position, isMarked } = state.decoder.decode(
    chunk,
    0,
    output,
    state.dictionaryStart,
    output.length + byteLength,
  );
  if (isMarked || position !== storedLength)
    throw new CompressionFault('an lzma2 chunk must have the lengths it states');
  return true;
}

function newDecoder(propertiesByte: number | undefined): LzmaDecoder {
  if (propertiesByte === undefined) throw new CompressionFault('the first lzma2 chunk must set its properties');
  return new Decoder(parseLzmaProperties(propertiesByte));
}

function readLzma2(reader: ByteReader, output: Output): void {
  const state: Lzma2State = { decoder: undefined, dictionaryStart: output.length };
  const properties: { value: number | undefined } = { value: undefined };
  while (readChunk(reader, output, state, properties));
}

/** A number of seven bits a byte, at most nine bytes. */
function readVarint(reader: ByteReader): number {
  let value = 0;
  for (let i = 0; i < 9; i += 1) {
    const byte = reader.u8();
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new CompressionFault('a number of xz must not be over nine bytes');
}

function expectCrc(bytes: Uint8Array, stated: number, of: string): void {
  if (crc32(bytes) !== stated) throw new CompressionFault(`the ${of} must have its checksum`);
}

/** Only the filter LZMA2 by itself is read: nothing else is used for data that are no programs, but for delta. */
function readBlockHeader(reader: ByteReader, firstByte: number): void {
  const header = reader.bytes.subarray(reader.position - 1, reader.position - 1 + (firstByte + 1) * 4);
  reader.position -= 1;
  reader.take(header.byteLength);
  const fields = new ByteReader(header.subarray(0, -4), 1);
  expectCrc(header.subarray(0, -4), new ByteReader(header.subarray(-4)).u32(), 'xz block header');
  const flags = fields.u8();
  if ((flags & 3) !== 0) throw new CompressionFault('an xz block must be compressed by LZMA2 alone');
  if ((flags & 0x40) !== 0) readVarint(fields);
  if ((flags & 0x80) !== 0) readVarint(fields);
  if (readVarint(fields) !== LZMA2) throw new CompressionFault('an xz block must be compressed by LZMA2 alone');
}

/** Bytes of the checksum behind each block, by its type. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

function checkBlock(type: number, plain: Uint8Array, stated: Uint8Array): void {
  const hex = Buffer.from(stated).toString('hex');
  const found = new Map<number, () => string>([
    [1, () => Buffer.from(Uint32Array.of(crc32(plain)).buffer).toString('hex')],
    [4, () => Buffer.from(BigUint64Array.of(crc64(plain)).buffer).toString('hex')],
    [10, () => createHash('sha256').update(plain).digest('hex')],
  ]).get(type);
  if (found !== undefined && found() !== hex) throw new CompressionFault('an xz block must have its checksum');
}

function pad(reader: ByteReader, start: number): void {
  while ((reader.position - start) % 4 !== 0)
    if (reader.u8() !== 0) throw new CompressionFault('padding must be zeros');
}

/** One stream: header, blocks, index, footer (The .xz File Format 1.2.1). */
function readStream(reader: ByteReader, output: Output): void {
  const start = reader.position;
  const header = reader.take(12);
  if (Buffer.from(header.subarray(0, 6)).toString('hex') !== HEADER_MAGIC) {
    throw new CompressionFault('an xz stream must begin with its sign');
  }
  expectCrc(header.subarray(6, 8), new ByteReader(header, 8).u32(), 'xz header');
  const type = (header[7] ?? 0) & 15;
  for (let first = reader.u8(); first !== 0; first = reader.u8()) {
    readBlockHeader(reader, first);
    const from = output.length;
    readLzma2(reader, output);
    pad(reader, start);
    checkBlock(type, output.since(from), reader.take(CHECK_BYTES[type] ?? 0));
  }
  skipIndex(reader, start);
  const footer = reader.take(12);
  if (Buffer.from(footer.subarray(10)).toString('latin1') !== FOOTER_MAGIC) {
    throw new CompressionFault('an xz stream must end with its sign');
  }
}

function skipIndex(reader: ByteReader, start: number): void {
  const from = reader.position - 1;
  for (let left = readVarint(reader); left > 0; left -= 1) {
    readVarint(reader);
    readVarint(reader);
  }
  pad(reader, start);
  expectCrc(reader.bytes.subarray(from, reader.position), reader.u32(), 'xz index');
}

/**
 * Decodes xz: streams one behind the other, with zeros between them.
 *
 * @throws CompressionFault
 */
export function decodeXz(bytes: Uint8Array, limit: number): Uint8Array {
  const output = new Output(limit);
  const reader = new ByteReader(bytes);
  while (reader.left > 0) {
    readStream(reader, output);
    while (reader.left >= 4 && reader.bytes[reader.position] === 0) pad4(reader);
  }
  return output.since(0);
}

function pad4(reader: ByteReader): void {
  if (reader.u32() !== 0) throw new CompressionFault('padding must be zeros');
}
