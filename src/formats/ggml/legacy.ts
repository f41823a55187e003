import { copyBytes } from '../../bytes/collect.ts';
import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { BadFileError } from '../../errors.ts';
import { elementCount } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { Format, OpenCheckpoint } from '../format.ts';
import { decodeUtf8 } from '../json.ts';
import { type PlacedTensor, toCheckpoint } from './checkpoint.ts';
import { findElementType, storedByteLength } from './element-types.ts';
import { type HeaderCursor, readHeader } from './header-cursor.ts';
import { LEGACY_MAGICS, type LegacyModel, type LegacyPreamble, legacyModels } from './legacy-models.ts';
import type { QuantVersion } from './short-blocks.ts';

const MAX_AXES = 4;
const MAX_NAME_BYTES = 1024;
/** Axes, name length, type. */
const RECORD_BYTES = 12;

const MAGICS: ReadonlySet<number> = new Set(Object.values(LEGACY_MAGICS));

function magicOf(head: Uint8Array): number {
  return head.byteLength < 4 ? 0 : new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true);
}

/** The models that the file may be, and where what they differ in begins. */
function readKind(cursor: HeaderCursor): { readonly models: readonly LegacyModel[]; readonly start: number } {
  const magic = cursor.u32();
  const version = magic === LEGACY_MAGICS.ggml ? 0 : cursor.u32();
  const models = legacyModels(magic, version);
  if (models.length === 0) throw cursor.broken(`the version ${version} of this container is not known`, 4);
  return { models, start: cursor.position };
}

interface Preamble extends LegacyPreamble {
  readonly byteLength: number;
}

function readPreamble(source: ByteSource, model: LegacyModel, start: number): Promise<Preamble> {
  return readHeader(source, 'ggml', (cursor) => {
    cursor.skip(start);
    return { ...model(cursor), byteLength: cursor.position };
  });
}

/** What stands before a tensor's bytes. */
interface TensorRecord {
  readonly name: string;
  readonly shape: readonly number[];
  /** The type's number as this file has it. */
  readonly stated: number;
  readonly byteLength: number;
}

/** Axes, name length and type, then the sizes from the fastest axis to the slowest, and the name. */
async function readRecord(source: ByteSource, offset: number): Promise<TensorRecord> {
  const fail = (rule: string) => badFile('ggml', rule, offset);
  const left = source.byteLength - offset;
  if (left < RECORD_BYTES) throw fail('a tensor must begin with its axes, name and type');
  const words = new DataView(copyBytes(await source.read(offset, RECORD_BYTES)).buffer);
  const axes = words.getUint32(0, true);
  const nameBytes = words.getUint32(4, true);
  if (axes > MAX_AXES) throw fail(`a tensor must not have over ${MAX_AXES} axes`);
  if (nameBytes > MAX_NAME_BYTES) throw fail(`a name must not be over ${MAX_NAME_BYTES} bytes`);
  const byteLength = RECORD_BYTES + 4 * axes + nameBytes;
  if (byteLength > left) throw fail('a tensor must state its shape and name');
  const rest = copyBytes(await source.read(offset + RECORD_BYTES, byteLength - RECORD_BYTES));
  const view = new DataView(rest.buffer);
  const shape = Array.from({ length: axes }, (_, axis) => view.getInt32(4 * axis, true)).reverse();
  if (shape.some((size) => size < 0) || !Number.isSafeInteger(elementCount(shape))) {
    throw fail('a shape must be countable');
  }
  const name = decodeUtf8(rest.subarray(4 * axes));
  if (name === undefined) throw fail('a name must be UTF-8');
  return { name, shape, stated: words.getUint32(8, true), byteLength };
}

/** Reads one tensor's record: its bytes follow, and then the next record. */
async function placeRecord(
  source: ByteSource,
  offset: number,
  preamble: LegacyPreamble,
  version: QuantVersion,
): Promise<PlacedTensor> {
  const fail = (rule: string) => badFile('ggml', rule, offset);
  const record = await readRecord(source, offset);
  const { name, shape } = record;
  const type = findElementType(preamble.typeNumber(record.stated), version);
  if (type === undefined) throw fail(`the element type ${record.stated} is not supported`);
  const byteLength = storedByteLength(type, shape);
  if (byteLength === undefined) throw fail(`the rows of ${JSON.stringify(name)} must be whole blocks of its type`);
  const dataOffset = Math.ceil((offset + record.byteLength) / preamble.alignment) * preamble.alignment;
  if (byteLength > source.byteLength - dataOffset) {
    throw fail(`the bytes of ${JSON.stringify(name)} must be inside the file`);
  }
  return { name, shape, type, file: 0, offset: dataOffset, byteLength };
}

async function readRecords(
  source: ByteSource,
  preamble: Preamble,
  version: QuantVersion,
): Promise<readonly PlacedTensor[]> {
  const placed: PlacedTensor[] = [];
  const names = new Set<string>();
  for (let offset = preamble.byteLength; offset < source.byteLength; ) {
    const tensor = await placeRecord(source, offset, preamble, version);
    if (names.has(tensor.name)) {
      throw badFile('ggml', `the tensor ${JSON.stringify(tensor.name)} must not be there twice`, offset);
    }
    names.add(tensor.name);
    placed.push(tensor);
    offset = tensor.offset + tensor.byteLength;
  }
  if (placed.length === 0) throw badFile('ggml', 'there must be a tensor', preamble.byteLength);
  return placed;
}

interface Reading {
  readonly preamble: Preamble;
  readonly placed: readonly PlacedTensor[];
}

/**
 * These containers do not say which program wrote them: the reading is right by which the records, one after the other, end where
 * the file does. Of the failures the one that came furthest is told.
 */
async function findReading(source: ByteSource): Promise<Reading> {
  const { models, start } = await readHeader(source, 'ggml', readKind);
  let failure: BadFileError | undefined;
  const keepFurthest = (error: unknown) => {
    if (!(error instanceof BadFileError)) throw error;
    if ((error.broken.byteOffset ?? 0) >= (failure?.broken.byteOffset ?? 0)) failure = error;
  };
  for (const model of models) {
    const preamble = await readPreamble(source, model, start).catch(keepFurthest);
    for (const version of preamble?.versions ?? []) {
      if (preamble === undefined) continue;
      const placed = await readRecords(source, preamble, version).catch(keepFurthest);
      if (placed !== undefined) return { preamble, placed };
    }
  }
  throw failure ?? badFile('ggml', 'there must be a model that wsvc knows', 0);
}

async function open(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const { preamble, placed } = await findReading(primary);
  return toCheckpoint('ggml', [{ name: files.primary, source: primary }], placed, toDeclared(preamble.settings));
}

/** The containers before GGUF: ggml, ggmf and ggjt, of llama.cpp, rwkv.cpp, whisper.cpp and ggml's examples. */
export const ggml: Format = {
  name: 'ggml',
  matches: (head) => MAGICS.has(magicOf(head)),
  open,
};
