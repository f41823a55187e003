import { invariant } from '../../assert.ts';
import { collectBytes } from '../../bytes/collect.ts';
import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { decodeToFloat32 } from '../../tensors/decode.ts';
import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, Declared, Format, OpenCheckpoint, TensorEntry, UnreadTensor } from '../format.ts';
import { uniqueNames } from '../unique-names.ts';
import { closeFiles, readVerbatim } from '../verbatim.ts';
import { openSiblings } from '../weight-map.ts';
import { type BundleEntry, parseBundleEntry, parseBundleHeader } from './bundle-entry.ts';
import { crc32c, maskCrc } from './crc32c.ts';
import { findOrder, isCounter, nameOf, roleOf } from './names.ts';
import { readTable, type TableEntry } from './table.ts';

const INDEX_SUFFIX = '.index';
/** More shards than any cluster has writers. */
const MAX_SHARDS = 10_000;
/** The graph of objects, as a text: how they found their variables, which the keys say too. */
const OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH';

/** Element types by TensorFlow's number (`types.proto`). */
const DTYPES: ReadonlyMap<number, DType> = new Map([
  [1, 'f32'],
  [2, 'f64'],
  [3, 'i32'],
  [4, 'u8'],
  [5, 'i16'],
  [6, 'i8'],
  [8, 'c64'],
  [9, 'i64'],
  [10, 'bool'],
  [14, 'bf16'],
  [17, 'u16'],
  [18, 'c128'],
  [19, 'f16'],
  [22, 'u32'],
  [23, 'u64'],
  [24, 'f8_e5m2'],
  [25, 'f8_e4m3'],
]);

/** A tensor of the bundle, checked against the shards there are. */
interface Placed {
  readonly key: string;
  readonly dtype: DType;
  readonly entry: BundleEntry;
}

const fail = (rule: string, byteOffset?: number) => badFile('tf-checkpoint', rule, byteOffset);

/** `PREFIX.data-00000-of-00002`; of a stored checkpoint, whose index has no name, the one that ends so. */
function shardName(files: FileSet, shard: number, count: number): string {
  const number = (n: number) => String(n).padStart(5, '0');
  const suffix = `.data-${number(shard)}-of-${number(count)}`;
  const stored = files.names?.find((name) => name.endsWith(suffix));
  return stored ?? `${files.primary.replace(/\.index$/, '')}${suffix}`;
}

function readShardCount([first]: readonly TableEntry[]): number {
  if (first?.key !== '') throw fail('the index must begin with the header of the bundle', first?.blockOffset);
  const { shardCount, isBigEndian } = parseBundleHeader(first);
  if (isBigEndian) throw fail('big-endian bundles are not read', first.blockOffset);
  if (shardCount < 1 || shardCount > MAX_SHARDS) {
    throw fail(`a bundle must have 1 to ${MAX_SHARDS} shards`, first.blockOffset);
  }
  return shardCount;
}

/** Why a tensor takes no part, or its element type. */
function findDtype(entry: BundleEntry): DType | { readonly reason: string } {
  if (entry.isSliced) return { reason: 'it is stored in slices' };
  if (entry.dtype === 7) return { reason: 'it holds texts' };
  return DTYPES.get(entry.dtype) ?? { reason: `its element type ${entry.dtype} is not read` };
}

function checkEntry(key: string, dtype: DType, entry: BundleEntry, shards: readonly ByteSource[], at: number): void {
  const quoted = JSON.stringify(key);
  const shard = shards[entry.shard];
  if (shard === undefined) throw fail(`${quoted} must be in a shard that there is`, at);
  if (elementCount(entry.shape) * elementByteLength(dtype) !== entry.byteLength) {
    throw fail(`the byte length of ${quoted} must be that of its shape and type`, at);
  }
  if (entry.offset + entry.byteLength > shard.byteLength) {
    throw fail(`the bytes of ${quoted} must be inside their shard`, at);
  }
}

function checkOverlap(placed: readonly Placed[]): void {
  const ordered = placed.toSorted((a, b) => a.entry.shard - b.entry.shard || a.entry.offset - b.entry.offset);
  let shard = -1;
  let end = 0;
  for (const { key, entry } of ordered) {
    if (entry.shard !== shard) end = 0;
    if (entry.offset < end) throw fail(`the bytes of ${JSON.stringify(key)} must not overlap another's`);
    shard = entry.shard;
    end = Math.max(end, entry.offset + entry.byteLength);
  }
}

interface Content {
  readonly placed: readonly Placed[];
  readonly unread: readonly UnreadTensor[];
}

function readEntries(entries: readonly TableEntry[], shards: readonly ByteSource[]): Content {
  const placed: Placed[] = [];
  const unread: UnreadTensor[] = [];
  for (const stored of entries.slice(1)) {
    // Parts of a partitioned variable have keys that begin with a zero byte; the whole says that it is sliced.
    if (stored.key === OBJECT_GRAPH || stored.key.startsWith('\0')) continue;
    const key = Buffer.from(stored.key, 'latin1').toString('utf8');
    const entry = parseBundleEntry(stored);
    const dtype = findDtype(entry);
    if (typeof dtype !== 'string') {
      unread.push({ name: nameOf(key), reason: dtype.reason });
      continue;
    }
    checkEntry(key, dtype, entry, shards, stored.blockOffset);
    placed.push({ key, dtype, entry });
  }
  checkOverlap(placed);
  return { placed, unread };
}

function toTensor({ key, dtype, entry }: Placed, name: string): TensorEntry {
  const order = findOrder(name, entry.shape);
  const at = { file: entry.shard + 1, offset: entry.offset, byteLength: entry.byteLength };
  const tensor = { name, dtype, shape: entry.shape, role: roleOf(key, dtype), at };
  return order === undefined ? tensor : { ...tensor, toCanonical: order };
}

/** Passes bytes on, and checks at the end that they are those that were written. */
async function* checked(pieces: AsyncIterable<Uint8Array>, { key, entry }: Placed): AsyncIterable<Uint8Array> {
  let crc = 0;
  for await (const piece of pieces) {
    crc = crc32c(piece, crc);
    yield piece;
  }
  if (maskCrc(crc) !== entry.crc) throw fail(`the checksum of ${JSON.stringify(key)} must be right`);
}

function toCheckpoint(files: readonly CheckpointFile[], { placed, unread }: Content): OpenCheckpoint {
  const names = uniqueNames(placed.map(({ key }) => nameOf(key)));
  const placedOf = new Map(names.map((name, i) => [name, placed[i]]));
  return {
    format: 'tf-checkpoint',
    files,
    tensors: placed.map((tensor, i) => toTensor(tensor, names[i] ?? '')),
    declared: {},
    ...(unread.length === 0 ? {} : { unread }),
    readTensor(tensor) {
      const found = placedOf.get(tensor.name);
      invariant(found !== undefined, `${tensor.name} is a tensor of this checkpoint`);
      return checked(readVerbatim(files, tensor), found);
    },
    close: () => closeFiles(files),
  };
}

/** The values of what counts: single whole numbers. */
async function readCounters(checkpoint: OpenCheckpoint): Promise<Declared> {
  const counters: [string, unknown][] = [];
  for (const tensor of checkpoint.tensors) {
    if (!isCounter(tensor.name) || elementCount(tensor.shape) !== 1) continue;
    const [value] = decodeToFloat32(tensor.dtype, await collectBytes(checkpoint.readTensor(tensor)));
    counters.push([tensor.name, value]);
  }
  return toDeclared(counters);
}

/** TensorFlow's bundle of tensors (`tensor_bundle.h`): an index and its shards of data, of TF1's Saver V2 and of TF2. */
export const tfCheckpoint: Format = {
  name: 'tf-checkpoint',
  matches: (_, fileName) => fileName.endsWith(INDEX_SUFFIX),
  async open(primary, files) {
    const entries = await readTable(primary);
    const count = readShardCount(entries);
    const names = Array.from({ length: count }, (_, shard) => shardName(files, shard, count));
    const shards = await openSiblings(files, names, 'tf-checkpoint');
    try {
      const sources = shards.map(({ source }) => source);
      const content = readEntries(entries, sources);
      const checkpoint = toCheckpoint([{ name: files.primary, source: primary }, ...shards], content);
      return { ...checkpoint, declared: await readCounters(checkpoint) };
    } catch (error) {
      await closeFiles(shards);
      throw error;
    }
  },
};
