import { invariant } from '../../assert.ts';
import { badFile } from '../bad-file.ts';
import type {
  CheckpointFile,
  Declared,
  FormatName,
  OpenCheckpoint,
  StatedChecksum,
  TensorEntry,
  UnreadTensor,
} from '../format.ts';
import type { PickleValue } from '../pickle/index.ts';
import { closeFiles } from '../verbatim.ts';
import type { Archive } from './archive.ts';
import { readDeclared } from './declared.ts';
import { nameTensors, roleOf } from './naming.ts';
import { createTensorFinder, type UnreadTensor as Unreadable } from './rebuild.ts';
import {
  findCodes,
  findTensorRange,
  type StoredTensor,
  streamTensor,
  visibleByteLength,
  visibleDtype,
} from './stored-tensor.ts';
import { collectTensors, type FoundTensor } from './walk.ts';

/** Views may show a storage's bytes many times over (expanded and tied tensors): by all of them together at most so often. */
const MAX_UNFOLDING = 16;
/** Small files may unfold further: a mask of a kilobyte to some megabytes. */
const FREE_UNFOLDING_BYTES = 64 * 1024 * 1024;

/** The tensors of one archive under their names, with what reading them takes. */
export interface ArchiveContent {
  readonly entries: readonly TensorEntry[];
  readonly stored: ReadonlyMap<string, StoredTensor>;
  readonly declared: Declared;
  readonly unread: readonly UnreadTensor[];
  readonly checksums: readonly StatedChecksum[];
}

/** A tensor that can be read. */
type Readable = FoundTensor & { readonly tensor: StoredTensor };

/** Finds and names the tensors of an archive. Tensors of kinds that are not read are left out; their bytes are kept with the file. */
export function readArchive(format: FormatName, archive: Archive): Promise<ArchiveContent> {
  return readContent(format, archive, createTensorFinder(format, archive.resolveStorage));
}

/** What was unpickled, and how many bytes it stands for. */
export type ArchiveValues = Omit<Archive, 'resolveStorage'>;

/** The same for values among which other calls make the tensors. */
export async function readContent(
  format: FormatName,
  archive: ArchiveValues,
  findTensor: (value: PickleValue) => Promise<StoredTensor | Unreadable | undefined>,
): Promise<ArchiveContent> {
  const found = [...(await collectTensors(format, archive.root, archive.pickleByteLength, findTensor))];
  if (archive.constants !== undefined) {
    const constants = await collectTensors(format, archive.constants, archive.pickleByteLength, findTensor);
    for (const constant of constants)
      found.push({ ...constant, path: ['constants', ...constant.path], wrapperLength: 0 });
  }
  const readable = found.filter(isReadable);
  checkUnfolding(format, readable, archive.dataByteLength + archive.pickleByteLength);
  const names = nameTensors(readable, (tensor) => isReadable(tensor) && roleByPath(tensor) === 'weight');
  const entries = readable.map((tensor, i) => toEntry(tensor, names[i] ?? ''));
  const stored = new Map(readable.map((tensor, i) => [entries[i]?.name ?? '', tensor.tensor]));
  const declared = await readDeclared(archive.root, findTensor);
  return {
    entries,
    stored,
    declared: archive.constants === undefined ? declared : { ...declared, archive: 'TorchScript' },
    unread: found.flatMap(toUnread),
    checksums: archive.checksums ?? [],
  };
}

function toUnread({ path, tensor }: FoundTensor): readonly UnreadTensor[] {
  return 'unread' in tensor ? [{ name: path.join('.'), reason: tensor.unread }] : [];
}

function isReadable(found: FoundTensor): found is Readable {
  return 'typed' in found.tensor;
}

function roleByPath(found: Readable) {
  return roleOf(found, found.path.join('.'), visibleDtype(found.tensor));
}

function toEntry(found: Readable, name: string): TensorEntry {
  const { tensor } = found;
  const at = findTensorRange(tensor);
  const codes = findCodes(tensor);
  return {
    name,
    dtype: visibleDtype(tensor),
    shape: tensor.layout.shape,
    role: roleByPath(found),
    ...(at === undefined ? {} : { at }),
    ...(codes === undefined ? {} : { codes }),
  };
}

function checkUnfolding(format: FormatName, found: readonly Readable[], byteLength: number): void {
  const unfolded = found.reduce((sum, { tensor }) => sum + visibleByteLength(tensor), 0);
  if (unfolded > FREE_UNFOLDING_BYTES + MAX_UNFOLDING * byteLength) {
    throw badFile(format, `tensors must not unfold to more than ${MAX_UNFOLDING} times the stored bytes`);
  }
}

/** Makes the checkpoint of one archive or of several shards; names are unique over all. */
export function toCheckpoint(
  format: FormatName,
  files: readonly CheckpointFile[],
  contents: readonly ArchiveContent[],
  declared: Declared,
): OpenCheckpoint {
  const stored = new Map(contents.flatMap((content) => [...content.stored]));
  const tensors = contents.flatMap((content) => content.entries);
  if (stored.size < tensors.length) throw badFile(format, 'tensors of several archives must have different names');
  const unread = contents.flatMap((content) => content.unread);
  const checksums = contents.flatMap((content) => content.checksums);
  return {
    format,
    files,
    tensors,
    declared,
    ...(unread.length === 0 ? {} : { unread }),
    ...(checksums.length === 0 ? {} : { checksums }),
    readTensor(tensor) {
      const view = stored.get(tensor.name);
      invariant(view !== undefined, `${tensor.name} is a tensor of the checkpoint`);
      return streamTensor(view);
    },
    close: () => closeFiles(files),
  };
}
