import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { badFile } from '../bad-file.ts';
import { CompressionFault, decodeBzip2, decodeLz4, decodeLzmaAlone, decodeXz } from '../compression/index.ts';
import { MAX_PICKLE_BYTES } from '../pickle/index.ts';

/** Small files may hold many equal numbers; weights hardly shrink. */
const FREE_BYTES = 16 * 1024 * 1024;
const MAX_INFLATION = 16;

/** The header of joblib before 0.10: `ZF` and the plain length in hexadecimal, padded to 19 characters. */
const OLD_HEADER_BYTES = 21;

export type Compression = 'gzip' | 'zlib' | 'joblib' | 'bzip2' | 'xz' | 'lzma' | 'lz4' | 'zstd';

/** First bytes, in hexadecimal. */
const SIGNS: readonly (readonly [Compression, RegExp])[] = [
  ['gzip', /^1f8b08/],
  ['zlib', /^78(01|5e|9c|da)/],
  ['joblib', /^5a463078/],
  ['bzip2', /^425a683[1-9]/],
  ['xz', /^fd377a585a00/],
  ['lzma', /^5d0000/],
  ['lz4', /^04224d18/],
  ['zstd', /^28b52ffd/],
];

/** Finds how a file is compressed by its first bytes; `undefined` when it is not. */
export function findCompression(head: Uint8Array): Compression | undefined {
  const hex = Buffer.from(head.subarray(0, 8)).toString('hex');
  return SIGNS.find(([, sign]) => sign.test(hex))?.[0];
}

const INFLATERS = { gunzip: promisify(gunzip), inflate: promisify(inflate) };

/** How many bytes may come out of a file. */
function limitOf(bytes: Uint8Array): number {
  return Math.min(MAX_PICKLE_BYTES, FREE_BYTES + MAX_INFLATION * bytes.byteLength);
}

async function inflateWith(name: keyof typeof INFLATERS, bytes: Uint8Array, start: number): Promise<Uint8Array> {
  const maxOutputLength = limitOf(bytes);
  try {
    return await INFLATERS[name](bytes.subarray(start), { maxOutputLength });
  } catch (cause) {
    const isTooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    const rule = isTooLarge
      ? `it must not inflate to over ${maxOutputLength} bytes`
      : 'the compressed bytes must inflate';
    throw badFile('pickle', rule, start, cause);
  }
}

async function inflateOld(bytes: Uint8Array): Promise<Uint8Array> {
  const header = Buffer.from(bytes.subarray(0, OLD_HEADER_BYTES)).toString('latin1');
  const stated = Number.parseInt(header.slice(2), 16);
  // Up to 0.8.4 Python 2 wrote one more space.
  const start = OLD_HEADER_BYTES + Number(bytes[OLD_HEADER_BYTES] === 0x20);
  const plain = await inflateWith('inflate', bytes, start);
  if (plain.byteLength !== stated) throw badFile('pickle', 'it must inflate to the length that its header states', 0);
  return plain;
}

type Decoder = (bytes: Uint8Array, limit: number) => Uint8Array | Promise<Uint8Array>;

async function decodeWith(decode: Decoder, bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await decode(bytes, limitOf(bytes));
  } catch (error) {
    if (error instanceof CompressionFault) throw badFile('pickle', error.rule, 0, error);
    throw error;
  }
}

/**
 * Inflates a file in memory.
 *
 * @throws BadFileError when the bytes are damaged, would fill the memory, or are compressed in a way that is not read.
 */
export async function decompress(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  switch (compression) {
    case 'gzip':
      return inflateWith('gunzip', bytes, 0);
    case 'zlib':
      return inflateWith('inflate', bytes, 0);
    case 'joblib':
      return inflateOld(bytes);
    case 'bzip2':
      return decodeWith(decodeBzip2, bytes);
    case 'xz':
      return decodeWith(decodeXz, bytes);
    case 'lzma':
      return decodeWith(decodeLzmaAlone, bytes);
    case 'lz4':
      return decodeWith(decodeLz4, bytes);
    case 'zstd':
      throw badFile('pickle', `it is compressed with ${compression}, which is not read`, 0);
  }
}
