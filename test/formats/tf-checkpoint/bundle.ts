import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { crc32c, maskCrc } from '../../../src/formats/tf-checkpoint/crc32c.ts';

/** What a test puts into a bundle. */
export interface BundleTensor {
  readonly key: string;
  /** TensorFlow's number of the type. */
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  readonly shard?: number;
  readonly isSliced?: boolean;
  /** Change what the entry says. */
  readonly says?: { readonly offset?: number; readonly byteLength?: number; readonly shard?: number };
}

export interface BundleOptions {
  readonly shardCount?: number;
  readonly endianness?: number;
  /** Turns a block into its stored form; as it is by default. */
  readonly compress?: (block: Buffer) => Buffer;
  readonly compression?: number;
  readonly entriesPerBlock?: number;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const crcOf = (bytes: Uint8Array) => maskCrc(crc32c(bytes));

/** A message of `tensor_bundle.proto`. */
function headerMessage(shardCount: number, endianness: number): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(shardCount);
  if (endianness !== 0) writer.tag(2, WireType.Varint).int32(endianness);
  writer.tag(3, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(1).join();
  return writer.finish();
}

function entryMessage(tensor: BundleTensor, offset: number): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(tensor.dtype);
  writer.tag(2, WireType.LengthDelimited).fork();
  for (const size of tensor.shape)
    writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int64(size).join();
  writer.join();
  writer.tag(3, WireType.Varint).int32(tensor.says?.shard ?? tensor.shard ?? 0);
  writer.tag(4, WireType.Varint).int64(tensor.says?.offset ?? offset);
  writer.tag(5, WireType.Varint).int64(tensor.says?.byteLength ?? tensor.bytes.byteLength);
  writer.tag(6, WireType.Bit32).fixed32(crcOf(tensor.bytes));
  if (tensor.isSliced === true) writer.tag(7, WireType.LengthDelimited).fork().join();
  return writer.finish();
}

/** A block of LevelDB's table format: keys share what they begin with, but for every second one. */
function blockOf(entries: readonly (readonly [string, Uint8Array])[]): Buffer {
  const parts: Buffer[] = [];
  const restarts: number[] = [];
  let previous = '';
  let length = 0;
  entries.forEach(([key, value], i) => {
    let shared = 0;
    if (i % 2 === 0) restarts.push(length);
    else while (shared < Math.min(key.length, previous.length) && key[shared] === previous[shared]) shared += 1;
    const rest = Buffer.from(key.slice(shared), 'latin1');
    const part = Buffer.concat([varint(shared), varint(rest.byteLength), varint(value.byteLength), rest, value]);
    parts.push(part);
    length += part.byteLength;
    previous = key;
  });
  return Buffer.concat([...parts, ...restarts.map(u32), u32(restarts.length)]);
}

/** A table of LevelDB's format (its `doc/table_format.md`). */
export function tableOf(entries: readonly (readonly [string, Uint8Array])[], options: BundleOptions = {}): Buffer {
  const { compress = (block) => block, compression = 0, entriesPerBlock = 3 } = options;
  const parts: Buffer[] = [];
  let length = 0;
  const store = (block: Buffer): Buffer => {
    const stored = compress(block);
    const typed = Buffer.concat([stored, Buffer.from([compression])]);
    const handle = Buffer.concat([varint(length), varint(stored.byteLength)]);
    parts.push(typed, u32(crcOf(typed)));
    length += typed.byteLength + 4;
    return handle;
  };
  const index: (readonly [string, Uint8Array])[] = [];
  for (let i = 0; i < entries.length; i += entriesPerBlock) {
    const some = entries.slice(i, i + entriesPerBlock);
    index.push([some.at(-1)?.[0] ?? '', store(blockOf(some))]);
  }
  const meta = store(blockOf([]));
  const handles = Buffer.concat([meta, store(blockOf(index))]);
  const footer = Buffer.alloc(48);
  handles.copy(footer);
  Buffer.from('57fb808b247547db', 'hex').copy(footer, 40);
  return Buffer.concat([...parts, footer]);
}

/** The files of a bundle, as TensorFlow's BundleWriter makes them; the index is first. */
export function bundleOf(
  tensors: readonly BundleTensor[],
  options: BundleOptions = {},
): Readonly<Record<string, Uint8Array>> {
  const { shardCount = 1, endianness = 0 } = options;
  const shards = Array.from({ length: shardCount }, (): Uint8Array[] => []);
  const lengths = shards.map(() => 0);
  const entries = tensors
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map((tensor): [string, Uint8Array] => {
      const shard = tensor.shard ?? 0;
      const message = entryMessage(tensor, lengths[shard] ?? 0);
      shards[shard]?.push(tensor.bytes);
      lengths[shard] = (lengths[shard] ?? 0) + tensor.bytes.byteLength;
      return [Buffer.from(tensor.key, 'utf8').toString('latin1'), message];
    });
  const number = (n: number) => String(n).padStart(5, '0');
  const data = shards.map((parts, i): [string, Uint8Array] => [
    `ckpt-3.data-${number(i)}-of-${number(shardCount)}`,
    Buffer.concat(parts),
  ]);
  return {
    'ckpt-3.index': tableOf([['', headerMessage(shardCount, endianness)], ...entries], options),
    ...Object.fromEntries(data),
  };
}
