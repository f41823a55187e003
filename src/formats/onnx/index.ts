import { invariant } from '../../assert.ts';
import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { type DType, elementByteLength, elementCount, isFloat } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, FileRange, Format, OpenCheckpoint, TensorEntry, UnreadTensor } from '../format.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import { closeFiles, readVerbatim } from '../verbatim.ts';
import { openSiblings } from '../weight-map.ts';
import { type Dequantized, findDequantized, readDequantized } from './dequantized.ts';
import { type ElementType, findElementType } from './element-types.ts';
import { openProto } from './fields.ts';
import { type ModelContent, type ModelTensor, readModel } from './graph.ts';
import type { TensorProto } from './tensor-proto.ts';
import { readValues, type StoredValues } from './values.ts';

/** The tag of `ir_version`, the first field that every exporter writes, and tags of those that come next. */
const IR_VERSION_TAG = 0x08;
const MAX_IR_VERSION = 64;
const NEXT_TAGS = new Set([0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72]);
const TEXT = /^\s*(ir_version\s*:|producer_name\s*:|graph\s*[:{]|opset_import\s*[:{]|model_version\s*:)/;

/** Bytes of nibbles are half as many as the values, rounded up. */
function storedByteLength(type: ElementType, count: number): number {
  return type.isNibble ? Math.ceil(count / 2) : count * elementByteLength(type.dtype);
}

function wrongLength(name: string, tensor: TensorProto): Error {
  return badFile('onnx', `${JSON.stringify(name)} must have as many bytes as its shape says`, tensor.offset);
}

/** Places what is in a file beside the model. */
function placeExternal(
  tensor: TensorProto,
  name: string,
  byteLength: number,
  files: readonly CheckpointFile[],
): FileRange {
  const { location = '', offset = 0, byteLength: stated } = tensor.external ?? {};
  const file = files.findIndex((candidate, i) => i > 0 && candidate.name === location);
  const available = files[file]?.source.byteLength ?? 0;
  const isWhole = stated === undefined || stated === byteLength;
  if (!isWhole || offset + byteLength > available) throw wrongLength(name, tensor);
  return { file, offset, byteLength };
}

function placeTyped(tensor: TensorProto, name: string, type: ElementType, count: number): StoredValues {
  const mine = tensor.typed.filter(({ number }) => number === type.typedField).map(({ place }) => place);
  const ranges = mine.map(({ offset, byteLength }) => ({ file: 0, offset, byteLength }));
  const total = ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const isVarint = !type.isTypedPlain;
  if (isVarint && ranges.length > 1) throw badFile('onnx', 'typed values must be packed', tensor.offset);
  const wanted = type.isNibble ? Math.ceil(count / 2) : count;
  if (isVarint ? total < wanted : total !== storedByteLength(type, count)) throw wrongLength(name, tensor);
  return { name, type, count, ranges, isVarint };
}

function placeValues(
  tensor: TensorProto,
  name: string,
  type: ElementType,
  files: readonly CheckpointFile[],
): StoredValues {
  const count = elementCount(tensor.dims);
  if (!Number.isSafeInteger(count * 16)) throw wrongLength(name, tensor);
  const byteLength = storedByteLength(type, count);
  const verbatim = (range: FileRange): StoredValues => ({ name, type, count, ranges: [range], isVarint: false });
  if (tensor.external !== undefined) return verbatim(placeExternal(tensor, name, byteLength, files));
  if (tensor.raw === undefined) return placeTyped(tensor, name, type, count);
  if (tensor.raw.byteLength !== byteLength) throw wrongLength(name, tensor);
  return verbatim({ file: 0, ...tensor.raw });
}

/** A tensor that is read, under its name. */
interface Readable {
  readonly model: ModelTensor;
  readonly name: string;
  readonly values: StoredValues;
  readonly dequantized?: Dequantized;
}

function visibleDtype({ values, dequantized }: Readable): DType {
  return dequantized === undefined ? values.type.dtype : 'f32';
}

/** Scalars that a graph computes with (an epsilon, a factor), scales and zero points are no weights. */
function roleOf(tensor: Readable, { quantized }: ModelContent): TensorEntry['role'] {
  const { model, name, values } = tensor;
  const dtype = visibleDtype(tensor);
  if (quantized.parameters.has(model.name)) return 'state';
  if (model.isConstant && (values.count < 2 || !isFloat(dtype))) return 'state';
  return classifyRole(name, dtype);
}

/** Where the elements stand one by one, in one piece. */
function findPlain({ values }: Readable): FileRange | undefined {
  const isPlain = !values.isVarint && !values.type.isNibble && values.ranges.length === 1;
  return isPlain ? values.ranges[0] : undefined;
}

function placesOf(tensor: Readable): Pick<TensorEntry, 'at' | 'codes'> {
  const range = findPlain(tensor);
  const { dtype } = tensor.values.type;
  if (range === undefined) return {};
  if (tensor.dequantized === undefined) return { at: range };
  return dtype === 'i8' || dtype === 'u8' ? { codes: { ...range, form: dtype } } : {};
}

function toEntry(tensor: Readable, content: ModelContent): TensorEntry {
  const shape = tensor.model.tensor.dims;
  const isInOut = content.isInOut.get(tensor.model.name) === true;
  return {
    name: tensor.name,
    dtype: visibleDtype(tensor),
    shape,
    role: roleOf(tensor, content),
    ...placesOf(tensor),
    ...(isInOut && shape.length === 2 ? { toCanonical: [1, 0] } : {}),
  };
}

/** Values by the names that operators use; one that several graphs use for different tensors stands for none. */
function valuesByName(tensors: readonly Readable[]): ReadonlyMap<string, StoredValues | undefined> {
  const byName = new Map<string, StoredValues | undefined>();
  for (const { model, values } of tensors) byName.set(model.name, byName.has(model.name) ? undefined : values);
  return byName;
}

function withDequantized(tensors: readonly Readable[], { quantized }: ModelContent): readonly Readable[] {
  const byName = valuesByName(tensors);
  return tensors.map((tensor) => {
    const { model, values } = tensor;
    if (byName.get(model.name) === undefined) return tensor;
    const use = quantized.uses.get(model.name);
    const dequantized = findDequantized(values, model.tensor.dims, use, (name) => byName.get(name));
    return dequantized === undefined ? tensor : { ...tensor, dequantized };
  });
}

function toCheckpoint(content: ModelContent, files: readonly CheckpointFile[], primary: ByteSource): OpenCheckpoint {
  const names = uniqueNames(content.tensors.map(({ name }) => name));
  const found: Readable[] = [];
  const unread: UnreadTensor[] = [];
  for (const [i, model] of content.tensors.entries()) {
    const name = names[i] ?? '';
    const type = findElementType(model.tensor.dataType);
    if (type === undefined) unread.push({ name, reason: `the ONNX data type ${model.tensor.dataType} is not read` });
    else found.push({ model, name, values: placeValues(model.tensor, name, type, files) });
  }
  const tensors = withDequantized(found, content);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const read = (values: StoredValues) => readValues(files, primary, values);
  return {
    format: 'onnx',
    files,
    tensors: tensors.map((tensor) => toEntry(tensor, content)),
    declared: toDeclared(content.declared),
    ...(unread.length === 0 ? {} : { unread }),
    readTensor(entry) {
      const tensor = byName.get(entry.name);
      invariant(tensor !== undefined, `${entry.name} is a tensor of this checkpoint`);
      if (tensor.dequantized !== undefined) return readDequantized(tensor.values, tensor.dequantized, read);
      return entry.at === undefined ? read(tensor.values) : readVerbatim(files, entry);
    },
    close: () => closeFiles(files),
  };
}

async function openOnnx(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const head = await primary.read(0, Math.min(256, primary.byteLength));
  if (TEXT.test(Buffer.from(head).toString('latin1'))) {
    throw badFile('onnx', 'the model must be binary protobuf, not protobuf text', 0);
  }
  const content = await readModel(openProto(primary));
  const locations = content.tensors.flatMap(({ tensor: { external } }) =>
    external === undefined ? [] : [external.location],
  );
  const siblings = await openSiblings(files, [...new Set(locations)], 'onnx');
  try {
    return toCheckpoint(content, [{ name: files.primary, source: primary }, ...siblings], primary);
  } catch (error) {
    await closeFiles(siblings);
    throw error;
  }
}

/** ONNX, with data in the file or beside it. */
export const onnx: Format = {
  name: 'onnx',
  matches(head, fileName) {
    const [first, version = 0, next = 0] = head;
    const isBinary = first === IR_VERSION_TAG && version > 0 && version <= MAX_IR_VERSION && NEXT_TAGS.has(next);
    return (
      isBinary ||
      /\.(onnx|onnxtxt)$/i.test(fileName) ||
      TEXT.test(Buffer.from(head.subarray(0, 256)).toString('latin1'))
    );
  },
  open: openOnnx,
};
