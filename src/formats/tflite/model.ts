import { badFile } from '../bad-file.ts';
import type { Flatbuffer, Table } from './flatbuffer.ts';

/** Tensors of large models have some thousands; each takes bytes of its own in an honest file. */
const MAX_TENSORS = 1_000_000;
const MAX_RANK = 32;

/** Codes, and what they stand for: `(code - zeroPoint) * scale`, for all or for each slice of one axis. */
export interface Quantization {
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
  readonly axis: number;
}

/** A tensor that has values in the file. */
export interface ModelTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** TensorType. */
  readonly type: number;
  /** Of its values. */
  readonly offset: number;
  readonly byteLength: number;
  readonly isSparse: boolean;
  readonly quantization?: Quantization;
  readonly toCanonical?: readonly number[];
}

/** Model content: its tensors with values, and what it says about itself. */
export interface Model {
  readonly tensors: readonly ModelTensor[];
  readonly declared: readonly (readonly [string, unknown])[];
}

interface Buffer {
  readonly offset: number;
  readonly byteLength: number;
}

/** Builtin operators by number (schema.fbs), and the axis order of their second input, the filter; kept as (out, kernel, in). */
const FILTER_ORDERS: ReadonlyMap<number, readonly number[]> = new Map([
  [3, [0, 3, 1, 2]],
  // (1, kernel, in x multiplier).
  [4, [3, 0, 1, 2]],
  // To (in, out, kernel), as PyTorch keeps transposed convolutions; the filter is the second input here too.
  [67, [3, 0, 1, 2]],
]);

async function readBuffers(file: Flatbuffer, model: Table): Promise<readonly Buffer[]> {
  const buffers: Buffer[] = [];
  for await (const table of file.tables(await file.vector(model, 4, 4))) {
    const data = await file.vector(table, 0, 1);
    // Files over 2 GiB keep the bytes behind the flatbuffer.
    const far = { offset: await file.number(table, 1, 'u64', 0), byteLength: await file.number(table, 2, 'u64', 0) };
    const buffer = data.length > 0 || far.offset <= 1 ? { offset: data.offset, byteLength: data.length } : far;
    if (buffer.offset + buffer.byteLength > file.source.byteLength) {
      throw badFile('tflite', 'a buffer must end inside the file', table);
    }
    buffers.push(buffer);
  }
  return buffers;
}

function toNumbers(bytes: Uint8Array, read: (view: DataView, at: number) => number, step: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / step }, (_, i) => read(view, i * step));
}

async function readQuantization(file: Flatbuffer, tensor: Table): Promise<Quantization | undefined> {
  const table = await file.table(tensor, 4);
  if (table === undefined) return undefined;
  const scales = await file.vector(table, 2, 4);
  const zeroPoints = await file.vector(table, 3, 8);
  if (scales.length === 0) return undefined;
  if (zeroPoints.length !== 0 && zeroPoints.length !== scales.length && zeroPoints.length !== 1) {
    throw badFile('tflite', 'there must be as many zero points as scales', table);
  }
  const points = toNumbers(await file.bytes(zeroPoints, 8), (view, at) => Number(view.getBigInt64(at, true)), 8);
  return {
    scales: toNumbers(await file.bytes(scales, 4), (view, at) => view.getFloat32(at, true), 4),
    zeroPoints: points.length === scales.length ? points : new Float32Array(scales.length).fill(points[0] ?? 0),
    axis: await file.number(table, 6, 'i32', 0),
  };
}

async function readShape(file: Flatbuffer, tensor: Table): Promise<readonly number[]> {
  const vector = await file.vector(tensor, 0, 4);
  if (vector.length > MAX_RANK) throw badFile('tflite', `a tensor must not have over ${MAX_RANK} axes`, tensor);
  const bytes = await file.bytes(vector, 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: vector.length }, (_, i) => view.getInt32(i * 4, true));
}

async function readTensor(
  file: Flatbuffer,
  table: Table,
  buffers: readonly Buffer[],
  order: readonly number[] | undefined,
): Promise<ModelTensor | undefined> {
  const index = await file.number(table, 2, 'u32', 0);
  const buffer = buffers[index];
  if (buffer === undefined) throw badFile('tflite', 'a tensor must name a buffer', table);
  if (index === 0 || buffer.byteLength === 0) return undefined;
  const shape = await readShape(file, table);
  if (shape.some((size) => size < 0)) throw badFile('tflite', 'a shape must be whole numbers', table);
  const quantization = await readQuantization(file, table);
  return {
    ...buffer,
    name: await file.text(table, 3),
    shape,
    type: await file.number(table, 1, 'i8', 0),
    isSparse: (await file.table(table, 6)) !== undefined,
    ...(quantization === undefined ? {} : { quantization }),
    ...(order?.length === shape.length ? { toCanonical: order } : {}),
  };
}

async function readOperators(file: Flatbuffer, model: Table): Promise<readonly number[]> {
  const codes: number[] = [];
  for await (const table of file.tables(await file.vector(model, 1, 4))) {
    // Numbers over 127 did not fit the first field.
    codes.push(Math.max(await file.number(table, 0, 'i8', 0), await file.number(table, 3, 'i32', 0)));
  }
  return codes;
}

/** Axis orders of the filters of one graph, by tensor index. */
async function readOrders(
  file: Flatbuffer,
  graph: Table,
  operators: readonly number[],
): Promise<ReadonlyMap<number, readonly number[]>> {
  const orders = new Map<number, readonly number[]>();
  for await (const table of file.tables(await file.vector(graph, 3, 4))) {
    const order = FILTER_ORDERS.get(operators[await file.number(table, 0, 'u32', 0)] ?? -1);
    const inputs = await file.vector(table, 1, 4);
    if (order === undefined || inputs.length < 2) continue;
    const bytes = await file.bytes({ offset: inputs.offset + 4, length: 1 }, 4);
    const filter = new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
    orders.set(filter, order);
  }
  return orders;
}

/**
 * Reads a model's tensors without their values (schema.fbs of TensorFlow Lite).
 *
 * @throws BadFileError one for each rule.
 */
export async function readModel(file: Flatbuffer): Promise<Model> {
  const model = await file.root();
  const buffers = await readBuffers(file, model);
  const operators = await readOperators(file, model);
  const tensors: ModelTensor[] = [];
  let visited = 0;
  for await (const graph of file.tables(await file.vector(model, 2, 4))) {
    const orders = await readOrders(file, graph, operators);
    let index = 0;
    for await (const table of file.tables(await file.vector(graph, 0, 4))) {
      visited += 1;
      // A table takes eight bytes at least: more tensors are the same ones over and over.
      if (visited > Math.min(MAX_TENSORS, file.source.byteLength / 8))
        throw badFile('tflite', 'tensors must not overlap', table);
      const tensor = await readTensor(file, table, buffers, orders.get(index));
      if (tensor !== undefined) tensors.push(tensor);
      index += 1;
    }
  }
  const declared = [
    ['version', await file.number(model, 0, 'u32', 0)],
    ['description', await file.text(model, 3)],
  ] as const;
  return { tensors, declared };
}
