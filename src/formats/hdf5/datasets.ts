import type { ByteSource } from '../../bytes/source.ts';
import { CHUNK_BYTES } from '../../bytes/source.ts';
import { wholeUnits } from '../../bytes/whole-units.ts';
import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import type { FileRange, UnreadTensor } from '../format.ts';
import { findElementType } from './element-types.ts';
import { readHdf5 } from './engine.ts';
import { type Block, type ListedDataset, LZF } from './protocol.ts';

/** The largest block that is read at a time, unless one row, or one row of chunks, is larger. */
const BLOCK_BYTES = 4 * CHUNK_BYTES;
/** What the library's memory has room for. */
const MAX_BLOCK_BYTES = 256 * 1024 * 1024;
/** Deflate cannot shrink by more than this factor (RFC 1951); the other filters shrink less. */
const FILTER_MAX_RATIO = 1032;
/** Elements that were never written take no room in the file; small datasets of them are honest. */
const FREE_BYTES = 64 * 1024;

/** A dataset that is read as a tensor. */
export interface Hdf5Tensor {
  readonly path: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Axes and chunk of the dataset itself; an array as an element has more axes within. */
  readonly space: readonly number[];
  readonly chunks: readonly number[] | null;
  readonly isSwapped: boolean;
  readonly at?: FileRange;
}

/** The tensors of a file, and the datasets that are none. */
export interface Hdf5Tensors {
  readonly tensors: readonly Hdf5Tensor[];
  readonly unread: readonly UnreadTensor[];
}

/** The dataset's place: from the first element to the last, when they are as far apart as plain elements are. */
function findPlace(dataset: ListedDataset, byteLength: number, fileByteLength: number): FileRange | undefined {
  const { edges, type } = dataset;
  if (edges === undefined || byteLength === 0) return undefined;
  const isWhole = edges.last - edges.first === byteLength - type.size;
  return isWhole && edges.first + byteLength <= fileByteLength
    ? { file: 0, offset: edges.first, byteLength }
    : undefined;
}

/** The filters that are read: deflate, shuffle, fletcher32, szip, n-bit, scale-offset (`H5Zpublic.h`), and LZF. */
const FILTERS = new Set([1, 2, 3, 4, 5, 6, LZF]);

function isPlausible(dataset: ListedDataset, byteLength: number, fileByteLength: number): boolean {
  const ratio = dataset.filters.length === 0 ? 1 : FILTER_MAX_RATIO;
  return Number.isSafeInteger(byteLength) && byteLength <= Math.max(FREE_BYTES, fileByteLength * ratio);
}

function toTensor(dataset: ListedDataset, fileByteLength: number): Hdf5Tensor | UnreadTensor {
  const { path, type } = dataset;
  const found = findElementType(type);
  if ('reason' in found) return { name: path, reason: found.reason };
  const filter = dataset.filters.find((id) => !FILTERS.has(id));
  if (filter !== undefined)
    return { name: path, reason: `its chunks pass the HDF5 filter ${filter}, which is not read` };
  const { dtype, shape, isSwapped } = found;
  const byteLength = elementCount(shape) * elementByteLength(dtype);
  if (!isPlausible(dataset, byteLength, fileByteLength)) {
    return { name: path, reason: 'it claims more bytes than the file can hold' };
  }
  const tensor = { path, dtype, shape, space: type.shape ?? [], chunks: type.chunks, isSwapped };
  const at = isSwapped ? undefined : findPlace(dataset, byteLength, fileByteLength);
  return at === undefined ? tensor : { ...tensor, at };
}

/** Sorts a file's datasets into tensors and others. */
export function toTensors(datasets: readonly ListedDataset[], fileByteLength: number): Hdf5Tensors {
  const tensors: Hdf5Tensor[] = [];
  const unread: UnreadTensor[] = [];
  for (const dataset of datasets) {
    const tensor = toTensor(dataset, fileByteLength);
    if ('reason' in tensor) unread.push(tensor);
    else tensors.push(tensor);
  }
  return { tensors, unread };
}

function byteLengthOf(tensor: Hdf5Tensor): number {
  return elementCount(tensor.shape) * elementByteLength(tensor.dtype);
}

/** How many rows are read at a time: whole chunks, so that none is decoded twice. */
function rowsPerBlock(tensor: Hdf5Tensor, rowBytes: number): number {
  const chunkRows = tensor.chunks?.[0] ?? 1;
  const rows = Math.max(1, Math.floor(BLOCK_BYTES / Math.max(1, rowBytes)));
  const inChunks = Math.max(chunkRows, rows - (rows % chunkRows));
  return inChunks * rowBytes <= MAX_BLOCK_BYTES ? inChunks : rows;
}

function* planBlocks(tensor: Hdf5Tensor): Iterable<Block> {
  const { path, space } = tensor;
  const byteLength = byteLengthOf(tensor);
  const [rows = 1, ...rest] = space;
  if (byteLength <= BLOCK_BYTES || space.length === 0) {
    yield { path: `/${path}`, byteLength };
    return;
  }
  const rowBytes = byteLength / rows;
  const step = rowsPerBlock(tensor, rowBytes);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const start = [row, ...rest.map(() => 0)];
    yield { path: `/${path}`, start, count: [count, ...rest], byteLength: count * rowBytes };
  }
}

async function* readBlocks(source: ByteSource, tensor: Hdf5Tensor): AsyncIterable<Uint8Array> {
  for (const block of planBlocks(tensor)) yield await readHdf5(source, block);
}

/** Reads a tensor's plain bytes through the library. */
export function readDataset(source: ByteSource, tensor: Hdf5Tensor): AsyncIterable<Uint8Array> {
  if (byteLengthOf(tensor) === 0) return readBlocks(source, { ...tensor, space: [] });
  return wholeUnits(readBlocks(source, tensor), elementByteLength(tensor.dtype));
}
