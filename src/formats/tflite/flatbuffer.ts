import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { decodeUtf8 } from '../json.ts';

const BLOCK_BYTES = 64 * 1024;
const MAX_BLOCKS = 64;
/** Names of tensors; longer texts are attacks on memory. */
const MAX_TEXT_BYTES = 64 * 1024;

/** A table's place in the file. */
export type Table = number;

/** A vector: where its first element is, and how many there are. */
export interface Vector {
  readonly offset: number;
  readonly length: number;
}

/** Reads a flatbuffer (flatbuffers, "internals"); every offset and length is checked against the file. */
export interface Flatbuffer {
  readonly source: ByteSource;
  root(): Promise<Table>;
  /** Number in a table; `absent` where the table does not hold the field. */
  number(table: Table, field: number, kind: NumberKind, absent: number): Promise<number>;
  table(table: Table, field: number): Promise<Table | undefined>;
  text(table: Table, field: number): Promise<string>;
  /** An absent vector is empty. */
  vector(table: Table, field: number, elementBytes: number): Promise<Vector>;
  /** All elements of a vector of tables. */
  tables(vector: Vector): AsyncIterable<Table>;
  /** The bytes of a vector. */
  bytes(vector: Vector, elementBytes: number): Promise<Uint8Array>;
}

const READERS = {
  u8: [1, (view: DataView, at: number) => view.getUint8(at)],
  i8: [1, (view: DataView, at: number) => view.getInt8(at)],
  u16: [2, (view: DataView, at: number) => view.getUint16(at, true)],
  i32: [4, (view: DataView, at: number) => view.getInt32(at, true)],
  u32: [4, (view: DataView, at: number) => view.getUint32(at, true)],
  u64: [8, (view: DataView, at: number) => Number(view.getBigUint64(at, true))],
} as const;
export type NumberKind = keyof typeof READERS;

/** Short reads at random places, through blocks that are kept. */
function openBlocks(source: ByteSource) {
  const blocks = new Map<number, Uint8Array>();

  async function blockAt(index: number): Promise<Uint8Array> {
    const known = blocks.get(index);
    if (known !== undefined) return known;
    const start = index * BLOCK_BYTES;
    const block = await source.read(start, Math.min(BLOCK_BYTES, source.byteLength - start));
    const [oldest] = blocks.keys();
    if (blocks.size >= MAX_BLOCKS && oldest !== undefined) blocks.delete(oldest);
    blocks.set(index, block);
    return block;
  }

  return async function read(offset: number, byteLength: number): Promise<Uint8Array> {
    const isInside = offset >= 0 && Number.isSafeInteger(offset) && offset + byteLength <= source.byteLength;
    if (!isInside) throw badFile('tflite', 'an offset must stay inside the file', Math.max(0, offset));
    const index = Math.floor(offset / BLOCK_BYTES);
    const from = offset - index * BLOCK_BYTES;
    if (from + byteLength > BLOCK_BYTES) return source.read(offset, byteLength);
    return (await blockAt(index)).subarray(from, from + byteLength);
  };
}

/** Opens a flatbuffer. */
export function openFlatbuffer(source: ByteSource): Flatbuffer {
  const read = openBlocks(source);

  async function numberAt(offset: number, kind: NumberKind): Promise<number> {
    const [byteLength, decode] = READERS[kind];
    const bytes = await read(offset, byteLength);
    return decode(new DataView(bytes.buffer, bytes.byteOffset, byteLength), 0);
  }

  /** Where the table holds the field: its own table of offsets stands before it, or after. */
  async function fieldAt(table: Table, field: number): Promise<number | undefined> {
    const offsets = table - (await numberAt(table, 'i32'));
    const position = 4 + 2 * field;
    if (position + 2 > (await numberAt(offsets, 'u16'))) return undefined;
    const offset = await numberAt(offsets + position, 'u16');
    return offset === 0 ? undefined : table + offset;
  }

  /** What a reference points to; it points forward. */
  async function follow(at: number): Promise<number> {
    return at + (await numberAt(at, 'u32'));
  }

  async function vector(table: Table, field: number, elementBytes: number): Promise<Vector> {
    const at = await fieldAt(table, field);
    if (at === undefined) return { offset: 0, length: 0 };
    const start = await follow(at);
    const length = await numberAt(start, 'u32');
    if (start + 4 + length * elementBytes <= source.byteLength) return { offset: start + 4, length };
    throw badFile('tflite', 'a vector must end inside the file', start);
  }

  return {
    source,
    vector,
    root: () => follow(0),
    async number(table, field, kind, absent) {
      const at = await fieldAt(table, field);
      return at === undefined ? absent : numberAt(at, kind);
    },
    async table(table, field) {
      const at = await fieldAt(table, field);
      return at === undefined ? undefined : follow(at);
    },
    async text(table, field) {
      const { offset, length } = await vector(table, field, 1);
      if (length > MAX_TEXT_BYTES) throw badFile('tflite', `a text must not be over ${MAX_TEXT_BYTES} bytes`, offset);
      const text = decodeUtf8(await read(offset, length));
      if (text === undefined) throw badFile('tflite', 'a text must be UTF-8', offset);
      return text;
    },
    async *tables({ offset, length }) {
      for (let i = 0; i < length; i += 1) yield await follow(offset + 4 * i);
    },
    bytes: ({ offset, length }, elementBytes) => read(offset, length * elementBytes),
  };
}
