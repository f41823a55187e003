import { describe, expect, it } from 'vitest';
import { readWeights } from '../../src/formats/read-weights.ts';
import { sampleOf } from '../../src/tensors/row-sample.ts';
import { openBytes } from './files.ts';

/** A safetensors file of 8-bit floats: bytes by their place. */
function makeFile(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const size = shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F8_E4M3', shape, data_offsets: [at, at + size] };
    at += size;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.byteLength + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  bytes.set(text, 8);
  for (let i = 0; i < at; i++) bytes[8 + text.byteLength + i] = Math.floor(i / 1000) % 120;
  return bytes;
}

describe('reading the weights of a large checkpoint', () => {
  it('gives all values of a small one', async () => {
    const checkpoint = await openBytes('small.safetensors', makeFile({ w: [30, 1000] }));
    expect((await readWeights(checkpoint)).get('w')?.shape).toEqual([30, 1000]);
    await checkpoint.close();
  });

  it('gives small tensors that are read together the values that each has by itself', async () => {
    const sizes = Array.from({ length: 700 }, (_, i) => (i % 7 === 3 ? [40_000] : [(i * 37) % 900, 3]));
    const shapes = Object.fromEntries(sizes.map((shape, i) => [`t${i}`, shape]));
    const checkpoint = await openBytes('many.safetensors', makeFile(shapes));
    const weights = await readWeights(checkpoint);
    expect([...weights.keys()]).toEqual(checkpoint.tensors.map(({ name }) => name));
    for (const entry of checkpoint.tensors) {
      const alone = await readWeights({ ...checkpoint, tensors: [entry] });
      expect(weights.get(entry.name)).toEqual(alone.get(entry.name));
    }
    await checkpoint.close();
  });

  it('gives some rows of one with nearly 2^25 values, a quarter, and small tensors whole', async () => {
    const checkpoint = await openBytes('large.safetensors', makeFile({ w: [33_001, 1000], b: [4096], c: [9000] }));
    const weights = await readWeights(checkpoint);
    const { rows } = sampleOf([33_001, 1000], 33_001_000, 4);
    expect([...weights].map(([name, { shape }]) => [name, shape])).toEqual([
      ['w', [rows.length, 1000]],
      ['b', [4096]],
      ['c', [4500]],
    ]);
    const data = weights.get('w')?.data ?? new Float32Array();
    expect(data).toHaveLength(rows.length * 1000);
    // Bytes of the pattern, a row each, as E4M3 decodes them.
    const decoded = await readWeights(await openBytes('codes.safetensors', codes()));
    const values = decoded.get('w')?.data ?? new Float32Array();
    for (const at of [0, 1, 2, 29, 30, 4000, 8250]) {
      const expected = values[(rows[at] ?? 0) % 120];
      expect([data[at * 1000], data[at * 1000 + 999]]).toEqual([expected, expected]);
    }
    await checkpoint.close();
  });
});

/** The 120 codes of the pattern. */
function codes(): Uint8Array {
  const bytes = makeFile({ w: [120] });
  for (let i = 0; i < 120; i++) bytes[bytes.byteLength - 120 + i] = i;
  return bytes;
}
