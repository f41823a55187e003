import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { MAX_PICKLE_BYTES, type PickleNode, type PickleValue, readPickle } from '../pickle/index.ts';
import { readZipDirectory, readZipEntry, storedChecksums, type ZipEntry } from '../zip/index.ts';
import {
  type Archive,
  parseStorageReference,
  referencedByteLength,
  typeStorage,
  withEmbeddedStorages,
} from './archive.ts';
import { openLegacyStream } from './legacy-stream.ts';
import type { Resolved, StorageResolver } from './rebuild.ts';
import { bigEndianStorage, memberStorage, type Storage } from './storage.ts';

const PICKLE_NAME = 'data.pkl';

/** The members of one archive below its folder, which is named after the file. */
interface Members {
  readonly source: ByteSource;
  /** The index of the file among the checkpoint's. */
  readonly file: number;
  readonly folder: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly isBigEndian: boolean;
}

/**
 * Reads an archive of `torch.save` (since 1.6) or `torch.jit.save`: `data.pkl`, storages as `data/KEY`, and for scripted modules
 * `constants.pkl` with `constants/KEY`.
 *
 * @throws BadFileError when it breaks a rule.
 */
export async function openZipArchive(source: ByteSource, file: number): Promise<Archive> {
  const members = await openMembers(source, file);
  const root = await readMember(members, PICKLE_NAME);
  const hasConstants = members.entries.has(`${members.folder}constants.pkl`);
  const constants = hasConstants ? await readMember(members, 'constants.pkl') : undefined;
  return {
    root: root.value,
    ...(constants === undefined ? {} : { constants: constants.value }),
    pickleByteLength: root.byteLength + (constants?.byteLength ?? 0),
    dataByteLength: [...members.entries.values()].reduce((sum, entry) => sum + entry.byteLength, 0),
    checksums: storedChecksums(members.entries.values(), file, { mayLackCrc: true }),
    resolveStorage: createResolver(members, new Set(constants?.persistent)),
  };
}

async function openMembers(source: ByteSource, file: number): Promise<Members> {
  const directory = await readZipDirectory(source);
  // Of equal names the last counts, as in Python.
  const entries = new Map(directory.map((entry) => [entry.name, entry]));
  const folder = findFolder([...entries.keys()]);
  const order = entries.get(`${folder}byteorder`);
  return { source, file, folder, entries, isBigEndian: order !== undefined && (await readIsBigEndian(source, order)) };
}

/** The folder of the outermost `data.pkl`. */
function findFolder(names: readonly string[]): string {
  const candidates = names.filter((name) => name === PICKLE_NAME || name.endsWith(`/${PICKLE_NAME}`));
  const [first, ...rest] = candidates;
  if (first === undefined) throw badFile('pytorch-zip', `the archive must hold ${PICKLE_NAME}`);
  const shortest = rest.reduce((best, name) => (name.length < best.length ? name : best), first);
  return shortest.slice(0, -PICKLE_NAME.length);
}

async function readIsBigEndian(source: ByteSource, entry: ZipEntry): Promise<boolean> {
  const bytes = await readZipEntry(source, entry, { limit: 16, mayLackCrc: true });
  const order = Buffer.from(bytes).toString('latin1');
  if (order !== 'little' && order !== 'big') {
    throw badFile('pytorch-zip', 'the byteorder must be little or big', entry.dataOffset);
  }
  return order === 'big';
}

async function readMember(members: Members, name: string) {
  const entry = members.entries.get(members.folder + name);
  if (entry === undefined) throw badFile('pytorch-zip', `the archive must hold ${name}`);
  const bytes = await readZipEntry(members.source, entry, { limit: MAX_PICKLE_BYTES, mayLackCrc: true });
  return { ...readPickle(bytes, { fileOffset: entry.dataOffset }), byteLength: bytes.byteLength };
}

/** @param fromConstants the references of `constants.pkl`, whose storages have a folder of their own */
function createResolver(members: Members, fromConstants: ReadonlySet<PickleValue>): StorageResolver {
  const storages = new Map<string, Storage>();
  const resolve = async (node: PickleNode) => {
    const folder = fromConstants.has(node) ? 'constants' : 'data';
    return resolveReference(members, node, folder, storages);
  };
  return withEmbeddedStorages('pytorch-zip', resolve, (bytes) => openLegacyStream(bytes));
}

function resolveReference(
  members: Members,
  node: PickleNode,
  folder: string,
  storages: Map<string, Storage>,
): Resolved | undefined {
  const reference = parseStorageReference(node);
  if (reference === undefined) return undefined;
  const name = `${members.folder}${folder}/${reference.key}`;
  const storage = storages.get(name) ?? openStorage(members, name);
  storages.set(name, storage);
  const byteLength = referencedByteLength(reference) ?? 0;
  if (byteLength > storage.byteLength) {
    throw badFile('pytorch-zip', `the storage ${JSON.stringify(name)} must hold as many elements as its tensors say`);
  }
  return typeStorage(reference.storageClass, storage);
}

function openStorage({ source, entries, file, isBigEndian }: Members, name: string): Storage {
  const entry = entries.get(name);
  if (entry === undefined) throw badFile('pytorch-zip', `the archive must hold ${JSON.stringify(name)}`);
  const storage = memberStorage(source, entry, file);
  return isBigEndian ? bigEndianStorage(storage) : storage;
}
