import { memorySource } from '../../bytes/memory-source.ts';
import type { ByteSource } from '../../bytes/source.ts';
import type { ArrayType } from '../numpy/array-type.ts';
import { readArrayHeader } from '../numpy/header.ts';
import { asNode, asText, type PickleObject, type PickleValue } from '../pickle/index.ts';
import type { UnreadTensor } from '../pytorch/rebuild.ts';
import { bigEndianStorage, plainStorage, type Storage } from '../pytorch/storage.ts';
import type { StoredTensor } from '../pytorch/stored-tensor.ts';
import { findPickledArray, findWrapper, readElements, type StatedArray } from './array-values.ts';
import { decompress, findCompression } from './decompress.ts';
import type { PickledValues } from './read-values.ts';

/** A file beside the pickle that holds one array. */
export interface SideFile {
  readonly source: ByteSource;
  /** Its index among the checkpoint's files. */
  readonly file: number;
}

/** Where bytes of the pickle stand: in the file as it is, or in memory where it was compressed. */
export interface PickleBytes {
  readonly bytes: Uint8Array;
  /** Absent when `bytes` are not those of the file. */
  readonly source?: ByteSource;
}

/** Strides in elements: row-major, or its reverse. */
function stridesOf({ shape, isFortran }: Pick<StatedArray, 'shape' | 'isFortran'>): readonly number[] {
  const sizes = isFortran ? shape : shape.toReversed();
  let stride = 1;
  const strides = sizes.map((size) => {
    const own = stride;
    stride *= size;
    return own;
  });
  return isFortran ? strides : strides.reverse();
}

function toTensor(
  array: Pick<StatedArray, 'shape' | 'isFortran'>,
  { dtype, isBigEndian }: ArrayType,
  storage: Storage,
): StoredTensor {
  return {
    typed: { storage: isBigEndian ? bigEndianStorage(storage) : storage, type: { dtype, isQuantized: false } },
    layout: { offset: 0, shape: array.shape, strides: stridesOf(array) },
  };
}

/** Some texts of a pickle are decoded into bytes of their own: those stand nowhere verbatim. */
function storageOf(pickle: PickleBytes, bytes: Uint8Array): Storage {
  const offset = bytes.byteOffset - pickle.bytes.byteOffset;
  const isInside =
    bytes.buffer === pickle.bytes.buffer && offset >= 0 && offset + bytes.byteLength <= pickle.bytes.byteLength;
  return isInside && pickle.source !== undefined
    ? plainStorage(pickle.source, offset, bytes.byteLength, 0)
    : plainStorage(memorySource(bytes), 0, bytes.byteLength);
}

/** Makes a finder of the arrays of a pickle, for {@link PickledValues} whose side files are open. */
export function createArrayFinder(
  pickle: PickleBytes,
  values: PickledValues,
  sides: ReadonlyMap<string, SideFile>,
): (value: PickleValue) => Promise<StoredTensor | UnreadTensor | undefined> {
  return async (value) => {
    const node = asNode(value);
    if (node?.kind !== 'object') return undefined;
    const inline = values.inline.get(node);
    if (inline !== undefined) {
      return 'dtype' in inline.form ? toTensor(inline, inline.form, storageOf(pickle, inline.bytes)) : undefined;
    }
    return (await findInSideFile(node, sides)) ?? findInPickle(pickle, node);
  };
}

function findInPickle(pickle: PickleBytes, node: PickleObject): StoredTensor | UnreadTensor | undefined {
  const array = findPickledArray(node);
  if (array === undefined || 'objects' in array.form) return undefined;
  if ('unread' in array.form) return array.form;
  return toTensor(array, array.form, storageOf(pickle, readElements(array, array.form)));
}

/** joblib before 0.10: `NDArrayWrapper` names an npy file, `ZNDArrayWrapper` the compressed elements of what it describes. */
async function findInSideFile(
  node: PickleObject,
  sides: ReadonlyMap<string, SideFile>,
): Promise<StoredTensor | UnreadTensor | undefined> {
  const plain = findWrapper(node, 'NDArrayWrapper');
  const name = asText((plain ?? findWrapper(node, 'ZNDArrayWrapper'))?.get('filename'));
  if (name === undefined) return undefined;
  const side = sides.get(name);
  if (side === undefined) return { unread: `its file ${JSON.stringify(name)} is missing` };
  return plain === undefined ? readCompressedSide(node, side) : readSide(name, side);
}

async function readSide(name: string, { source, file }: SideFile): Promise<StoredTensor | UnreadTensor> {
  const header = await readArrayHeader({
    format: 'pickle',
    of: ` in ${JSON.stringify(name)}`,
    byteLength: source.byteLength,
    fileOffset: 0,
    readHead: (byteLength) => source.read(0, byteLength),
  });
  if ('reason' in header) return { unread: header.reason.broken.rule };
  return toTensor(header, header, plainStorage(source, header.dataOffset, header.byteLength, file));
}

async function readCompressedSide(
  node: PickleObject,
  { source }: SideFile,
): Promise<StoredTensor | UnreadTensor | undefined> {
  const bytes = await source.read(0, source.byteLength);
  const compression = findCompression(bytes);
  const data = compression === undefined ? bytes : await decompress(bytes, compression);
  const attributes = findWrapper(node, 'ZNDArrayWrapper');
  const state = asNode(attributes?.get('state'));
  const stated = state?.kind === 'tuple' ? { ...state, items: [...state.items, data] } : null;
  const array = findPickledArray({
    kind: 'object',
    callee: { kind: 'global', module: 'numpy', name: '_reconstruct' },
    args: [],
    state: stated,
    items: [],
    entries: [],
  });
  if (array === undefined || 'objects' in array.form) return { unread: 'its elements are objects' };
  if ('unread' in array.form) return array.form;
  const elements = readElements(array, array.form);
  return toTensor(array, array.form, plainStorage(memorySource(elements), 0, elements.byteLength));
}
