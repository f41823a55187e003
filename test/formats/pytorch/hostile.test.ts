import { describe, expect, test } from 'vitest';
import { collectBytes } from '../../../src/bytes/collect.ts';
import { BadFileError } from '../../../src/errors.ts';
import type { OpenCheckpoint } from '../../../src/formats/format.ts';
import { writeZip } from '../../../src/formats/zip/index.ts';
import { contentOf, openBytes } from './opened.ts';

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

/** An archive with this pickle (as Latin-1) and four f32 in storage 0. */
async function archiveOf(pickle: string, members: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  const all = Object.entries({ 'a/data.pkl': pickle, 'a/data/0': '\0\0\x80\x3f'.repeat(4), ...members });
  const zip = writeZip(
    all.map(([name, content]) => ({
      name,
      byteLength: content.length,
      async *bytes() {
        yield latin1(content);
      },
    })),
  );
  return collectBytes(zip);
}

const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const int = (value: number) => `\x8a\x08${Buffer.from(BigInt64Array.of(BigInt(value)).buffer).toString('latin1')}`;
const counts = (values: readonly number[]) => `(${values.map(int).join('')}t`;

interface TensorText {
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly count?: number;
  readonly key?: string;
  readonly storageClass?: string;
  readonly metadata?: string;
}

function tensor({ shape = [4], strides = [1], offset = 0, count = 4, ...rest }: TensorText = {}): string {
  const storage = `(${text('storage')}ctorch\n${rest.storageClass ?? 'FloatStorage'}\n${text(rest.key ?? '0')}${text('cpu')}${int(count)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${int(offset)}${counts(shape)}${counts(strides)}\x89}${rest.metadata ?? ''}tR`;
}

const dict = (...pairs: readonly string[]) => `}(${pairs.join('')}u.`;

async function open(pickle: string, members?: Readonly<Record<string, string>>): Promise<OpenCheckpoint> {
  return openBytes(await archiveOf(pickle, members));
}

async function brokenRule(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BadFileError) return error.broken.rule;
  throw error ?? new Error('It was read.');
}

describe('broken tensors', () => {
  test.each<[string, TensorText, RegExp]>([
    ['beyond the storage', { shape: [5] }, /inside its storage/],
    ['offset beyond the storage', { offset: 1 }, /inside its storage/],
    ['strides beyond the storage', { shape: [2, 2], strides: [3, 1] }, /inside its storage/],
    ['huge stride', { shape: [2], strides: [2 ** 53 - 1] }, /inside its storage/],
    ['negative stride', { strides: [-1] }, /must be whole numbers/],
    ['no stride', { strides: [] }, /a stride for every axis/],
    ['too many axes', { shape: Array(65).fill(1), strides: Array(65).fill(1) }, /more than 64 axes/],
    ['uncountable shape', { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }, /must be countable/],
    ['expanded beyond measure', { shape: [2 ** 40], strides: [0] }, /must not unfold/],
    ['more elements than the member', { count: 5 }, /as many elements as/],
    ['a storage that is missing', { key: '7' }, /must hold "a\/data\/7"/],
  ])('%s', async (_, change, rule) => {
    expect(await brokenRule(open(dict(text('w'), tensor(change))))).toMatch(rule);
  });

  test.each<[string, string, RegExp]>([
    [
      'no storage',
      'ctorch._utils\n_rebuild_tensor_v2\n(N.'.replace('(N.', '(NK\x00))tR'),
      /must have a storage of the file/,
    ],
    ['nested too deep', `${'('.repeat(600)}${tensor()}${'t'.repeat(600)}`, /must not nest deeper/],
  ])('%s', async (_, value, rule) => {
    expect(await brokenRule(open(dict(text('w'), value)))).toMatch(rule);
  });

  test('views that show the storage again and again', async () => {
    const views = Array.from({ length: 200 }, (_, i) => text(`w${i}`) + tensor({ shape: [2 ** 20], strides: [0] }));
    expect(await brokenRule(open(dict(...views)))).toMatch(/must not unfold/);
  });

  test('shared values that unfold', async () => {
    // Each level holds the one below twice: 2^40 paths to the tensor.
    const levels = Array.from(
      { length: 40 },
      (_, i) => `q${String.fromCharCode(i + 1)}0]h${String.fromCharCode(i + 1)}ah${String.fromCharCode(i + 1)}a`,
    );
    expect(await brokenRule(open(`${tensor()}${levels.join('')}.`))).toMatch(/must not be shared/);
  });

  test('an unknown archive member order or byte order', async () => {
    expect(await brokenRule(open(dict(), { 'a/byteorder': 'middle' }))).toMatch(/must be little or big/);
  });
});

describe('harmless oddities', () => {
  test('calls of anything are inert, and tensors beside them are read', async () => {
    const call = `cos\nsystem\n(${text('touch /tmp/owned')}tR`;
    const checkpoint = await open(dict(text('x'), call, text('w'), tensor()));
    expect(await contentOf(checkpoint)).toEqual({ w: ['f32', [4], '0000803f'.repeat(4)] });
  });

  test('values that hold themselves', async () => {
    const checkpoint = await open(`}q\x05(${text('self')}h\x05${text('w')}${tensor()}u.`);
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['w']);
  });

  test('tensors of kinds that are not read are named', async () => {
    const negated = tensor({ metadata: `}${text('neg')}\x88s` });
    const halves = tensor({ storageClass: 'QUInt4x2Storage' });
    const sparse = 'ctorch._utils\n_rebuild_sparse_tensor\n(N)tR';
    const checkpoint = await open(dict(text('n'), negated, text('h'), halves, text('s'), sparse, text('w'), tensor()));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['w']);
    expect(checkpoint.unread?.map(({ name }) => name)).toEqual(['n', 'h', 's']);
  });

  test('a small expanded tensor is streamed, not allocated', async () => {
    const checkpoint = await open(dict(text('w'), tensor({ shape: [2 ** 22], strides: [0], count: 1 })));
    const [entry] = checkpoint.tensors;
    let byteLength = 0;
    for await (const piece of entry === undefined ? [] : checkpoint.readTensor(entry)) byteLength += piece.byteLength;
    expect(byteLength).toBe(2 ** 24);
  });

  test('names that collide stay apart; of equal keys the last counts', async () => {
    const inner = `}${text('b')}${tensor({ shape: [1] })}s`;
    const checkpoint = await open(dict(text('a.b'), tensor(), text('a'), inner, text('a.b'), tensor({ shape: [2] })));
    expect(checkpoint.tensors.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['a.b', 2],
      ['a.b#2', 1],
    ]);
  });

  test('every truncation of an archive fails with a typed error', async () => {
    const bytes = await archiveOf(dict(text('w'), tensor()));
    for (let length = 4; length < bytes.byteLength; length += 1) {
      expect(await brokenRule(openBytes(bytes.subarray(0, length)))).toBeTypeOf('string');
    }
  });

  test('changed bytes are read or refused', async () => {
    const bytes = await archiveOf(dict(text('w'), tensor({ shape: [2, 2], strides: [2, 1] })));
    for (let i = 0; i < bytes.byteLength; i += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[i] = (changed[i] ?? 0) ^ flip;
        await openBytes(changed)
          .then(contentOf)
          .catch((error: unknown) => {
            if (!(error instanceof BadFileError)) throw error;
          });
      }
    }
  });
});
