import { memorySource } from '../../bytes/memory-source.ts';
import { elementByteLength } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import type { FormatName, StatedChecksum } from '../format.ts';
import {
  asBytes,
  asCount,
  asItems,
  asNode,
  asText,
  isGlobal,
  type PickleNode,
  type PickleValue,
} from '../pickle/index.ts';
import { findStorageType } from './element-types.ts';
import type { Resolved, StorageResolver } from './rebuild.ts';
import type { Storage } from './storage.ts';

/** A file of PyTorch, whatever its container: a pickled value, and the storages that it refers to. */
export interface Archive {
  readonly root: PickleValue;
  /** Tensors of a scripted module that its code holds. */
  readonly constants?: PickleValue;
  readonly pickleByteLength: number;
  /** Bytes of all storages. */
  readonly dataByteLength: number;
  readonly resolveStorage: StorageResolver;
  /** What a zip archive states for its stored members. */
  readonly checksums?: readonly StatedChecksum[];
}

/** A persistent id: `('storage', class, key, location, element count, view)`. */
export interface StorageReference {
  readonly storageClass: PickleValue | undefined;
  readonly key: string;
  readonly elementCount: number;
  /** Legacy files: `(key, offset, element count)` of a part of the storage. */
  readonly view: PickleValue | undefined;
}

/** Reads a persistent id, or the same tuple where a writer put it plainly, as a reference to a storage; `undefined` for anything else. */
export function parseStorageReference(node: PickleNode): StorageReference | undefined {
  const [type, storageClass, key, , count, view] = asItems(node.kind === 'persistent' ? node.id : node) ?? [];
  const elementCount = asCount(count);
  if (asText(type) !== 'storage' || elementCount === undefined) return undefined;
  const text = keyText(key);
  return text === undefined ? undefined : { storageClass, key: text, elementCount, view };
}

/** Storage keys are texts, in old files also numbers. */
export function keyText(key: PickleValue | undefined): string | undefined {
  return typeof key === 'number' || typeof key === 'bigint' ? String(key) : asText(key);
}

/** Sees a storage as the class of the reference says. */
export function typeStorage(storageClass: PickleValue | undefined, storage: Storage): Resolved {
  const type = findStorageType(storageClass);
  return type === undefined ? { unread: 'the type of its storage is not read' } : { storage, type };
}

/** Bytes of the storage that a reference speaks of; `undefined` when its type is not read. */
export function referencedByteLength({ storageClass, elementCount }: StorageReference): number | undefined {
  const type = findStorageType(storageClass);
  return type === undefined ? undefined : elementCount * elementByteLength(type.dtype);
}

/**
 * Also resolves storages that were pickled without `torch.save`: each is a legacy file inside the pickle.
 *
 * @param openLegacy reads such a file
 */
export function withEmbeddedStorages(
  format: FormatName,
  resolve: StorageResolver,
  openLegacy: (bytes: ReturnType<typeof memorySource>) => Promise<Archive>,
): StorageResolver {
  const opened = new Map<PickleNode, Resolved | undefined>();
  return async (node) => {
    if (node.kind !== 'object' || !isGlobal(node.callee, 'torch.storage', '_load_from_bytes')) return resolve(node);
    if (opened.has(node)) return opened.get(node);
    const bytes = asBytes(node.args[0]);
    if (bytes === undefined) throw badFile(format, 'a storage inside the pickle must be bytes');
    const archive = await openLegacy(memorySource(bytes));
    const root = asNode(archive.root);
    const resolved = root === undefined ? undefined : await archive.resolveStorage(root);
    opened.set(node, resolved);
    return resolved;
  };
}
