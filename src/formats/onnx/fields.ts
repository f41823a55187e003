import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { decodeUtf8 } from '../json.ts';

const BLOCK_BYTES = 64 * 1024;
/** A tag and a length, or a tag and a number: varints have up to ten bytes. */
const HEADER_BYTES = 20;
/** Names, operators and paths; longer texts are attacks on memory. */
const MAX_TEXT_BYTES = 1024 * 1024;

/** A message's place in the file. */
export interface Message {
  readonly offset: number;
  readonly byteLength: number;
}

/** One field of a message: a number, or a stretch of bytes that is not read yet. */
export type Field =
  | { readonly number: number; readonly kind: 'number'; readonly value: bigint; readonly offset: number }
  | ({ readonly number: number; readonly kind: 'bytes' } & Message)
  | ({ readonly number: number; readonly kind: 'fixed' } & Message);

/** Reads a protobuf file field by field; stretches of bytes are skipped, however long they are. */
export interface ProtoFile {
  readonly source: ByteSource;
  fields(message: Message): AsyncIterable<Field>;
  readText(message: Message): Promise<string>;
}

function broken(rule: string, offset: number, cause?: unknown): Error {
  return badFile('onnx', rule, offset, cause);
}

/** Reads the field whose header begins the bytes; `end` is that of its message. */
function parseField(header: Uint8Array, offset: number, end: number): Field {
  const reader = new BinaryReader(header);
  const [number, wireType] = reader.tag();
  const sized = (kind: 'bytes' | 'fixed', byteLength: number): Field => {
    const at = offset + reader.pos;
    if (at + byteLength > end) throw broken('a field must end inside its message', offset);
    return { number, kind, offset: at, byteLength };
  };
  switch (wireType) {
    case WireType.Varint:
      return { number, kind: 'number', value: BigInt(reader.int64()), offset };
    case WireType.LengthDelimited:
      return sized('bytes', reader.uint32());
    case WireType.Bit32:
      return sized('fixed', 4);
    case WireType.Bit64:
      return sized('fixed', 8);
    default:
      throw broken('a field must not be a group', offset);
  }
}

/** Bytes that a varint takes: seven bits each. A negative number takes ten. */
function endOf(field: Field, header: Uint8Array): number {
  if (field.kind !== 'number') return field.offset + field.byteLength;
  const reader = new BinaryReader(header);
  reader.tag();
  reader.int64();
  return field.offset + reader.pos;
}

/** Opens a protobuf file. Its reads go through one block, for most fields are short. */
export function openProto(source: ByteSource): ProtoFile {
  let block: Uint8Array = new Uint8Array(0);
  let blockStart = 0;

  async function readHead(offset: number, byteLength: number): Promise<Uint8Array> {
    const isInside = offset >= blockStart && offset + byteLength <= blockStart + block.byteLength;
    if (!isInside) {
      block = await source.read(offset, Math.min(Math.max(BLOCK_BYTES, byteLength), source.byteLength - offset));
      blockStart = offset;
    }
    return block.subarray(offset - blockStart, offset - blockStart + byteLength);
  }

  async function* fields(message: Message): AsyncIterable<Field> {
    const end = message.offset + message.byteLength;
    for (let at = message.offset; at < end; ) {
      const header = await readHead(at, Math.min(HEADER_BYTES, end - at));
      const field = tryParse(header, at, end);
      yield field;
      at = endOf(field, header);
    }
  }

  async function readText(message: Message): Promise<string> {
    if (message.byteLength > MAX_TEXT_BYTES)
      throw broken(`a text must not be over ${MAX_TEXT_BYTES} bytes`, message.offset);
    const text = decodeUtf8(await readHead(message.offset, message.byteLength));
    if (text === undefined) throw broken('a text must be UTF-8', message.offset);
    return text;
  }

  return { source, fields, readText };
}

/** The library's errors are the file's fault. */
function tryParse(header: Uint8Array, offset: number, end: number): Field {
  try {
    return parseField(header, offset, end);
  } catch (error) {
    if (error instanceof Error && error.name === 'BadFileError') throw error;
    throw broken('a field must have a tag and a value', offset, error);
  }
}
