import { describe, expect, test } from 'vitest';
import { directoryFiles } from '../../../src/bytes/directory-files.ts';
import { readWeights } from '../../../src/formats/read-weights.ts';
import { openCheckpoint, openKnownCheckpoint } from '../../../src/formats/registry.ts';
import { casePath, hasCases, readCase } from '../../cases.ts';
import { brokenRule, findProblem, memoryFiles, openBytes, tensorBytes, tensorValues } from '../files.ts';
import { refuseMutants } from '../mutations.ts';

const u16 = (value: number) => Buffer.from(Uint16Array.of(value).buffer);
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const f32 = (...values: readonly number[]) => Buffer.from(Float32Array.from(values).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

const pair = (key: string, type: number, value: Buffer) => Buffer.concat([text(key), u32(type), value]);
const string = (key: string, value: string) => pair(key, 8, text(value));

interface Tensor {
  readonly name: string;
  readonly dims: readonly (number | bigint)[];
  readonly type: number;
  readonly offset: number | bigint;
}

const tensorInfo = ({ name, dims, type, offset }: Tensor) =>
  Buffer.concat([text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)]);

interface Parts {
  readonly version?: number;
  readonly pairs?: readonly Buffer[];
  readonly tensors?: readonly Tensor[];
  readonly data?: Buffer;
}

const PAIRS = [
  string('general.architecture', 'llama'),
  pair('llama.block_count', 4, u32(2)),
  pair('tokenizer.ggml.tokens', 9, Buffer.concat([u32(8), u64(2), text('a'), text('bc')])),
  pair('nested', 9, Buffer.concat([u32(9), u64(1), u32(0), u64(3), Buffer.from([1, 2, 3])])),
  pair('flag', 7, Buffer.from([1])),
];
const TENSORS: readonly Tensor[] = [
  { name: 'output.weight', dims: [3, 2], type: 0, offset: 0 },
  { name: 'blk.0.ffn.weight', dims: [32, 1], type: 8, offset: 32 },
];
const Q8 = Buffer.concat([
  Buffer.from([0x00, 0x38]),
  Buffer.from(Int8Array.from({ length: 32 }, (_, i) => i - 16).buffer),
]);
const DATA = Buffer.concat([f32(1, 2, 3, 4, 5, 6), Buffer.alloc(8), Q8]);

function ggufOf({ version = 3, pairs = PAIRS, tensors = TENSORS, data = DATA }: Parts = {}): Buffer {
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(tensors.length),
    u64(pairs.length),
    ...pairs,
    ...tensors.map(tensorInfo),
  ]);
  return Buffer.concat([header, Buffer.alloc((32 - (header.byteLength % 32)) % 32), data]);
}

/** A model of a big-endian machine: a plain tensor, and blocks of two types. */
function bigEndianGguf(): Buffer {
  const swapped = (value: Buffer) => Buffer.from(value).reverse();
  const word = (value: number) => swapped(u32(value));
  const long = (value: number) => swapped(u64(value));
  const name = (value: string) => Buffer.concat([long(value.length), Buffer.from(value)]);
  const tensor = (called: string, dims: readonly number[], type: number, offset: number) =>
    Buffer.concat([name(called), word(dims.length), ...dims.map(long), word(type), long(offset)]);
  const header = Buffer.concat([
    ...[Buffer.from('GGUF'), word(3), long(3), long(1)],
    ...[name('llama.block_count'), word(4), word(2)],
    tensor('a', [2, 1], 0, 0),
    tensor('b', [32], 8, 32),
    tensor('c', [32], 20, 96),
  ]);
  const plain = Buffer.concat([swapped(f32(1)), swapped(f32(-2))]);
  const q8 = Buffer.concat([Buffer.from([0x38, 0x00]), Q8.subarray(2)]);
  const padded = (data: Buffer, to: number) => Buffer.concat([data, Buffer.alloc(to - data.byteLength)]);
  const data = Buffer.concat([padded(plain, 32), padded(q8, 64), Buffer.alloc(18)]);
  return Buffer.concat([header, Buffer.alloc((32 - (header.byteLength % 32)) % 32), data]);
}

const ruleOf = (bytes: Uint8Array) => brokenRule(memoryFiles({ 'model.gguf': bytes }));
const withTensor = (change: Partial<Tensor>) =>
  ggufOf({ tensors: [{ name: 'w', dims: [3, 2], type: 0, offset: 0, ...change }] });

describe('gguf', () => {
  test('tensors, reversed sizes, and what the file says about itself', async () => {
    const checkpoint = await openBytes('model', ggufOf());
    expect(checkpoint).toMatchObject({
      format: 'gguf',
      declared: { 'general.architecture': 'llama', 'llama.block_count': 2, flag: 'true' },
      tensors: [
        { name: 'output.weight', dtype: 'f32', shape: [2, 3], role: 'weight' },
        { name: 'blk.0.ffn.weight', dtype: 'f32', shape: [1, 32], role: 'weight' },
      ],
    });
    expect(checkpoint.tensors[0]?.at?.byteLength).toBe(24);
    expect(checkpoint.tensors[1]?.at).toBeUndefined();
    expect(await tensorValues(checkpoint, 'output.weight')).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await tensorValues(checkpoint, 'blk.0.ffn.weight')).toEqual(
      Array.from({ length: 32 }, (_, i) => (i - 16) / 2),
    );
  });

  test('blocks of a type without a known layout are named as unread', async () => {
    const tensors = [{ name: 'w', dims: [128], type: 41, offset: 0 }];
    const checkpoint = await openBytes('model', ggufOf({ tensors, data: Buffer.alloc(18) }));
    expect(checkpoint).toMatchObject({
      tensors: [],
      unread: [{ name: 'w', reason: expect.stringMatching(/Q1_0/) }],
    });
  });

  test('big-endian files are read, but for blocks that no writer has in that order', async () => {
    const checkpoint = await openBytes('model', bigEndianGguf());
    expect(checkpoint).toMatchObject({
      declared: { 'llama.block_count': 2 },
      unread: [{ name: 'c', reason: expect.stringMatching(/big-endian blocks of the type IQ4_NL/) }],
    });
    expect(checkpoint.tensors.map(({ name, shape, at, codes }) => [name, shape, at, codes])).toEqual([
      ['a', [1, 2], undefined, undefined],
      ['b', [32], undefined, undefined],
    ]);
    expect(await tensorValues(checkpoint, 'a')).toEqual([1, -2]);
    expect(await tensorValues(checkpoint, 'b')).toEqual(Array.from({ length: 32 }, (_, i) => (i - 16) / 2));
  });

  describe('split by llama.cpp', () => {
    const part = (index: number, count: number, name: string) =>
      ggufOf({
        pairs: [pair('split.no', 2, u16(index)), pair('split.count', 2, u16(count))],
        tensors: [{ name, dims: [3, 2], type: 0, offset: 0 }],
        data: f32(1 + index, 2, 3, 4, 5, 6),
      });
    const parts = {
      'm-00001-of-00002.gguf': part(0, 2, 'a.weight'),
      'm-00002-of-00002.gguf': part(1, 2, 'b.weight'),
    };

    test('is one checkpoint, by its first part', async () => {
      const checkpoint = await openKnownCheckpoint(memoryFiles(parts));
      expect(checkpoint.files.map(({ name }) => name)).toEqual(Object.keys(parts));
      expect(checkpoint.tensors.map(({ name, at }) => [name, at?.file])).toEqual([
        ['a.weight', 0],
        ['b.weight', 1],
      ]);
      expect((await tensorValues(checkpoint, 'b.weight'))[0]).toBe(2);
    });

    test('also when it is stored, and its first part has no name', async () => {
      const files = memoryFiles({ stored: parts['m-00001-of-00002.gguf'], ...parts });
      const names = ['', 'm-00002-of-00002.gguf'];
      expect((await openKnownCheckpoint({ ...files, names })).tensors).toHaveLength(2);
    });

    test('another part stands for itself', async () => {
      const alone = memoryFiles({ 'm-00002-of-00002.gguf': parts['m-00002-of-00002.gguf'] });
      expect((await openKnownCheckpoint(alone)).tensors.map(({ name }) => name)).toEqual(['b.weight']);
    });

    test('is refused where a part is missing, or holds a tensor of another', async () => {
      const first = { 'm-00001-of-00002.gguf': parts['m-00001-of-00002.gguf'] };
      expect(await brokenRule(memoryFiles(first))).toContain('is missing');
      const twice = { ...first, 'm-00002-of-00002.gguf': part(1, 2, 'a.weight') };
      expect(await brokenRule(memoryFiles(twice))).toContain('must not be in two parts');
    });
  });

  test('large tensors come in pieces of at most 4 MiB', async () => {
    const rows = 40_000;
    const tensors = [{ name: 'w', dims: [32, rows], type: 8, offset: 0 }];
    const checkpoint = await openBytes('model', ggufOf({ tensors, data: Buffer.concat(Array(rows).fill(Q8)) }));
    const [tensor] = checkpoint.tensors;
    let total = 0;
    for await (const piece of tensor === undefined ? [] : checkpoint.readTensor(tensor)) {
      expect(piece.byteLength).toBeLessThanOrEqual(4 * 1024 * 1024);
      total += piece.byteLength;
    }
    expect(total).toBe(rows * 128);
  });

  const twice = [...PAIRS, string('general.architecture', 'llama')];
  test.each<[string, Buffer, string]>([
    ['a version of the future', ggufOf({ version: 4 }), 'version must be'],
    ['a version of the future in the other byte order', ggufOf({ version: 0x04000000 }), 'version must be'],
    ['a key twice', ggufOf({ pairs: twice }), 'key "general.architecture" must not be there twice'],
    ['an unknown metadata type', ggufOf({ pairs: [pair('x', 13, u32(0))] }), 'metadata type 13'],
    ['a truth value of 2', ggufOf({ pairs: [pair('x', 7, Buffer.from([2]))] }), 'truth value'],
    ['an endless text', ggufOf({ pairs: [pair('x', 8, u64(2n ** 63n))] }), 'end before the file'],
    [
      'an endless array',
      ggufOf({ pairs: [pair('x', 9, Buffer.concat([u32(4), u64(2n ** 62n)]))] }),
      'end before the file',
    ],
    ['a long key', ggufOf({ pairs: [pair('k'.repeat(70_000), 0, Buffer.from([1]))] }), 'must not be over 65535'],
    [
      'deep arrays',
      ggufOf({ pairs: [pair('x', 9, Buffer.concat(Array(20).fill(Buffer.concat([u32(9), u64(1)]))))] }),
      'nest',
    ],
    ['an alignment of 3', ggufOf({ pairs: [pair('general.alignment', 4, u32(3))] }), 'power of two'],
    [
      'a key that is no text',
      ggufOf({ pairs: [Buffer.concat([u64(1), Buffer.from([0xff]), u32(0), Buffer.of(1)])] }),
      'UTF-8',
    ],
    ['a tensor twice', ggufOf({ tensors: [TENSORS[0], TENSORS[0]].filter((t) => t !== undefined) }), 'there twice'],
    ['too many axes', withTensor({ dims: [1, 1, 1, 1, 1] }), 'over 4 axes'],
    ['an uncountable shape', withTensor({ dims: [2n ** 40n, 2n ** 40n] }), 'countable'],
    ['a withdrawn type', withTensor({ type: 31 }), 'type 31 is not supported'],
    ['rows that are no blocks', withTensor({ dims: [33, 32], type: 8 }), 'whole blocks'],
    ['an odd offset', withTensor({ offset: 4 }), 'multiple of the alignment'],
    ['bytes beyond the file', withTensor({ offset: 64 }), 'inside the file'],
    ['bytes far beyond the file', withTensor({ offset: 2n ** 64n - 32n }), 'inside the file'],
    ['overlapping tensors', ggufOf({ tensors: TENSORS.map((t) => ({ ...t, offset: 0 })) }), 'overlap'],
  ])('%s is refused', async (_, bytes, rule) => {
    expect(await ruleOf(bytes)).toContain(rule);
  });

  test('every truncation is refused', async () => {
    const bytes = ggufOf();
    for (let length = 0; length < bytes.byteLength; length += 1) {
      expect(await findProblem(memoryFiles({ 'm.gguf': bytes.subarray(0, length) }))).toBeDefined();
    }
  });

  test('mutants are read or refused', async () => {
    expect(await refuseMutants(ggufOf(), 4000, (mutant) => memoryFiles({ 'm.gguf': mutant }))).toBeGreaterThan(1000);
  });
});

/** A llama file of the container with that magic: two tokens, one tensor of Q4_0. */
function llamaOf(magic: string, version: number | undefined, block: Buffer): Buffer {
  const settings = [2, 32, 1, 1, 1, 1, 2].map(u32);
  const score = magic === 'ggml' ? Buffer.alloc(0) : f32(0.5);
  const token = Buffer.concat([u32(1), Buffer.from('a'), score]);
  const head = Buffer.concat([
    Buffer.from(magic).reverse(),
    version === undefined ? Buffer.alloc(0) : u32(version),
    ...settings,
    token,
    token,
    u32(2),
    u32(1),
    u32(2),
    u32(32),
    u32(1),
    Buffer.from('w'),
  ]);
  const padding = magic === 'ggjt' ? (32 - (head.byteLength % 32)) % 32 : 0;
  return Buffer.concat([head, Buffer.alloc(padding), block]);
}

const NIBBLES = Buffer.from(Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4)));
const WIDE = Buffer.concat([f32(0.5), NIBBLES]);
const NARROW = Buffer.concat([Buffer.from([0x00, 0x38]), NIBBLES]);
const PAIRED = Array.from({ length: 32 }, (_, e) => ((e % 2 === 0 ? e >> 1 : 15 - (e >> 1)) - 8) / 2);
const HALVED = Array.from({ length: 32 }, (_, e) => ((e < 16 ? e : 31 - e) - 8) / 2);

describe('the older containers', () => {
  test.each<[string, number | undefined, Buffer, readonly number[]]>([
    ['ggml', undefined, WIDE, PAIRED],
    ['ggmf', 1, WIDE, PAIRED],
    ['ggjt', 1, WIDE, PAIRED],
    ['ggjt', 2, WIDE, HALVED],
    ['ggjt', 3, NARROW, HALVED],
  ])('%s version %s', async (magic, version, block, values) => {
    const checkpoint = await openBytes('model.bin', llamaOf(magic, version, block));
    expect(checkpoint).toMatchObject({
      format: 'ggml',
      declared: { n_embd: 32 },
      tensors: [{ name: 'w', shape: [1, 32] }],
    });
    expect(await tensorValues(checkpoint, 'w')).toEqual(values);
  });

  test('an unknown version and broken records are refused', async () => {
    const ruleOfBin = (bytes: Uint8Array) => brokenRule(memoryFiles({ 'm.bin': bytes }));
    expect(await ruleOfBin(llamaOf('ggjt', 4, NARROW))).toContain('version 4');
    const bytes = llamaOf('ggjt', 3, NARROW);
    for (let length = 4; length < bytes.byteLength; length += 1) {
      expect(await findProblem(memoryFiles({ 'm.bin': bytes.subarray(0, length) }))).toBeDefined();
    }
    expect(await refuseMutants(bytes, 2000, (mutant) => memoryFiles({ 'm.bin': mutant }))).toBeGreaterThan(500);
  });
});

describe.skipIf(!hasCases)('one language model in four precisions', () => {
  const nameOf = (kind: string) => `tiny-rwkv-660K-${kind}.bin`;
  const weightsOf = async (kind: string) => {
    const checkpoint = await openKnownCheckpoint(directoryFiles(casePath('ggml', nameOf(kind))));
    const weights = await readWeights(checkpoint);
    await checkpoint.close();
    return weights;
  };

  // The bounds are what the cases' README states for the whole; parts of few bits are further off than the whole.
  test.each([
    ['FP16', 2e-4],
    ['Q5_0', 0.029],
    ['Q5_1', 0.029],
  ])('%s is near the original', async (kind, bound) => {
    const original = await weightsOf('FP32');
    const changed = await weightsOf(kind);
    expect([...changed.keys()]).toEqual([...original.keys()]);
    let distance = 0;
    let norm = 0;
    for (const [name, { data, shape }] of original) {
      const other = changed.get(name);
      expect(other?.shape).toEqual(shape);
      data.forEach((value, i) => {
        norm += value ** 2;
        distance += (value - (other?.data[i] ?? Number.NaN)) ** 2;
      });
    }
    const relative = Math.sqrt(distance / norm);
    expect(relative).toBeLessThan(bound);
    expect(relative).toBeGreaterThan(bound / 10);
  });

  test('a truncated file opens as unknown, and says why', async () => {
    const bytes = readCase('ggml', nameOf('Q5_0')).subarray(0, 300_000);
    expect(await openCheckpoint(memoryFiles({ 'm.bin': bytes }))).toMatchObject({
      format: 'unknown',
      problem: { code: 'bad-file', broken: { format: 'ggml', byteOffset: expect.any(Number) } },
    });
    expect((await tensorBytes(await openBytes('m', readCase('ggml', nameOf('Q5_0'))), 'emb.weight')).byteLength).toBe(
      131_072,
    );
  });
});
