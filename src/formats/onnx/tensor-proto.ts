import { BinaryReader } from '@bufbuild/protobuf/wire';
import { isInsideName } from '../../bytes/directory-files.ts';
import { badFile } from '../bad-file.ts';
import type { Field, Message, ProtoFile } from './fields.ts';

/** Dimensions are numbers below 2^53 of tensors with few axes. */
const MAX_RANK = 64;

/** Bytes in a file beside the model. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly byteLength: number | undefined;
}

/** One tensor as the model states it. Its values are raw, typed or external; of typed ones there may be several stretches. */
export interface TensorProto {
  readonly offset: number;
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly raw?: Message;
  /** Number of the field (`float_data`...), and where its values are: packed, or one by one. */
  readonly typed: readonly { readonly number: number; readonly place: Message }[];
  readonly external?: ExternalData;
}

/** Field numbers of TensorProto (onnx.proto). */
const DIMS = 1;
const DATA_TYPE = 2;
const SEGMENT = 3;
const NAME = 8;
const RAW = 9;
const EXTERNAL = 13;
const LOCATION = 14;
/** float, int32, int64, double and uint64 data. */
const TYPED = new Set([4, 5, 7, 10, 11]);

interface Draft {
  name: string;
  readonly dims: number[];
  dataType: number;
  isExternal: boolean;
  raw?: Message;
  readonly typed: { readonly number: number; readonly place: Message }[];
  readonly entries: Map<string, string>;
}

function toSize(value: bigint, offset: number): number {
  const size = Number(value);
  if (size >= 0 && Number.isSafeInteger(size)) return size;
  throw badFile('onnx', 'a dimension must be a whole number', offset);
}

async function readDims(proto: ProtoFile, field: Field): Promise<readonly number[]> {
  if (field.kind === 'number') return [toSize(field.value, field.offset)];
  if (field.byteLength > MAX_RANK * 10)
    throw badFile('onnx', `a tensor must not have over ${MAX_RANK} axes`, field.offset);
  const reader = new BinaryReader(await proto.source.read(field.offset, field.byteLength));
  const dims: number[] = [];
  try {
    while (reader.pos < reader.len) dims.push(toSize(BigInt(reader.int64()), field.offset));
  } catch (error) {
    throw badFile('onnx', 'dimensions must be whole numbers', field.offset, error);
  }
  return dims;
}

async function readEntry(proto: ProtoFile, message: Message): Promise<readonly [string, string]> {
  let [key, value] = ['', ''];
  for await (const field of proto.fields(message)) {
    if (field.kind !== 'bytes') continue;
    if (field.number === 1) key = await proto.readText(field);
    if (field.number === 2) value = await proto.readText(field);
  }
  return [key, value];
}

/** A field whose bytes are values: one number alone has no length before it. */
function typedPlace(field: Field): Message {
  if (field.kind !== 'number') return { offset: field.offset, byteLength: field.byteLength };
  throw badFile('onnx', 'typed values must be packed', field.offset);
}

async function readNumber(proto: ProtoFile, draft: Draft, field: Field): Promise<void> {
  if (field.number === DIMS) draft.dims.push(...(await readDims(proto, field)));
  if (field.kind !== 'number') return;
  if (field.number === DATA_TYPE) draft.dataType = Number(field.value);
  if (field.number === LOCATION) draft.isExternal = field.value === 1n;
}

async function readField(proto: ProtoFile, draft: Draft, field: Field): Promise<void> {
  await readNumber(proto, draft, field);
  if (TYPED.has(field.number)) draft.typed.push({ number: field.number, place: typedPlace(field) });
  if (draft.dims.length > MAX_RANK) throw badFile('onnx', `a tensor must not have over ${MAX_RANK} axes`, field.offset);
  if (field.kind !== 'bytes') return;
  if (field.number === NAME) draft.name = await proto.readText(field);
  if (field.number === RAW) draft.raw = { offset: field.offset, byteLength: field.byteLength };
  if (field.number === EXTERNAL) draft.entries.set(...(await readEntry(proto, field)));
  if (field.number === SEGMENT) throw badFile('onnx', 'a tensor must not be in segments', field.offset);
}

function toWholeNumber(text: string | undefined, what: string, offset: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badFile('onnx', `the ${what} of external data must be a whole number`, offset);
}

function toExternal(draft: Draft, offset: number): ExternalData {
  const location = draft.entries.get('location') ?? '';
  if (!isInsideName(location)) throw badFile('onnx', 'external data must be in a file beside the model', offset);
  return {
    location,
    offset: toWholeNumber(draft.entries.get('offset'), 'offset', offset) ?? 0,
    byteLength: toWholeNumber(draft.entries.get('length'), 'length', offset),
  };
}

/**
 * Reads a TensorProto without its values.
 *
 * @throws BadFileError one for each rule.
 */
export async function readTensorProto(proto: ProtoFile, message: Message): Promise<TensorProto> {
  const draft: Draft = { name: '', dims: [], dataType: 0, isExternal: false, typed: [], entries: new Map() };
  for await (const field of proto.fields(message)) await readField(proto, draft, field);
  const { name, dims, dataType, raw, typed } = draft;
  const tensor = { offset: message.offset, name, dims, dataType, typed, ...(raw === undefined ? {} : { raw }) };
  return draft.isExternal ? { ...tensor, external: toExternal(draft, message.offset) } : tensor;
}
