import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { compileAll, hasCompiler } from '../../bin/build-wasm.js';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { encodeDense } from '../../src/codec/dense.ts';
import { type BlockContext, type BlockType, decodeBlock, encodeBlock } from '../../src/codec/index.ts';
import { openKernels } from '../../src/codec/kernels/layout.ts';
import { predictBlock } from '../../src/codec/reference.ts';
import { createRandom } from '../bench/small-net.ts';
import { DTYPES } from './dtypes.ts';

afterEach(() => allowWasm(true));

/** Runs the same work by plain loops and as WebAssembly. */
function both<T>(work: () => T): readonly [plain: T, wasm: T] {
  allowWasm(false);
  const plain = work();
  allowWasm(true);
  return [plain, work()];
}

/** Numbers as weights are, cut to bytes of any type; every `every`-th is drawn anew. */
function drawBytes(seed: number, byteLength: number, every: number): Uint8Array {
  const weights = createRandom(7);
  const changes = createRandom(seed);
  const values = Float32Array.from({ length: Math.ceil(byteLength / 4) }, (_, i) => {
    const weight = weights.normal() * 0.05;
    return i % every === 0 ? weight + changes.normal() * 1e-4 : weight;
  });
  return new Uint8Array(values.buffer, 0, byteLength);
}

function expectSame(plain: Uint8Array, context: BlockContext): void {
  const [slow, fast] = both(() => encodeBlock(plain, context));
  expect([fast.codec, fast.ancestors]).toEqual([slow.codec, slow.ancestors]);
  expect(Buffer.compare(fast.payload, slow.payload)).toBe(0);
  const decoded = both(() => decodeBlock(fast, plain.length, context));
  for (const bytes of decoded) expect(Buffer.compare(bytes, plain)).toBe(0);
}

describe('the module', () => {
  it('runs on this machine', () => {
    expect(openKernels()).toBeDefined();
  });

  const installed = hasCompiler();
  it.skipIf(!installed)(`is what its sources give${installed ? '' : ' (NOT CHECKED: run npm ci)'}`, async () => {
    for (const [path, text] of await compileAll()) {
      expect(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')).toBe(text);
    }
  });
});

describe.each(DTYPES)('blocks of %s', (type: BlockType) => {
  it('have the same bytes by plain loops and as WebAssembly', () => {
    const seeds = fc.integer({ min: 1, max: 1 << 30 });
    const counts = fc.integer({ min: 250, max: 1600 });
    fc.assert(
      fc.property(seeds, counts, fc.constantFrom(1, 3, 100), fc.boolean(), (seed, count, every, zeros) => {
        const [before, base, next] = [1, 2, 3].map((step) => drawBytes(seed + step, count * 16, every));
        if (base === undefined || before === undefined || next === undefined) return;
        if (zeros) for (const bytes of [base, before, next]) bytes.fill(0, 64, 640);
        expectSame(next, { type });
        expectSame(next, { type, base });
        expectSame(next, { type, base, baseOfBase: before });
      }),
      { numRuns: 12 },
    );
  });

  it('have the same bytes where the numbers are of no likely kind', () => {
    const bytes = fc.uint8Array({ minLength: 4096, maxLength: 4096 });
    const repeated = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 24 }), fc.nat(255)).map(([unit, step]) => {
      return Uint8Array.from({ length: 8192 }, (_, i) => (unit[i % unit.length] ?? 0) + (i % 512 === 0 ? step : 0));
    });
    fc.assert(
      fc.property(fc.oneof(bytes, repeated), bytes, (plain, noise) => {
        const base = Uint8Array.from(plain, (byte, i) => byte ^ ((noise[i % 4096] ?? 0) > 250 ? 1 : 0));
        const dense = both(() => encodeDense(plain, type, { reference: { kind: 'base' }, base }));
        expect(Buffer.compare(dense[0], dense[1])).toBe(0);
        expectSame(plain, { type });
        expectSame(plain, { type, base });
      }),
      { numRuns: 12 },
    );
  });
});

describe.each(['f32', 'bf16', 'f16', 'f8_e4m3'] as const)('a base of %s', (type) => {
  it('is moved on alike whatever its bits are', () => {
    const bytes = () => fc.uint8Array({ minLength: 1036, maxLength: 1036 });
    const momenta = fc.oneof(fc.constantFrom(0.5, 1, -1, 3.75), fc.float({ min: -4, max: 4, noNaN: true }));
    fc.assert(
      fc.property(bytes(), bytes(), momenta, fc.boolean(), (base, noise, momentum, isNear) => {
        const before = isNear ? base.map((byte, i) => byte ^ ((noise[i] ?? 0) & (i % 2 === 0 ? 7 : 0))) : noise;
        const [plain, fast] = both(() => predictBlock({ base, before, momentum }, type));
        expect(Buffer.compare(plain, fast)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('damaged payloads', () => {
  it('are refused, or give the same bytes, by plain loops and as WebAssembly', () => {
    const [base, plain] = [drawBytes(1, 8192, 1), drawBytes(2, 8192, 1)];
    const contexts: readonly BlockContext[] = [{ type: 'f32' }, { type: 'f32', base }];
    const historic: BlockContext = { type: 'f32', base, baseOfBase: drawBytes(3, 8192, 1) };
    const few = { ...historic, base: drawBytes(2, 8192, 1).map((byte, i) => byte ^ (i % 400 === 0 ? 9 : 0)) };
    for (const context of [...contexts, historic, few]) {
      const block = encodeBlock(plain, context);
      const decodeDamaged = (at: number, bit: number) => {
        const payload = block.payload.slice();
        payload[at] = (payload[at] ?? 0) ^ (1 << bit);
        return both(() => {
          try {
            return Buffer.from(decodeBlock({ ...block, payload }, plain.length, context)).toString('base64');
          } catch (error) {
            return error instanceof Error ? error.constructor.name : 'thrown';
          }
        });
      };
      fc.assert(
        fc.property(fc.nat(block.payload.length - 1), fc.nat(7), (at, bit) => {
          const [slow, fast] = decodeDamaged(at, bit);
          expect(fast).toBe(slow);
        }),
        { numRuns: 150 },
      );
    }
  });
});
