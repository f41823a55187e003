import { BAD_TEXTS, mutateBytes } from './mutate-bytes.ts';
import { pick, type Random } from './random.ts';

/** A field of a message; `parts` where its bytes are a message themselves. */
interface Field {
  readonly number: number;
  readonly type: number;
  readonly value: bigint | Uint8Array;
  readonly parts?: readonly Field[];
}

/** Reads bytes as a message; `undefined` when they are none, as those of a text mostly are. */
function parse(bytes: Uint8Array, depth = 0): readonly Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag.value < 8n || tag.value > 0xfffffffn) return undefined;
    const field = readField(bytes, tag.end, Number(tag.value >> 3n), Number(tag.value & 7n), depth);
    if (field === undefined) return undefined;
    fields.push(field.field);
    at = field.end;
  }
  return fields;
}

function readVarint(bytes: Uint8Array, start: number): { readonly value: bigint; readonly end: number } | undefined {
  let value = 0n;
  for (let at = start; at < Math.min(bytes.byteLength, start + 10); at += 1) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 127) << BigInt(7 * (at - start));
    if (byte < 128) return { value, end: at + 1 };
  }
  return undefined;
}

function readField(bytes: Uint8Array, start: number, number: number, type: number, depth: number) {
  const fixed = type === 5 ? 4 : type === 1 ? 8 : undefined;
  if (fixed !== undefined) {
    const end = start + fixed;
    return end > bytes.byteLength ? undefined : { field: { number, type, value: bytes.subarray(start, end) }, end };
  }
  const head = type === 0 || type === 2 ? readVarint(bytes, start) : undefined;
  if (head === undefined) return undefined;
  if (type === 0) return { field: { number, type, value: head.value }, end: head.end };
  const end = head.end + Number(head.value);
  if (end > bytes.byteLength) return undefined;
  const value = bytes.subarray(head.end, end);
  const parts = depth < 12 && value.byteLength > 1 ? parse(value, depth + 1) : undefined;
  return { field: { number, type, value, ...(parts === undefined ? {} : { parts }) }, end };
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

function format(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ number, type, value, parts }) => {
      const tag = varint(BigInt(number * 8 + type));
      if (typeof value === 'bigint') return [tag, varint(value)];
      const content = parts === undefined ? value : format(parts);
      return type === 2 ? [tag, varint(BigInt(content.byteLength)), content] : [tag, content];
    }),
  );
}

const EDGES = [0n, 1n, -1n, 127n, 128n, 1n << 31n, (1n << 32n) - 1n, 1n << 53n, (1n << 63n) - 1n, 1n << 63n];

/** Wraps a message into itself, many times over. */
function nest(field: Field, random: Random): Field {
  let content = field.value instanceof Uint8Array ? field.value : new Uint8Array(0);
  for (let depth = pick(random, [3, 70, 500, 3000]); depth > 0 && content.byteLength < 50_000; depth -= 1) {
    content = format([{ number: field.number, type: 2, value: content }]);
  }
  return { number: field.number, type: 2, value: content };
}

function changeField(field: Field, random: Random): Field {
  const { number, type, value } = field;
  if (typeof value === 'bigint') return { number, type, value: pick(random, [...EDGES, value + 1n, value - 1n]) };
  if (type !== 2) return { number, type, value: mutateBytes(value, random).slice(0, value.byteLength) };
  const choice = random(6);
  if (choice === 0) return { number, type, value: Buffer.from(pick(random, BAD_TEXTS)) };
  if (choice === 1) return nest(field, random);
  if (choice === 2) return { ...field, number: 1 + random(20) };
  return { number, type, value: mutateBytes(value, random) };
}

function changeFields(fields: readonly Field[], random: Random): readonly Field[] {
  if (fields.length === 0) return fields;
  const at = random(fields.length);
  const field = pick(random, fields.slice(at, at + 1));
  const replace = (...by: readonly Field[]) => [...fields.slice(0, at), ...by, ...fields.slice(at + 1)];
  if (field.parts !== undefined && random(5) > 0)
    return replace({ ...field, parts: changeFields(field.parts, random) });
  const choice = random(8);
  if (choice === 0) return replace();
  if (choice === 1) return replace(...Array<Field>(pick(random, [2, 3, 100])).fill(field));
  if (choice === 2) return [...fields].reverse();
  return replace(changeField(field, random));
}

/** Changes one field of a message, however deep, and keeps the lengths around it right. */
export function mutateProtobuf(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = parse(bytes);
  return fields === undefined ? mutateBytes(bytes, random) : format(changeFields(fields, random));
}
