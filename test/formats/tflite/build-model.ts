/** A value of a flatbuffer's field, as the builder below writes it. */
type Value =
  | { readonly kind: 'u8' | 'i32' | 'u32'; readonly value: number }
  | { readonly kind: 'table'; readonly fields: Fields }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'i32s'; readonly value: readonly number[] }
  | { readonly kind: 'i64s'; readonly value: readonly number[] }
  | { readonly kind: 'f32s'; readonly value: readonly number[] }
  | { readonly kind: 'tables'; readonly value: readonly Fields[] };
type Fields = Readonly<Record<number, Value>>;

/** A tensor with the bytes of its buffer. */
export interface BuiltTensor {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  readonly scales?: readonly number[];
  readonly zeroPoints?: readonly number[];
  readonly axis?: number;
}

const SIZE = { u8: 1, i32: 4, u32: 4, table: 4, text: 4, bytes: 4, i32s: 4, i64s: 4, f32s: 4, tables: 4 } as const;

/** Writes tables front to back: each reference is filled in when what it points to is written behind it. */
class Builder {
  private bytes = Buffer.alloc(8);

  private append(byteLength: number, align = 4): number {
    const at = Math.ceil(this.bytes.byteLength / align) * align;
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(at + byteLength - this.bytes.byteLength)]);
    return at;
  }

  private pointTo(reference: number, target: number): void {
    this.bytes.writeUInt32LE(target - reference, reference);
  }

  private writeVector(reference: number, length: number, content: Uint8Array): void {
    const at = this.append(4 + content.byteLength);
    this.bytes.writeUInt32LE(length, at);
    this.bytes.set(content, at + 4);
    this.pointTo(reference, at);
  }

  private writeValue(at: number, value: Value): void {
    switch (value.kind) {
      case 'u8':
        this.bytes.writeUInt8(value.value, at);
        return;
      case 'i32':
        this.bytes.writeInt32LE(value.value, at);
        return;
      case 'u32':
        this.bytes.writeUInt32LE(value.value, at);
        return;
      case 'table':
        this.pointTo(at, this.writeTable(value.fields));
        return;
      case 'text':
        this.writeVector(at, Buffer.byteLength(value.value), Buffer.from(value.value));
        return;
      case 'bytes':
        this.writeVector(at, value.value.byteLength, value.value);
        return;
      case 'i32s':
        this.writeVector(at, value.value.length, new Uint8Array(Int32Array.from(value.value).buffer));
        return;
      case 'f32s':
        this.writeVector(at, value.value.length, new Uint8Array(Float32Array.from(value.value).buffer));
        return;
      case 'i64s':
        this.writeVector(at, value.value.length, new Uint8Array(BigInt64Array.from(value.value, BigInt).buffer));
        return;
      case 'tables':
        this.writeTables(at, value.value);
    }
  }

  private writeTables(reference: number, tables: readonly Fields[]): void {
    const at = this.append(4 + 4 * tables.length);
    this.bytes.writeUInt32LE(tables.length, at);
    this.pointTo(reference, at);
    for (const [i, fields] of tables.entries()) this.pointTo(at + 4 + 4 * i, this.writeTable(fields));
  }

  private writeTable(fields: Fields): number {
    const numbers = Object.keys(fields).map(Number);
    const count = Math.max(-1, ...numbers) + 1;
    const offsets = this.append(4 + 2 * count, 4);
    const table = this.append(4 + 4 * numbers.length, 4);
    this.bytes.writeUInt16LE(4 + 2 * count, offsets);
    this.bytes.writeUInt16LE(4 + 4 * numbers.length, offsets + 2);
    this.bytes.writeInt32LE(table - offsets, table);
    for (const [i, number] of numbers.entries()) {
      const value = fields[number];
      if (value === undefined) continue;
      this.bytes.writeUInt16LE(4 + 4 * i, offsets + 4 + 2 * number);
      if (SIZE[value.kind] > 0) this.writeValue(table + 4 + 4 * i, value);
    }
    return table;
  }

  build(root: Fields): Uint8Array {
    this.bytes.write('TFL3', 4, 'latin1');
    this.pointTo(0, this.writeTable(root));
    return new Uint8Array(this.bytes);
  }
}

function tensorFields(tensor: BuiltTensor, buffer: number): Fields {
  const quantization: Fields = {
    2: { kind: 'f32s', value: tensor.scales ?? [] },
    3: { kind: 'i64s', value: tensor.zeroPoints ?? [] },
    6: { kind: 'i32', value: tensor.axis ?? 0 },
  };
  return {
    0: { kind: 'i32s', value: tensor.shape },
    1: { kind: 'u8', value: tensor.type },
    2: { kind: 'u32', value: buffer },
    3: { kind: 'text', value: tensor.name },
    ...(tensor.scales === undefined ? {} : { 4: { kind: 'table', fields: quantization } as const }),
  };
}

/**
 * Builds a TensorFlow Lite model of one graph (schema.fbs); the last tensor is an activation without values.
 *
 * @param operator number of the builtin operator that reads the first tensor as its filter
 */
export function buildModel(tensors: readonly BuiltTensor[], operator = 0): Uint8Array {
  const activation: BuiltTensor = { name: 'input', type: 0, shape: [1, 4], data: new Uint8Array(0) };
  const all = [...tensors, activation];
  const graph: Fields = {
    0: { kind: 'tables', value: all.map((tensor, i) => tensorFields(tensor, i < tensors.length ? i + 1 : 0)) },
    3: { kind: 'tables', value: [{ 0: { kind: 'u32', value: 0 }, 1: { kind: 'i32s', value: [tensors.length, 0] } }] },
  };
  return new Builder().build({
    0: { kind: 'u32', value: 3 },
    1: { kind: 'tables', value: [{ 0: { kind: 'u8', value: operator } }] },
    2: { kind: 'tables', value: [graph] },
    3: { kind: 'text', value: 'built for a test' },
    4: {
      kind: 'tables',
      value: [{}, ...tensors.map((tensor): Fields => ({ 0: { kind: 'bytes', value: tensor.data } }))],
    },
  });
}
