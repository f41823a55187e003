import type { ByteSource } from '../../bytes/source.ts';
import { elementByteLength } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { asCount, asItems, type PickleNode, type PicklePersistent, readPickleAt } from '../pickle/index.ts';
import {
  type Archive,
  keyText,
  parseStorageReference,
  type StorageReference,
  typeStorage,
  withEmbeddedStorages,
} from './archive.ts';
import { findStorageType } from './element-types.ts';
import type { Resolved } from './rebuild.ts';
import { plainStorage, type Storage, sliceStorage } from './storage.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** Each storage begins with its element count, eight bytes. */
const COUNT_BYTES = 8;

/**
 * Reads a stream of `torch.save` before PyTorch 1.6: magic number, protocol, machine, value and storage keys, each a pickle, then the
 * storages in the order of the keys. Numbers are little-endian on every machine.
 *
 * @param file the index of the file among the checkpoint's; absent for a stream inside a pickle
 * @throws BadFileError when it breaks a rule.
 */
export async function openLegacyStream(source: ByteSource, file?: number): Promise<Archive> {
  const magic = await readPickleAt(source, 0);
  if (magic.value !== MAGIC) throw badFile('pytorch-legacy', 'the file must begin with the magic number', 0);
  const protocol = await readPickleAt(source, magic.end);
  if (protocol.value !== PROTOCOL) throw badFile('pytorch-legacy', `the protocol must be ${PROTOCOL}`, magic.end);
  const machine = await readPickleAt(source, protocol.end);
  const root = await readPickleAt(source, machine.end);
  const keys = await readPickleAt(source, root.end);
  const keyList = asItems(keys.value)?.map(keyText);
  if (!keyList?.every((key) => key !== undefined)) {
    throw badFile('pytorch-legacy', 'the storage keys must be a list of texts', root.end);
  }
  const storages = await locateStorages(source, keys.end, keyList, unitsOf(root.persistent), file);
  const resolve = (node: PickleNode) => Promise.resolve(resolveReference(node, storages));
  return {
    root: root.value,
    pickleByteLength: root.end - machine.end,
    dataByteLength: source.byteLength,
    resolveStorage: withEmbeddedStorages('pytorch-legacy', resolve, (bytes) => openLegacyStream(bytes)),
  };
}

/** Bytes of an element of each storage, which only the references tell. */
function unitsOf(references: readonly PicklePersistent[]): ReadonlyMap<string, number> {
  const units = new Map<string, number>();
  for (const node of references) {
    const reference = parseStorageReference(node);
    const type = findStorageType(reference?.storageClass);
    if (reference !== undefined && type !== undefined && !units.has(reference.key)) {
      units.set(reference.key, elementByteLength(type.dtype));
    }
  }
  return units;
}

async function locateStorages(
  source: ByteSource,
  start: number,
  keys: readonly string[],
  units: ReadonlyMap<string, number>,
  file: number | undefined,
): Promise<ReadonlyMap<string, Storage>> {
  const storages = new Map<string, Storage>();
  let position = start;
  for (const key of keys) {
    const unit = units.get(key);
    if (unit === undefined) throw badFile('pytorch-legacy', 'a storage must have a type that is read', position);
    const byteLength = (await readCount(source, position)) * unit;
    position += COUNT_BYTES;
    if (byteLength > source.byteLength - position) {
      throw badFile('pytorch-legacy', 'a storage must lie inside the file', position - COUNT_BYTES);
    }
    storages.set(key, plainStorage(source, position, byteLength, file));
    position += byteLength;
  }
  return storages;
}

async function readCount(source: ByteSource, position: number): Promise<number> {
  if (position + COUNT_BYTES > source.byteLength) {
    throw badFile('pytorch-legacy', 'every storage key must have its storage', position);
  }
  const bytes = await source.read(position, COUNT_BYTES);
  return Number(new DataView(bytes.buffer, bytes.byteOffset, COUNT_BYTES).getBigUint64(0, true));
}

function resolveReference(node: PickleNode, storages: ReadonlyMap<string, Storage>): Resolved | undefined {
  const reference = parseStorageReference(node);
  if (reference === undefined) return undefined;
  const storage = storages.get(reference.key);
  if (storage === undefined) throw badFile('pytorch-legacy', 'a storage that is used must be in the file');
  return typeStorage(reference.storageClass, viewOf(storage, reference));
}

function viewOf(storage: Storage, { storageClass, view }: StorageReference): Storage {
  const unit = elementByteLength(findStorageType(storageClass)?.dtype ?? 'u8');
  const [, start, count] = asItems(view) ?? [];
  if (start === undefined) return storage;
  const offset = (asCount(start) ?? Number.NaN) * unit;
  const byteLength = (asCount(count) ?? Number.NaN) * unit;
  if (!(offset + byteLength <= storage.byteLength)) {
    throw badFile('pytorch-legacy', 'a view must lie inside its storage');
  }
  return sliceStorage(storage, offset, byteLength);
}
