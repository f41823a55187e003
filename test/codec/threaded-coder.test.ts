import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type BlockCoder,
  type BlockContext,
  createThreadedCoder,
  type EncodedBlock,
  localCoder,
} from '../../src/codec/index.ts';
import { WsvcError } from '../../src/errors.ts';
import { createRandom } from '../store/blobs.ts';
import '../commands/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'wsvc-threads-'));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNT = 50_000;

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer);
}

/** Weights, and the same after so many steps. */
function drawWalk(seed: number, steps: number): readonly Uint8Array[] {
  const random = createRandom(seed);
  const draw = (size: number) => Float32Array.from({ length: COUNT }, () => (random() - 0.5) * size);
  const walk = [draw(0.1)];
  for (let step = 0; step < steps; step++) {
    const moves = draw(1e-4);
    walk.push((walk.at(-1) ?? draw(0)).map((value, i) => value + (moves[i] ?? 0)));
  }
  return walk.map(bytesOf);
}

/** An update of rank one of a matrix of 200 rows, so large that a row factor of its own pays. */
function drawUpdated(seed: number): { readonly plain: Uint8Array; readonly base: Uint8Array } {
  const random = createRandom(seed);
  const base = Float32Array.from({ length: COUNT }, () => random() - 0.5);
  const [left, right] = [200, 250].map((length) => Float32Array.from({ length }, () => random() - 0.5));
  const plain = base.map((value, i) => value + (left?.[Math.floor(i / 250)] ?? 0) * (right?.[i % 250] ?? 0) * 0.1);
  return { plain: bytesOf(plain), base: bytesOf(base) };
}

const [before, base, plain] = drawWalk(1, 2) as [Uint8Array, Uint8Array, Uint8Array];
const updated = drawUpdated(2);
const CASES: readonly (readonly [string, Uint8Array, BlockContext])[] = [
  ['without a base', plain, { type: 'f32' }],
  ['against a base', plain, { type: 'f32', base }],
  ['against a base and its base', plain, { type: 'f32', base, baseOfBase: before }],
  ['as codes of no type', plain, { type: 'bytes' }],
  ['as an update of low rank', updated.plain, { type: 'f32', base: updated.base, rowLength: 250, sharesFactor: true }],
];

/** What a comparison of megabytes number by number would take seconds for. */
const told = ({ payload, ...rest }: EncodedBlock) => ({ ...rest, payload: Buffer.from(payload).toString('base64') });

async function inThreads<T>(use: (coder: BlockCoder) => Promise<T>, program?: string): Promise<T> {
  return use(createThreadedCoder(2, { warmUpBytes: 0, program }));
}

/** What decoding is told: the ancestors that the block names. */
function contextFor({ ancestors, rowFactor }: EncodedBlock, context: BlockContext): BlockContext {
  const { type, base, baseOfBase } = context;
  if (ancestors === 0 || base === undefined) return { type };
  const second = rowFactor === undefined ? { baseOfBase } : { rowFactor };
  return { type, base, baseType: type, ...(ancestors === 2 ? second : {}) } as BlockContext;
}

describe('blocks that are coded on threads', () => {
  it.each(CASES)('%s are the same', (_, bytes, context) =>
    inThreads(async (coder) => {
      const expected = localCoder.encodeBlock(bytes, context);
      const coded = await coder.encodeBlock(bytes, context);
      expect(told(coded)).toEqual(told(expected));
      const decoded = await coder.decodeBlock(coded, bytes.byteLength, contextFor(coded, context));
      expect(Buffer.compare(decoded, bytes)).toBe(0);
    }),
  );

  it('keep their order, and the buffers of who asked', () =>
    inThreads(async (coder) => {
      const blocks = Array.from({ length: 24 }, (_, i) => drawWalk(i + 10, 1)[i % 2] ?? plain);
      const inside = new Uint8Array(plain.byteLength + 64);
      inside.set(plain, 32);
      const view = inside.subarray(32, 32 + plain.byteLength);
      const coded = await Promise.all([...blocks, view].map((block) => coder.encodeBlock(block, { type: 'f32' })));
      expect(coded.map(told)).toEqual(
        [...blocks, plain].map((block) => told(localCoder.encodeBlock(block, { type: 'f32' }))),
      );
      expect(Buffer.compare(view, plain)).toBe(0);
    }));

  it('fail as they do without', () =>
    inThreads(async (coder) => {
      const unknown = coder.decodeBlock({ codec: 255, payload: plain }, plain.byteLength, { type: 'f32' });
      await expect(unknown).rejects.toMatchObject({ code: 'format-version' });
      await expect(unknown).rejects.toBeInstanceOf(WsvcError);
      const { codec, payload } = localCoder.encodeBlock(plain, { type: 'f32' });
      const cut = coder.decodeBlock({ codec, payload: payload.subarray(0, 99) }, plain.byteLength, { type: 'f32' });
      await expect(cut).rejects.toMatchObject({ code: 'corrupt' });
    }));

  it.each([
    ['dies at once', 'process.exit(1)'],
    ['cannot be loaded', 'this is no program'],
    ['dies at the first task', "require('node:worker_threads').parentPort.on('message', () => process.exit(3))"],
    ['throws at the first task', "require('node:worker_threads').parentPort.on('message', () => { throw 1; })"],
  ])('are coded without when a thread %s', async (_, program) => {
    const file = join(folder, 'program.cjs');
    writeFileSync(file, program);
    await inThreads(async (coder) => {
      const coded = Array.from({ length: 9 }, () => coder.encodeBlock(plain, { type: 'f32', base }));
      const expected = told(localCoder.encodeBlock(plain, { type: 'f32', base }));
      for (const one of coded) expect(told(await one)).toEqual(expected);
    }, file);
  });
});
