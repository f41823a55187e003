import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { bundleOf } from '../../formats/tf-checkpoint/bundle.ts';
import { buildModel } from '../../formats/tflite/build-model.ts';
import { f32, join, latin1, u8, u32, u64 } from './bytes.ts';
import { type Seed, seedOf } from './seed.ts';

const HALF = u8(0x00, 0x38);
const ints = (count: number) => Buffer.from(Int8Array.from({ length: count }, (_, i) => i - 16).buffer);

/** GGUF: metadata of every kind, a plain tensor and two of blocks. */
function gguf(version: number): Buffer {
  const text = (value: string) => join(u64(Buffer.byteLength(value)), value);
  const pair = (key: string, type: number, value: Uint8Array) => join(text(key), u32(type), value);
  const tensor = (name: string, dims: readonly number[], type: number, offset: number) =>
    join(text(name), u32(dims.length), u64(...dims), u32(type), u64(offset));
  const header = join(
    ...['GGUF', u32(version), u64(3), u64(4)],
    pair('general.architecture', 8, text('llama')),
    pair('llama.block_count', 4, u32(2)),
    pair('tokens', 9, join(u32(8), u64(2), text('a'), text('bc'))),
    pair('nested', 9, join(u32(9), u64(1), u32(0), u64(3), u8(1, 2, 3))),
    tensor('output.weight', [3, 2], 0, 0),
    tensor('blk.0.q8', [32, 1], 8, 32),
    tensor('blk.0.q4', [32, 1], 2, 96),
  );
  const blocks = [f32(1, 2, 3, 4, 5, 6), Buffer.alloc(8), HALF, ints(32), Buffer.alloc(30), HALF, ints(16)];
  return join(header, Buffer.alloc((32 - (header.byteLength % 32)) % 32), ...blocks);
}

/** GGUF of a big-endian machine. */
function bigEndianGguf(): Buffer {
  const word = (value: number) => Buffer.from(u32(value)).reverse();
  const long = (value: number) => Buffer.from(u64(value)).reverse();
  const text = (value: string) => join(long(value.length), value);
  const tensor = (name: string, size: number, type: number, offset: number) =>
    join(text(name), word(1), long(size), word(type), long(offset));
  const header = join(
    ...['GGUF', word(3), long(2), long(1), text('llama.block_count'), word(4), word(2)],
    tensor('plain', 6, 0, 0),
    tensor('q8', 32, 8, 32),
  );
  const data = [Buffer.from(f32(1, 2, 3, 4, 5, 6)).reverse(), Buffer.alloc(8), u8(0x38, 0x00), ints(32)];
  return join(header, Buffer.alloc((32 - (header.byteLength % 32)) % 32), ...data);
}

/** GGUF whose blocks have codebooks. */
function codebookGguf(): Buffer {
  const text = (value: string) => join(u64(value.length), value);
  const sizes = { 16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82, 29: 56 };
  let offset = 0;
  const tensors = Object.entries(sizes).map(([type, byteLength], i) => {
    const data = Buffer.alloc(32 * Math.ceil(byteLength / 32), 0x35 + i);
    const info = join(text(`w${type}`), u32(1), u64(256), u32(Number(type)), u64(offset));
    offset += data.byteLength;
    return { info, data };
  });
  const header = join('GGUF', u32(3), u64(tensors.length), u64(0), ...tensors.map(({ info }) => info));
  return join(header, Buffer.alloc((32 - (header.byteLength % 32)) % 32), ...tensors.map(({ data }) => data));
}

/** A llama file before GGUF: settings, two tokens, a tensor of Q4_0. */
function ggjt(): Buffer {
  const token = join(u32(1), 'a', f32(0.5));
  const head = join('tjgg', u32(3), u32(2, 32, 1, 1, 1, 1, 2), token, token, u32(2, 1, 2, 32, 1), 'w');
  return join(head, Buffer.alloc((32 - (head.byteLength % 32)) % 32), HALF, ints(16));
}

/** An RWKV file: version, settings, tensors up to the end. */
function rwkv(): Buffer {
  const tensor = (name: string, dims: readonly number[], data: Uint8Array) =>
    join(u32(dims.length, name.length, 0, ...dims), name, data);
  const settings = u32(0x67676d66, 101, 2, 4, 1, 0);
  return join(
    settings,
    tensor('emb.weight', [4, 2], f32(1, 2, 3, 4, 5, 6, 7, 8)),
    tensor('ln.bias', [4], f32(1, 1, 1, 1)),
  );
}

type Part = (writer: BinaryWriter) => BinaryWriter;
const number =
  (field: number, value: number): Part =>
  (writer) =>
    writer.tag(field, WireType.Varint).int64(value);
const bytes =
  (field: number, value: Uint8Array | string): Part =>
  (writer) =>
    typeof value === 'string'
      ? writer.tag(field, WireType.LengthDelimited).string(value)
      : writer.tag(field, WireType.LengthDelimited).bytes(value);
const message =
  (field: number, ...parts: readonly Part[]): Part =>
  (writer) =>
    parts.reduce((open, part) => part(open), writer.tag(field, WireType.LengthDelimited).fork()).join();
const build = (...parts: readonly Part[]): Uint8Array =>
  parts.reduce((writer, part) => part(writer), new BinaryWriter()).finish();

/** ONNX: raw, typed, packed and external values, a constant and a product. */
function onnxParts(isExternal: boolean): readonly Part[] {
  const entry = (key: string, value: string) => message(13, bytes(1, key), bytes(2, value));
  const external = [number(14, 1), entry('location', 'w.bin'), entry('offset', '4'), entry('length', '8')];
  const raw = [bytes(9, f32(1, 2, 3, 4))];
  const node = message(1, bytes(1, 'x'), bytes(1, 'w'), bytes(2, 'y'), bytes(4, 'MatMul'));
  const value = message(5, number(1, 2), number(2, 7), bytes(7, u8(1, 130, 1)));
  const constant = message(
    1,
    bytes(2, 'c'),
    bytes(4, 'Constant'),
    message(5, bytes(1, 'value'), message(5, number(1, 2), number(2, 1), bytes(9, f32(1, 2))), number(20, 4)),
  );
  const weight = message(
    5,
    number(1, 2),
    ...(isExternal ? [] : [number(1, 2)]),
    number(2, 1),
    bytes(8, 'w'),
    ...(isExternal ? external : raw),
  );
  const nibbles = message(5, number(1, 3), number(2, 22), bytes(8, 'n'), bytes(9, u8(0x7f, 0x08)));
  return [
    number(1, 8),
    bytes(2, 'test'),
    message(7, node, constant, value, weight, nibbles, bytes(2, 'graph')),
    message(8, bytes(1, ''), number(2, 17)),
  ];
}

/** ONNX whose weight is kept as codes with a scale a row. */
function quantizedOnnx(): Uint8Array {
  const dequantize = message(
    1,
    ...['w', 's', 'z'].map((input) => bytes(1, input)),
    ...[bytes(2, 'd'), bytes(4, 'DequantizeLinear')],
    message(5, bytes(1, 'axis'), number(3, 0), number(20, 2)),
  );
  const product = message(1, bytes(1, 'x'), bytes(1, 'd'), bytes(2, 'y'), bytes(4, 'MatMul'));
  const size = [number(1, 2), number(1, 2)];
  const codes = message(5, ...size, number(2, 3), bytes(8, 'w'), bytes(9, u8(1, 2, 255, 4)));
  const scales = message(5, number(1, 2), number(2, 1), bytes(8, 's'), bytes(9, f32(0.5, 2)));
  const zeros = message(5, number(1, 2), number(2, 3), bytes(8, 'z'), bytes(9, u8(1, 0)));
  return build(number(1, 8), bytes(2, 'test'), message(7, dequantize, product, codes, scales, zeros));
}

const LITE = [
  { name: 'dense', type: 0, shape: [2, 2], data: f32(1, 2, 3, 4) },
  { name: 'codes', type: 9, shape: [2, 2], data: u8(1, 2, 3, 255), scales: [0.5, 0.25], zeroPoints: [0, 1], axis: 0 },
  { name: 'halves', type: 1, shape: [2], data: u8(0, 60, 0, 188) },
];

const BUNDLE = [
  { key: 'dense/kernel/.ATTRIBUTES/VARIABLE_VALUE', dtype: 1, shape: [2, 2], bytes: f32(1, 2, 3, 4) },
  {
    key: 'dense/kernel/.OPTIMIZER_SLOT/opt/m/.ATTRIBUTES/VARIABLE_VALUE',
    dtype: 1,
    shape: [2, 2],
    bytes: f32(1, 2, 3, 4),
  },
  { key: 'step/.ATTRIBUTES/VARIABLE_VALUE', dtype: 9, shape: [], bytes: u64(7), shard: 1 },
  { key: '_CHECKPOINTABLE_OBJECT_GRAPH', dtype: 7, shape: [], bytes: latin1('\x02ab') },
];

/** Formats whose files are written by hand. */
export function modelSeeds(): readonly Seed[] {
  return [
    seedOf('gguf', 'model.gguf', gguf(3)),
    seedOf('gguf', 'old.gguf', gguf(2)),
    seedOf('gguf', 'big-endian.gguf', bigEndianGguf()),
    seedOf('gguf', 'codebooks.gguf', codebookGguf()),
    seedOf('ggml', 'llama.bin', ggjt()),
    seedOf('ggml', 'rwkv.bin', rwkv()),
    seedOf('onnx', 'model.onnx', build(...onnxParts(false))),
    seedOf('onnx', 'quantized.onnx', quantizedOnnx()),
    { format: 'onnx', name: 'onnx: external', files: { 'm.onnx': build(...onnxParts(true)), 'w.bin': f32(9, 1, 2) } },
    seedOf('tflite', 'model.tflite', buildModel(LITE, 9)),
    { format: 'tf-checkpoint', name: 'tf-checkpoint: two shards', files: bundleOf(BUNDLE, { shardCount: 2 }) },
  ];
}
