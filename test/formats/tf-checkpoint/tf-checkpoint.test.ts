import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src/bytes/memory-source.ts';
import { readWeights } from '../../../src/formats/read-weights.ts';
import { openCheckpointAs, openKnownCheckpoint } from '../../../src/formats/registry.ts';
import { crc32c, maskCrc } from '../../../src/formats/tf-checkpoint/crc32c.ts';
import { decodeSnappy } from '../../../src/formats/tf-checkpoint/snappy.ts';
import { brokenRule, findProblem, memoryFiles, readAll, tensorValues } from '../files.ts';
import { refuseMutants } from '../mutations.ts';
import { type BundleTensor, bundleOf, tableOf } from './bundle.ts';

const FLOAT = 1;
const INT64 = 9;
const STRING = 7;
const f32 = (...values: readonly number[]) => Buffer.from(Float32Array.from(values).buffer);
const i64 = (value: number) => Buffer.from(BigInt64Array.of(BigInt(value)).buffer);
const variable = (path: string) => `${path}/.ATTRIBUTES/VARIABLE_VALUE`;

const KERNEL = f32(1, 2, 3, 4, 5, 6);
const TENSORS: readonly BundleTensor[] = [
  { key: variable('model/layer-1/kernel'), dtype: FLOAT, shape: [2, 3], bytes: KERNEL },
  { key: variable('model/layer-1/bias'), dtype: FLOAT, shape: [3], bytes: f32(7, 8, 9), shard: 1 },
  { key: variable('model/layer-1/kernel/.OPTIMIZER_SLOT/optimizer/m'), dtype: FLOAT, shape: [2, 3], bytes: KERNEL },
  { key: variable('optimizer/iter'), dtype: INT64, shape: [], bytes: i64(1200) },
  { key: variable('save_counter'), dtype: INT64, shape: [], bytes: i64(3) },
  { key: '_CHECKPOINTABLE_OBJECT_GRAPH', dtype: STRING, shape: [], bytes: Buffer.from('graph') },
];
const TWO_SHARDS = { shardCount: 2 };

const ruleOf = (files: Readonly<Record<string, Uint8Array>>) => brokenRule(memoryFiles(files));

describe('a bundle of TF2', () => {
  test('names by path, roles, counters, two shards', async () => {
    const checkpoint = await openKnownCheckpoint(memoryFiles(bundleOf(TENSORS, TWO_SHARDS)));
    expect(checkpoint.format).toBe('tf-checkpoint');
    expect(checkpoint.files.map(({ name }) => name)).toEqual([
      'ckpt-3.index',
      'ckpt-3.data-00000-of-00002',
      'ckpt-3.data-00001-of-00002',
    ]);
    expect(checkpoint.tensors.map(({ name, role }) => [name, role])).toEqual([
      ['model/layer-1/bias', 'weight'],
      ['model/layer-1/kernel', 'weight'],
      ['model/layer-1/kernel/.OPTIMIZER_SLOT/optimizer/m', 'optimizer'],
      ['optimizer/iter', 'state'],
      ['save_counter', 'state'],
    ]);
    expect(checkpoint.declared).toEqual({ 'optimizer/iter': 1200, save_counter: 3 });
    expect(checkpoint.unread).toBeUndefined();
    expect(await tensorValues(checkpoint, 'model/layer-1/bias')).toEqual([7, 8, 9]);
    await readAll(checkpoint);
  });

  test('kernels come channels-first', async () => {
    const weights = await readWeights(await openKnownCheckpoint(memoryFiles(bundleOf(TENSORS, TWO_SHARDS))));
    const kernel = weights.get('model/layer-1/kernel');
    expect(kernel?.shape).toEqual([3, 2]);
    expect([...(kernel?.data ?? [])]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  test('a stored checkpoint, whose index has no name, finds its shards', async () => {
    const { 'ckpt-3.index': index = new Uint8Array(0), ...shards } = bundleOf(TENSORS, TWO_SHARDS);
    const files = new Map<string, Uint8Array>([['', index], ...Object.entries(shards)]);
    const checkpoint = await openCheckpointAs('tf-checkpoint', {
      primary: '',
      names: [...files.keys()],
      open: async (name) => memorySource(files.get(name) ?? new Uint8Array(0)),
    });
    expect(checkpoint.tensors).toHaveLength(5);
  });

  test('slices and texts are named as unread', async () => {
    const files = bundleOf([
      { key: 'a/sliced', dtype: FLOAT, shape: [4], bytes: new Uint8Array(0), isSliced: true },
      { key: '\0\x01sliced', dtype: FLOAT, shape: [4], bytes: f32(1, 2, 3, 4) },
      { key: 'b/text', dtype: STRING, shape: [1], bytes: Buffer.from('x') },
      { key: 'c/qint', dtype: 11, shape: [1], bytes: Buffer.from('x') },
    ]);
    const checkpoint = await openKnownCheckpoint(memoryFiles(files));
    expect(checkpoint.tensors).toEqual([]);
    expect(checkpoint.unread?.map(({ name, reason }) => [name, reason])).toEqual([
      ['a/sliced', 'it is stored in slices'],
      ['b/text', 'it holds texts'],
      ['c/qint', 'its element type 11 is not read'],
    ]);
  });
});

test('names of TF1: moments and counters are told apart', async () => {
  const float = (key: string): BundleTensor => ({ key, dtype: FLOAT, shape: [1], bytes: f32(1) });
  const keys = ['conv/weights', 'conv/weights/Adam', 'conv/weights/Adam_1', 'conv/weights/Momentum', 'beta1_power'];
  const more = ['conv/weights/ExponentialMovingAverage', 'bert/kernel/adam_m', 'dense/Ftrl_1', 'Adam_gate/kernel'];
  const step: BundleTensor = { key: 'global_step', dtype: INT64, shape: [], bytes: i64(70) };
  const checkpoint = await openKnownCheckpoint(memoryFiles(bundleOf([...[...keys, ...more].map(float), step])));
  expect(Object.fromEntries(checkpoint.tensors.map(({ name, role }) => [name, role]))).toEqual({
    'Adam_gate/kernel': 'weight',
    'bert/kernel/adam_m': 'optimizer',
    beta1_power: 'optimizer',
    'conv/weights': 'weight',
    'conv/weights/Adam': 'optimizer',
    'conv/weights/Adam_1': 'optimizer',
    'conv/weights/ExponentialMovingAverage': 'state',
    'conv/weights/Momentum': 'optimizer',
    'dense/Ftrl_1': 'optimizer',
    global_step: 'state',
  });
  expect(checkpoint.declared).toEqual({ global_step: 70 });
});

describe('what is malformed', () => {
  const one = (change: Partial<BundleTensor>) =>
    bundleOf([{ key: 'w', dtype: FLOAT, shape: [3], bytes: f32(1, 2, 3), ...change }]);
  const changed = (name: string, change: (bytes: Buffer) => void) => {
    const files = { ...bundleOf(TENSORS, TWO_SHARDS) };
    const bytes = Buffer.from(files[name] ?? new Uint8Array(0));
    change(bytes);
    return { ...files, [name]: bytes };
  };

  test.each<[string, Readonly<Record<string, Uint8Array>>, string]>([
    ['no footer', { 'x.index': Buffer.alloc(20) }, 'footer of 48 bytes'],
    ['another magic', changed('ckpt-3.index', (b) => b.fill(0, b.byteLength - 8)), 'magic of a table'],
    ['a damaged block', changed('ckpt-3.index', (b) => b.fill(1, 4, 5)), 'checksum of a block'],
    [
      'a damaged tensor',
      changed('ckpt-3.data-00000-of-00002', (b) => b.fill(1, 6, 7)),
      'checksum of "model/layer-1/kernel',
    ],
    [
      'a missing shard',
      { 'ckpt-3.index': bundleOf(TENSORS, TWO_SHARDS)['ckpt-3.index'] ?? Buffer.alloc(0) },
      'is missing',
    ],
    ['a big-endian bundle', bundleOf(TENSORS, { ...TWO_SHARDS, endianness: 1 }), 'big-endian'],
    ['no shards', bundleOf([], { shardCount: 0 }), '1 to 10000 shards'],
    ['a shard too many', one({ says: { shard: 1 } }), 'shard that there is'],
    ['a shape of other bytes', one({ shape: [4] }), 'byte length'],
    ['a negative size', one({ shape: [-3] }), 'countable'],
    ['bytes beyond the shard', one({ says: { offset: 1 } }), 'inside their shard'],
    ['an unknown compression', bundleOf(TENSORS, { ...TWO_SHARDS, compression: 2 }), 'compression 2'],
    ['a false Snappy block', bundleOf(TENSORS, { ...TWO_SHARDS, compression: 1 }), 'must decode'],
    ['no header', { 'x.index': tableOf([['w', Buffer.from([8, 1])]]) }, 'begin with the header'],
    [
      'keys out of order',
      {
        'x.index': tableOf([
          ['b', Buffer.alloc(0)],
          ['a', Buffer.alloc(0)],
        ]),
      },
      'keys must ascend',
    ],
    ['a broken message', { 'x.index': tableOf([['', Buffer.from([8])]]) }, 'whole message'],
    ['a field of another type', { 'x.index': tableOf([['', Buffer.from([13, 0, 0, 0, 0])]]) }, 'another type'],
  ])('%s', async (_, files, rule) => {
    expect(await ruleOf(files)).toContain(rule);
  });

  test('overlapping tensors', async () => {
    const says = { offset: 0 };
    const tensors = ['a', 'b'].map(
      (key): BundleTensor => ({ key, dtype: FLOAT, shape: [3], bytes: f32(1, 2, 3), says }),
    );
    expect(await ruleOf(bundleOf(tensors))).toContain('overlap');
  });

  test('every truncation of every file', async () => {
    const files = bundleOf(TENSORS, TWO_SHARDS);
    for (const [name, bytes] of Object.entries(files)) {
      for (let length = 0; length < bytes.byteLength; length += 1) {
        expect(await findProblem(memoryFiles({ ...files, [name]: bytes.subarray(0, length) }))).toBeDefined();
      }
    }
  });

  test('mutants of the index, their checksums made right', async () => {
    const options = { ...TWO_SHARDS, entriesPerBlock: 9 };
    const { 'ckpt-3.index': index = new Uint8Array(0), ...shards } = bundleOf(TENSORS, options);
    const original = Buffer.from(index);
    const isEnd = (at: number) => maskCrc(crc32c(original.subarray(0, at))) === original.readUInt32LE(at);
    // Where the first block, which holds all entries, ends with its type.
    const end = Array.from({ length: original.byteLength - 48 }, (_, i) => i + 1).find(isEnd) ?? 0;
    expect(end).toBeGreaterThan(100);
    const renewed = (mutant: Uint8Array) => {
      const bytes = Buffer.from(mutant);
      bytes.writeUInt32LE(maskCrc(crc32c(bytes.subarray(0, end))), end);
      return memoryFiles({ 'ckpt-3.index': bytes, ...shards });
    };
    expect(await refuseMutants(index, 3000, renewed)).toBeGreaterThan(1000);
    expect(
      await refuseMutants(index, 1000, (mutant) => memoryFiles({ 'ckpt-3.index': mutant, ...shards })),
    ).toBeGreaterThan(900);
  });
});

describe('Snappy', () => {
  /** A block of literals and of copies of what begins alike, made by hand. */
  test('literals, near and far copies, and copies of themselves', () => {
    const block = Buffer.from([14, (3 - 1) << 2, 97, 98, 99, ((5 - 4) << 2) | 1, 3, ((6 - 1) << 2) | 2, 1, 0]);
    expect(Buffer.from(decodeSnappy(block, 100) ?? []).toString()).toBe('abcabcabbbbbbb');
    const long = Buffer.concat([Buffer.from([200, 1, 60 << 2, 199]), Buffer.alloc(200, 120)]);
    expect(decodeSnappy(long, 1000)).toEqual(new Uint8Array(200).fill(120));
    const far = Buffer.from([8, (4 - 1) << 2, 1, 2, 3, 4, ((4 - 1) << 2) | 3, 4, 0, 0, 0]);
    expect([...(decodeSnappy(far, 8) ?? [])]).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
  });

  test('what is no block, or too long, is undefined', () => {
    const bad = [[], [0x80], [4, 0, 1], [3, 8, 1, 2], [4, 0, 1, 1, 0], [4, 0, 1, 1, 2], [1, 0xf0], [2, 0, 1]];
    for (const bytes of bad) expect(decodeSnappy(Uint8Array.from(bytes), 100)).toBeUndefined();
    expect(decodeSnappy(Uint8Array.from([101]), 100)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decodeSnappy(bytes, 1000)),
      { numRuns: 3000 },
    );
  });

  test('an index whose blocks are compressed', async () => {
    const literal = (block: Buffer) => {
      const length = block.byteLength;
      const prefix = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
      return Buffer.concat([Buffer.from([...prefix, 61 << 2, (length - 1) & 255, (length - 1) >> 8]), block]);
    };
    const files = bundleOf(TENSORS, { ...TWO_SHARDS, compression: 1, compress: literal });
    expect((await openKnownCheckpoint(memoryFiles(files))).tensors).toHaveLength(5);
  });
});

test('CRC-32C: the vectors of RFC 3720, also in parts', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * i) & 255);
  expect(crc32c(bytes.subarray(333), crc32c(bytes.subarray(0, 333)))).toBe(crc32c(bytes));
});
