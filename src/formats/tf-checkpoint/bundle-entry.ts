import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { badFile } from '../bad-file.ts';
import type { TableEntry } from './table.ts';

/** The value of the empty key: about the bundle as a whole (`tensor_bundle.proto`, BundleHeaderProto). */
export interface BundleHeader {
  readonly shardCount: number;
  readonly isBigEndian: boolean;
}

/** The value of a tensor's key (BundleEntryProto). */
export interface BundleEntry {
  /** TensorFlow's number of the element type. */
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly byteLength: number;
  /** Masked CRC-32C of the bytes. */
  readonly crc: number;
  /** The tensor is a partitioned variable: its parts are entries of their own. */
  readonly isSliced: boolean;
}

/** Protobuf messages hold no counts over 2^53 that a file could have. */
const MAX_AXES = 254;

type Fields = Readonly<Record<number, (reader: BinaryReader, end: number) => void>>;

/** What BinaryReader throws for bytes that are no message has no type of its own. */
class WireFault extends Error {}

/** Reads the fields of one message that have a meaning here, each of the wire type that its reader takes. */
function readMessage(
  reader: BinaryReader,
  end: number,
  wire: Readonly<Record<number, WireType>>,
  fields: Fields,
): void {
  while (reader.pos < end) {
    const [number, type] = reader.tag();
    const read = fields[number];
    if (read === undefined) reader.skip(type, number);
    else if (type === wire[number]) read(reader, end);
    else throw new WireFault(`field ${number} has another type`);
  }
  if (reader.pos !== end) throw new WireFault('a message must end where it says');
}

function readNested(reader: BinaryReader, limit: number, read: (end: number) => void): void {
  const byteLength = reader.uint32();
  const end = reader.pos + byteLength;
  if (end > limit) throw new WireFault('a message must be inside its own');
  read(end);
}

function readCount(reader: BinaryReader): number {
  const value = Number(reader.int64());
  if (!Number.isSafeInteger(value) || value < 0) throw new WireFault('a size must be countable');
  return value;
}

const { Varint, LengthDelimited, Bit32 } = WireType;

/** TensorShapeProto: `dim` with `size`. */
function readShape(reader: BinaryReader, end: number): number[] {
  const shape: number[] = [];
  readMessage(
    reader,
    end,
    { 2: LengthDelimited, 3: Varint },
    {
      2: (_, limit) =>
        readNested(reader, limit, (inner) => {
          let size = 0;
          readMessage(reader, inner, { 1: Varint }, { 1: () => (size = readCount(reader)) });
          if (shape.push(size) > MAX_AXES) throw new WireFault(`a tensor must not have over ${MAX_AXES} axes`);
        }),
      3: () => {
        if (reader.bool()) throw new WireFault('a stored tensor must have a known rank');
      },
    },
  );
  return shape;
}

function asBadFile({ key, blockOffset }: TableEntry, cause: unknown) {
  const rule = `the entry of ${JSON.stringify(key)} must be a whole message`;
  return badFile('tf-checkpoint', cause instanceof WireFault ? `${rule}: ${cause.message}` : rule, blockOffset, cause);
}

/** @throws BadFileError when the value is no such message. */
export function parseBundleHeader(entry: TableEntry): BundleHeader {
  let shardCount = 0;
  let endianness = 0;
  try {
    const reader = new BinaryReader(entry.value);
    readMessage(
      reader,
      entry.value.byteLength,
      { 1: Varint, 2: Varint },
      {
        1: () => (shardCount = reader.int32()),
        2: () => (endianness = reader.int32()),
      },
    );
  } catch (cause) {
    throw asBadFile(entry, cause);
  }
  return { shardCount, isBigEndian: endianness !== 0 };
}

/** @throws BadFileError when the value is no such message. */
export function parseBundleEntry(entry: TableEntry): BundleEntry {
  const found = {
    dtype: 0,
    shape: [] as readonly number[],
    shard: 0,
    offset: 0,
    byteLength: 0,
    crc: 0,
    isSliced: false,
  };
  const wire = { 1: Varint, 2: LengthDelimited, 3: Varint, 4: Varint, 5: Varint, 6: Bit32, 7: LengthDelimited };
  try {
    const reader = new BinaryReader(entry.value);
    readMessage(reader, entry.value.byteLength, wire, {
      1: () => (found.dtype = reader.int32()),
      2: (_, limit) => readNested(reader, limit, (end) => (found.shape = readShape(reader, end))),
      3: () => (found.shard = reader.int32()),
      4: () => (found.offset = readCount(reader)),
      5: () => (found.byteLength = readCount(reader)),
      6: () => (found.crc = reader.fixed32()),
      7: () => {
        found.isSliced = true;
        reader.bytes();
      },
    });
  } catch (cause) {
    throw asBadFile(entry, cause);
  }
  return found;
}
