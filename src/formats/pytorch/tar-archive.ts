import type { ByteSource } from '../../bytes/source.ts';
import { elementByteLength } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { asCount, asItems, type PickleNode, readPickleAt } from '../pickle/index.ts';
import { type Archive, keyText, parseStorageReference, typeStorage } from './archive.ts';
import { findLayoutFault } from './layout.ts';
import type { Resolved } from './rebuild.ts';
import { plainStorage, sliceStorage, type TypedStorage } from './storage.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { readTarDirectory, type TarMember } from './tar-directory.ts';

/** Reads the numbers and pickles of one member front to back; offsets are the file's. */
interface Reader {
  readonly source: ByteSource;
  position: number;
  readonly end: number;
}

/**
 * Reads the container of PyTorch before 0.2: a tar with `pickle`, `storages` and (for files of PyTorch itself) `tensors`, to which the
 * pickle refers by key.
 *
 * @throws BadFileError when it breaks a rule.
 */
export async function openTarArchive(source: ByteSource): Promise<Archive> {
  const members = await readTarDirectory(source);
  const storages = await readStorages(readerOf(source, memberNamed(members, 'storages')));
  const tensors = members.get('tensors');
  const tensorsByKey = tensors === undefined ? new Map() : await readTensors(readerOf(source, tensors), storages);
  const pickle = memberNamed(members, 'pickle');
  const root = await readPickleAt(source, pickle.offset);
  return {
    root: root.value,
    pickleByteLength: pickle.byteLength,
    dataByteLength: source.byteLength,
    resolveStorage: async (node) => resolveReference(node, storages, tensorsByKey),
  };
}

function memberNamed(members: ReadonlyMap<string, TarMember>, name: string): TarMember {
  const member = members.get(name);
  if (member === undefined) throw badFile('pytorch-tar', `the archive must hold ${name}`);
  return member;
}

function readerOf(source: ByteSource, { offset, byteLength }: TarMember): Reader {
  return { source, position: offset, end: offset + byteLength };
}

async function readNextPickle(reader: Reader) {
  const result = await readPickleAt(reader.source, reader.position);
  reader.position = result.end;
  return result.value;
}

async function readI64(reader: Reader): Promise<number> {
  const bytes = await take(reader, 8);
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true));
}

async function take(reader: Reader, byteLength: number): Promise<Uint8Array> {
  skip(reader, byteLength);
  return reader.source.read(reader.position - byteLength, byteLength);
}

function skip(reader: Reader, byteLength: number): void {
  if (!(byteLength >= 0 && byteLength <= reader.end - reader.position)) {
    throw badFile('pytorch-tar', 'a member must hold what it announces', reader.position);
  }
  reader.position += byteLength;
}

/** `storages`: a count, then each storage's `(key, location, class)`, element count and elements; then the views. */
async function readStorages(reader: Reader): Promise<ReadonlyMap<string, TypedStorage>> {
  const storages = new Map<string, TypedStorage>();
  const count = asCount(await readNextPickle(reader)) ?? 0;
  for (let i = 0; i < count; i += 1) {
    const [key, , storageClass] = asItems(await readNextPickle(reader)) ?? [];
    const name = keyText(key);
    const elementCount = await readI64(reader);
    const storage = plainStorage(reader.source, reader.position, 0, 0);
    const typed = typeStorage(storageClass, storage);
    if (name === undefined || 'unread' in typed || 'typed' in typed) {
      throw badFile('pytorch-tar', 'a storage must have a key and a type that is read', reader.position);
    }
    const byteLength = elementCount * elementByteLength(typed.type.dtype);
    storages.set(name, { type: typed.type, storage: { ...storage, byteLength } });
    skip(reader, byteLength);
  }
  await readViews(reader, storages);
  return storages;
}

/** `(key, root key, offset, element count)` of storages that are parts of others; some writers leave the list out. */
async function readViews(reader: Reader, storages: Map<string, TypedStorage>): Promise<void> {
  if (reader.position >= reader.end) return;
  for (const view of asItems(await readNextPickle(reader)) ?? []) {
    const [key, rootKey, offset, count] = asItems(view) ?? [];
    const root = storages.get(keyText(rootKey) ?? '');
    const name = keyText(key);
    if (root === undefined || name === undefined) throw badFile('pytorch-tar', 'a view must be of a storage');
    const unit = elementByteLength(root.type.dtype);
    const start = (asCount(offset) ?? Number.NaN) * unit;
    const byteLength = (asCount(count) ?? Number.NaN) * unit;
    if (!(start + byteLength <= root.storage.byteLength)) {
      throw badFile('pytorch-tar', 'a view must lie inside its storage');
    }
    storages.set(name, { type: root.type, storage: sliceStorage(root.storage, start, byteLength) });
  }
}

/** `tensors`: a count, then each tensor's `(key, storage key, class)`, rank, shape, strides and offset. */
async function readTensors(
  reader: Reader,
  storages: ReadonlyMap<string, TypedStorage>,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  const count = asCount(await readNextPickle(reader)) ?? 0;
  for (let i = 0; i < count; i += 1) {
    const [key, storageKey] = asItems(await readNextPickle(reader)) ?? [];
    const typed = storages.get(keyText(storageKey) ?? '');
    const name = keyText(key);
    if (typed === undefined || name === undefined) throw badFile('pytorch-tar', 'a tensor must have a storage');
    tensors.set(name, await readTensor(reader, typed));
  }
  return tensors;
}

async function readTensor(reader: Reader, typed: TypedStorage): Promise<StoredTensor> {
  const bytes = await take(reader, 8);
  // The rank is 4 bytes; the other 4 are what was on the writer's stack.
  const rank = new DataView(bytes.buffer, bytes.byteOffset, 8).getUint32(0, true);
  const shape: number[] = [];
  const strides: number[] = [];
  for (let i = 0; i < rank; i += 1) shape.push(await readI64(reader));
  for (let i = 0; i < rank; i += 1) strides.push(await readI64(reader));
  const layout = { offset: await readI64(reader), shape, strides };
  const available = Math.floor(typed.storage.byteLength / elementByteLength(typed.type.dtype));
  const isCounts = [layout.offset, ...shape, ...strides].every((value) => Number.isSafeInteger(value) && value >= 0);
  const fault = isCounts ? findLayoutFault(layout, available) : 'a shape, its strides and offset must be whole numbers';
  if (fault !== undefined) throw badFile('pytorch-tar', fault, reader.position);
  return { typed, layout };
}

/** Old pickles refer to tensors and storages by key; some writers of the same container refer to storages as later ones do. */
function resolveReference(
  node: PickleNode,
  storages: ReadonlyMap<string, TypedStorage>,
  tensors: ReadonlyMap<string, StoredTensor>,
): Resolved | undefined {
  const key = parseStorageReference(node)?.key ?? (node.kind === 'persistent' ? keyText(node.id) : undefined);
  return key === undefined ? undefined : (tensors.get(key) ?? storages.get(key));
}
