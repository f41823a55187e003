import { invariant } from '../../assert.ts';
import type { ByteSource } from '../../bytes/source.ts';
import { type DType, elementByteLength, elementCount, isFloat } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, Format, OpenCheckpoint, TensorEntry, UnreadTensor } from '../format.ts';
import { dequantize, type Quantizer } from '../pytorch/dequantize.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import { closeFiles, readVerbatim } from '../verbatim.ts';
import { openFlatbuffer } from './flatbuffer.ts';
import { type ModelTensor, readModel } from './model.ts';

const IDENTIFIER = 'TFL3';

/** By TensorType (schema.fbs). Texts, resources and codes of four bits are missing. */
const TYPES: ReadonlyMap<number, DType> = new Map([
  [0, 'f32'],
  [1, 'f16'],
  [2, 'i32'],
  [3, 'u8'],
  [4, 'i64'],
  [6, 'bool'],
  [7, 'i16'],
  [8, 'c64'],
  [9, 'i8'],
  [10, 'f64'],
  [11, 'c128'],
  [12, 'u64'],
  [15, 'u32'],
  [16, 'u16'],
  [18, 'bf16'],
]);
/** Types whose codes are dequantised. */
const CODES: ReadonlySet<DType> = new Set(['i8', 'u8', 'i32']);

/** A tensor that is read: the type of its stored elements, and how codes become numbers. */
interface Stored {
  readonly model: ModelTensor;
  readonly dtype: DType;
  readonly quantizer?: Quantizer;
}

function toQuantizer(model: ModelTensor, dtype: DType): Quantizer | undefined {
  const { quantization, shape } = model;
  if (quantization === undefined || !CODES.has(dtype)) return undefined;
  const { scales, zeroPoints, axis } = quantization;
  if (scales.length === 1) return { scales, zeroPoints, runLength: Math.max(1, elementCount(shape)) };
  if (axis >= 0 && shape[axis] === scales.length) {
    return { scales, zeroPoints, runLength: elementCount(shape.slice(axis + 1)) };
  }
  throw badFile('tflite', `${JSON.stringify(model.name)} must have a scale for each slice of an axis`, model.offset);
}

function toStored(model: ModelTensor): Stored | string {
  const dtype = TYPES.get(model.type);
  if (dtype === undefined) return `the TensorFlow Lite type ${model.type} is not read`;
  if (model.isSparse) return 'it is stored sparse';
  if (model.byteLength !== elementCount(model.shape) * elementByteLength(dtype)) {
    throw badFile('tflite', `${JSON.stringify(model.name)} must have as many bytes as its shape says`, model.offset);
  }
  if (dtype === 'i16' && model.quantization !== undefined) return 'its codes have 16 bits';
  const quantizer = toQuantizer(model, dtype);
  return quantizer === undefined ? { model, dtype } : { model, dtype, quantizer };
}

/** Shapes, axes and scalars that a graph computes with are no weights. */
function roleOf(name: string, dtype: DType, count: number): TensorEntry['role'] {
  return count < 2 || !isFloat(dtype) ? 'state' : classifyRole(name, dtype);
}

function toEntry({ model, dtype, quantizer }: Stored, name: string): TensorEntry {
  const { shape, offset, byteLength, toCanonical } = model;
  const readAs = quantizer === undefined ? dtype : 'f32';
  return {
    name,
    dtype: readAs,
    shape,
    role: roleOf(name, readAs, elementCount(shape)),
    ...(quantizer === undefined ? { at: { file: 0, offset, byteLength } } : {}),
    ...(quantizer !== undefined && (dtype === 'i8' || dtype === 'u8')
      ? { codes: { file: 0, offset, byteLength, form: dtype } }
      : {}),
    ...(toCanonical === undefined ? {} : { toCanonical }),
  };
}

function readCodes(source: ByteSource, { model, dtype, quantizer }: Stored): AsyncIterable<Uint8Array> {
  invariant(quantizer !== undefined, `${model.name} is stored as codes`);
  return dequantize(source.stream(model.offset, model.byteLength), dtype, quantizer);
}

async function openTflite(primary: ByteSource, fileName: string): Promise<OpenCheckpoint> {
  const { tensors: models, declared } = await readModel(openFlatbuffer(primary));
  const names = uniqueNames(models.map(({ name }) => name));
  const stored = new Map<string, Stored>();
  const unread: UnreadTensor[] = [];
  for (const [i, model] of models.entries()) {
    const name = names[i] ?? '';
    const found = toStored(model);
    if (typeof found === 'string') unread.push({ name, reason: found });
    else stored.set(name, found);
  }
  const files: readonly CheckpointFile[] = [{ name: fileName, source: primary }];
  return {
    format: 'tflite',
    files,
    tensors: [...stored].map(([name, tensor]) => toEntry(tensor, name)),
    declared: toDeclared(declared),
    ...(unread.length === 0 ? {} : { unread }),
    readTensor(entry) {
      const tensor = stored.get(entry.name);
      invariant(tensor !== undefined, `${entry.name} is a tensor of this checkpoint`);
      return entry.at === undefined ? readCodes(primary, tensor) : readVerbatim(files, entry);
    },
    close: () => closeFiles(files),
  };
}

/** TensorFlow Lite. */
export const tflite: Format = {
  name: 'tflite',
  matches: (head, fileName) =>
    Buffer.from(head.subarray(4, 8)).toString('latin1') === IDENTIFIER || /\.tflite$/i.test(fileName),
  open(primary, files) {
    if (primary.byteLength < 8) throw badFile('tflite', 'there must be a root table', 0);
    return openTflite(primary, files.primary);
  },
};
