import type { ByteSource } from '../../bytes/source.ts';
import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import { shareShape } from '../../tensors/shared-shapes.ts';
import { badFile } from '../bad-file.ts';
import { decodeUtf8, findDuplicateKey, isJsonObject, isShape, type JsonObject, parseJson } from '../json.ts';
import { parseSafetensorsDtype } from './dtypes.ts';
import { RecentHeaders } from './recent-headers.ts';

/** The length that comes before the header, a little-endian u64. */
export const PREFIX_BYTES = 8;
/** The format's own limit: whoever reads a header must hold it in memory. */
export const MAX_HEADER_BYTES = 100_000_000;

/** One tensor as the header states it; `begin` and `end` count from the first byte behind the header. */
export interface HeaderTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A header whose every rule was checked. */
export interface SafetensorsHeader {
  /** Where the tensors' bytes begin in the file. */
  readonly dataOffset: number;
  /** In file order; without holes and overlaps, from 0 to the end of the file. */
  readonly tensors: readonly HeaderTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const fail = (rule: string, byteOffset: number) => badFile('safetensors', rule, byteOffset);

async function readHeaderLength(source: ByteSource): Promise<number> {
  if (source.byteLength < PREFIX_BYTES) throw fail('it must begin with a header length of 8 bytes', 0);
  const prefix = await source.read(0, PREFIX_BYTES);
  const byteLength = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  if (byteLength > BigInt(MAX_HEADER_BYTES)) throw fail(`the header must not be over ${MAX_HEADER_BYTES} bytes`, 0);
  if (Number(byteLength) > source.byteLength - PREFIX_BYTES) throw fail('the header length must fit the file', 0);
  return Number(byteLength);
}

function parseHeaderObject(bytes: Uint8Array): JsonObject {
  if (bytes[0] !== 0x7b) throw fail('the header must begin with "{"', PREFIX_BYTES);
  const text = decodeUtf8(bytes);
  if (text === undefined) throw fail('the header must be UTF-8', PREFIX_BYTES);
  const header = parseJson(text);
  if (!isJsonObject(header)) throw fail('the header must be a JSON object', PREFIX_BYTES);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw fail(`the header must not have the key ${JSON.stringify(duplicate)} twice`, PREFIX_BYTES);
  }
  return header;
}

function parseMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw fail('__metadata__ must be an object', PREFIX_BYTES);
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') throw fail('the values of __metadata__ must be strings', PREFIX_BYTES);
    return [key, text];
  });
  return Object.fromEntries(entries);
}

function parseDtype(quoted: string, value: unknown): DType {
  if (typeof value !== 'string') throw fail(`tensor ${quoted} must have a dtype`, PREFIX_BYTES);
  const dtype = parseSafetensorsDtype(value);
  if (dtype === undefined) throw fail(`the dtype ${JSON.stringify(value)} of ${quoted} is not supported`, PREFIX_BYTES);
  return dtype;
}

function parseOffsets(quoted: string, value: unknown): readonly [number, number] {
  if (isShape(value) && value.length === 2) {
    const [begin = 0, end = 0] = value;
    if (begin <= end) return [begin, end];
  }
  throw fail(`tensor ${quoted} must have two data_offsets, begin before end`, PREFIX_BYTES);
}

function parseTensor(name: string, value: unknown): HeaderTensor {
  const quoted = JSON.stringify(name);
  if (!isJsonObject(value)) throw fail(`tensor ${quoted} must be an object`, PREFIX_BYTES);
  const dtype = parseDtype(quoted, value.dtype);
  const { shape } = value;
  if (!isShape(shape)) throw fail(`the shape of ${quoted} must be whole numbers`, PREFIX_BYTES);
  const [begin, end] = parseOffsets(quoted, value.data_offsets);
  // A product beyond what a double holds is never equal: no file is that long.
  if (elementCount(shape) * elementByteLength(dtype) !== end - begin) {
    throw fail(`the byte length of ${quoted} must be that of its shape and dtype`, PREFIX_BYTES);
  }
  return { name, dtype, shape: shareShape(shape), begin, end };
}

/** In file order, which is the order of the offsets: JSON objects have none. */
function checkLayout(tensors: HeaderTensor[], dataOffset: number, dataLength: number): void {
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const tensor of tensors) {
    const quoted = JSON.stringify(tensor.name);
    if (tensor.end > dataLength)
      throw fail(`the bytes of ${quoted} must be inside the file`, dataOffset + tensor.begin);
    if (tensor.begin < end) throw fail(`the bytes of ${quoted} must not overlap another's`, dataOffset + tensor.begin);
    if (tensor.begin > end) throw fail(`there must be no hole before ${quoted}`, dataOffset + end);
    end = tensor.end;
  }
  if (end !== dataLength) throw fail('there must be no bytes behind the last tensor', dataOffset + end);
}

const recent = new RecentHeaders<SafetensorsHeader>();

/**
 * Reads a file's header and checks all of it (safetensors README, "Format").
 *
 * @throws BadFileError one for each rule.
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const headerLength = await readHeaderLength(source);
  const text = await source.read(PREFIX_BYTES, headerLength);
  return recent.parse(text, source.byteLength, () => parseHeader(text, source.byteLength));
}

function parseHeader(text: Uint8Array, fileByteLength: number): SafetensorsHeader {
  const header = parseHeaderObject(text);
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  const tensors = entries.map(([name, value]) => parseTensor(name, value));
  const dataOffset = PREFIX_BYTES + text.byteLength;
  checkLayout(tensors, dataOffset, fileByteLength - dataOffset);
  return { dataOffset, tensors, metadata: parseMetadata(header.__metadata__) };
}
