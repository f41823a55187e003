import { describe, expect, it } from 'vitest';
import { type BlockContext, decodeBlock, type EncodedBlock, encodeBlock } from '../../src/codec/index.ts';
import { WsvcError } from '../../src/errors.ts';
import { createRandom } from '../bench/small-net.ts';

interface Case {
  readonly name: string;
  readonly plain: Uint8Array;
  readonly context: BlockContext;
  /** The codec that the case is there for. */
  readonly codec: number;
}

const bytesOf = (array: Float32Array | Float64Array | Uint16Array | Int32Array) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function makeCases(): readonly Case[] {
  const { uniform, normal } = createRandom(11);
  const before = Float32Array.from({ length: 3000 }, () => normal() * 0.05);
  const steps = before.map(() => normal() * 1e-4);
  const base = before.map((w, i) => w + (steps[i] ?? 0));
  const next = base.map((w, i) => w + 0.9 * (steps[i] ?? 0) + normal() * 1e-5);
  const top = (values: Float32Array) => Uint16Array.from(new Uint32Array(values.slice().buffer), (u) => u >>> 16);
  const changed = top(base).map((u) => (uniform() < 0.02 ? u + 1 : u));
  const [f32, bf16] = [bytesOf(next), bytesOf(changed)];
  const codes = Uint8Array.from({ length: 4000 }, () => Math.round(normal() * 9));
  return [
    { name: 'raw', plain: codes.map(() => Math.floor(uniform() * 256)), context: { type: 'u8' }, codec: 0 },
    { name: 'deflate', plain: codes.map((_, i) => i % 7), context: { type: 'bytes' }, codec: 1 },
    { name: 'floats f32', plain: f32, context: { type: 'f32' }, codec: 2 },
    { name: 'floats f64', plain: bytesOf(Float64Array.from(next, Math.sin)), context: { type: 'f64' }, codec: 2 },
    { name: 'bytes', plain: codes, context: { type: 'i8' }, codec: 3 },
    { name: 'integers', plain: bytesOf(Int32Array.from(codes)), context: { type: 'i32' }, codec: 4 },
    { name: 'dense', plain: f32, context: { type: 'f32', base: bytesOf(base) }, codec: 4 },
    {
      name: 'dense f64',
      plain: bytesOf(Float64Array.from(next)),
      context: { type: 'f64', base: bytesOf(Float64Array.from(base)) },
      codec: 4,
    },
    {
      name: 'continued',
      plain: f32,
      context: { type: 'f32', base: bytesOf(base), baseOfBase: bytesOf(before) },
      codec: 9,
    },
    {
      name: 'low rank',
      plain: bytesOf(base.map((w, i) => w + 0.01 * Math.sin(Math.floor(i / 60)) * Math.cos(7 * (i % 60)))),
      context: { type: 'f32', base: bytesOf(base), rowLength: 60 },
      codec: 8,
    },
    { name: 'adaptive', plain: bf16, context: { type: 'bf16', base: bytesOf(top(base)) }, codec: 7 },
    { name: 'cast', plain: bf16, context: { type: 'bf16', base: bytesOf(base), baseType: 'f32' }, codec: 7 },
    {
      name: 'sparse',
      plain: bytesOf(Float64Array.from(base, (w, i) => (i % 9 === 4 ? w + 2 ** -20 : w))),
      context: { type: 'f64', base: bytesOf(Float64Array.from(base)) },
      codec: 5,
    },
  ];
}

/** Decodes what may be damaged: the right length, or the right error. */
function decodeDamaged(
  block: Pick<EncodedBlock, 'codec' | 'payload'>,
  plain: Uint8Array,
  context: BlockContext,
): 'found' | 'wrong' {
  try {
    const decoded = decodeBlock(block, plain.length, context);
    expect(decoded.length).toBe(plain.length);
    return 'wrong';
  } catch (error) {
    expect(error).toBeInstanceOf(WsvcError);
    expect(error).toHaveProperty('code', 'corrupt');
    return 'found';
  }
}

describe.each(makeCases())('a damaged block: $name', ({ plain, context, codec }) => {
  const block = encodeBlock(plain, context);

  it('is one of the codec that this is about', () => {
    expect(block.codec).toBe(codec);
    expect(Buffer.compare(decodeBlock(block, plain.length, context), plain)).toBe(0);
  });

  it('is refused at every truncation and with bytes added', () => {
    const lengths = Array.from({ length: block.payload.length }, (_, length) => length);
    // Some thousand of them are enough for the longest.
    for (const length of lengths.filter((n) => n < 200 || n % 7 === 0 || n > lengths.length - 40)) {
      const payload = block.payload.subarray(0, length);
      expect(decodeDamaged({ codec, payload }, plain, context), `cut to ${length}`).toBe('found');
    }
    const longer = new Uint8Array([...block.payload, 0]);
    if (codec !== 1) expect(decodeDamaged({ codec, payload: longer }, plain, context)).toBe('found');
  });

  it('never crashes nor hangs, whatever bits are changed', () => {
    const { uniform } = createRandom(5);
    const any = (limit: number) => Math.floor(uniform() * limit);
    for (let run = 0; run < 1500; run++) {
      const payload = block.payload.slice();
      // The header is short and says most.
      const limit = run % 2 === 0 ? Math.min(64, payload.length) : payload.length;
      for (let k = any(4); k >= 0; k--) payload[any(limit)] = any(256);
      decodeDamaged({ codec, payload }, plain, context);
      decodeDamaged({ codec: any(8), payload }, plain, context);
    }
  });

  it('is refused for another length, and without its ancestors', () => {
    const longer = new Uint8Array(plain.length + 8);
    expect(decodeDamaged(block, longer, context)).toBe('found');
    if (block.ancestors > 0) expect(decodeDamaged(block, plain, { type: context.type })).toBe('found');
  });
});
