import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RawTensor } from './resnet-sets.ts';

const Q8_0 = 8;
const F32 = 0;
const BLOCK = 32;

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const fill = (length: number) => Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);

/** The nearest f16, for the scales of drawn weights: positive, neither tiny nor huge. */
function halfOf(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  if (exponent < -14) return Math.round(value * 2 ** 24);
  const mantissa = value / 2 ** exponent - 1;
  const scaled = mantissa * 1024;
  const below = Math.floor(scaled);
  const isUp = scaled - below > 0.5 || (scaled - below === 0.5 && below % 2 === 1);
  return ((exponent + 15) << 10) + below + (isUp ? 1 : 0);
}

/** Q8_0 as ggml defines it: 32 numbers a block, a half-precision scale and 32 signed bytes. */
function quantize(values: Float32Array): Buffer {
  const out = Buffer.alloc((values.length / BLOCK) * (BLOCK + 2));
  for (let block = 0, at = 0; block < values.length; block += BLOCK, at += BLOCK + 2) {
    const numbers = values.subarray(block, block + BLOCK);
    const scale = Math.fround(numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    out.writeUInt16LE(scale === 0 ? 0 : halfOf(scale), at);
    for (const [i, x] of numbers.entries()) {
      const y = Math.fround(x * inverse);
      out.writeInt8(Math.sign(y) * Math.floor(Math.abs(y) + 0.5), at + 2 + i);
    }
  }
  return out;
}

const valuesOf = ({ bytes }: RawTensor): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);

/** Writes f32 tensors as a GGUF file, matrices as Q8_0 where their rows are whole blocks. */
export function writeGguf(folder: string, fileName: string, tensors: readonly RawTensor[]): void {
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const tensor of tensors) {
    const isCoded = tensor.shape.length > 1 && (tensor.shape.at(-1) ?? 0) % BLOCK === 0;
    const bytes = isCoded ? quantize(valuesOf(tensor)) : Buffer.from(tensor.bytes);
    const sizes = [...tensor.shape].reverse().map(u64);
    infos.push(text(tensor.name), u32(tensor.shape.length), ...sizes, u32(isCoded ? Q8_0 : F32), u64(offset));
    data.push(bytes, fill(bytes.length));
    offset += bytes.length + fill(bytes.length).length;
  }
  const setting = [text('general.architecture'), u32(8), text('llama')];
  const head = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(1), ...setting, ...infos]);
  writeFileSync(join(folder, fileName), Buffer.concat([head, fill(head.length), ...data]));
}
