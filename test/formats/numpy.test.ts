import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { directoryFiles } from '../../src/bytes/directory-files.ts';
import { toHex } from '../../src/bytes/hex.ts';
import { parseLiteral } from '../../src/formats/numpy/literal.ts';
import { openCheckpoint, openKnownCheckpoint } from '../../src/formats/registry.ts';
import { writeZip } from '../../src/formats/zip/index.ts';
import { casePath, listCases, readCase } from '../cases.ts';
import { pythonHas, runPythonWith } from '../peers.ts';
import { brokenRule, findProblem, memoryFiles, openBytes, readAll, tensorBytes, tensorValues } from './files.ts';

function npyOf(text: string, data: Uint8Array | number = 0, version: readonly [number, number] = [1, 0]): Uint8Array {
  const length = Buffer.alloc(version[0] === 1 ? 2 : 4);
  const encoded = Buffer.from(text);
  if (version[0] === 1) length.writeUInt16LE(encoded.byteLength);
  else length.writeUInt32LE(encoded.byteLength);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from(version),
    length,
    encoded,
    typeof data === 'number' ? Buffer.alloc(data) : data,
  ]);
}

const header = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
const ruleOf = (bytes: Uint8Array) => brokenRule(memoryFiles({ 'x.npy': bytes }));
const bytesOf = (...values: readonly number[]) => Buffer.from(Float32Array.from(values).buffer);

const zipOf = (members: Readonly<Record<string, Uint8Array>>) =>
  collectBytes(
    writeZip(
      Object.entries(members).map(([name, content]) => ({
        name,
        byteLength: content.byteLength,
        async *bytes() {
          yield content;
        },
      })),
    ),
  );

describe('npy', () => {
  test.each([1, 2, 3])('version %d', async (version) => {
    const checkpoint = await openBytes('x.npy', npyOf(header("'<f4'", '(2, 1)'), bytesOf(1, 2), [version, 0]));
    expect(checkpoint).toMatchObject({ format: 'npy', tensors: [{ name: 'arr_0', dtype: 'f32', shape: [2, 1] }] });
    expect(checkpoint.tensors[0]?.at).toBeDefined();
    expect(await tensorValues(checkpoint, 'arr_0')).toEqual([1, 2]);
  });

  test('Fortran order and big-endian come row-major and little-endian, and stand nowhere verbatim', async () => {
    const fortran = await openBytes('x', npyOf(header("'<f4'", '(2, 3)', 'True'), bytesOf(1, 4, 2, 5, 3, 6)));
    expect(fortran.tensors[0]?.at).toBeUndefined();
    expect(await tensorValues(fortran, 'arr_0')).toEqual([1, 2, 3, 4, 5, 6]);
    const big = Buffer.alloc(8);
    big.writeFloatBE(1.5, 0);
    big.writeFloatBE(-2, 4);
    const bytes = npyOf(header("'>f4'", '(2,)'), big);
    const before = toHex(bytes);
    const swapped = await openBytes('x', bytes);
    expect(swapped.tensors[0]?.at).toBeUndefined();
    expect(await tensorValues(swapped, 'arr_0')).toEqual([1.5, -2]);
    expect(toHex(bytes)).toBe(before);
    const line = await openBytes('x', npyOf(header("'<f4'", '(1, 2)', 'True'), bytesOf(1, 2)));
    expect(line.tensors[0]?.at).toBeDefined();
  });

  const rules: readonly (readonly [string, string, Uint8Array])[] = [
    ['too short', 'a whole header', Buffer.from('\x93NUMPY', 'latin1')],
    ['another magic', 'the magic must be', Buffer.from('NUMPY.....')],
    ['version 4', 'version must be', npyOf(header("'<f4'", '(1,)'), 4, [4, 0])],
    ['version 1.1', 'version must be', npyOf(header("'<f4'", '(1,)'), 4, [1, 1])],
    ['a header beyond the file', 'header length must fit', npyOf(header("'<f4'", '(1,)'), 4).subarray(0, 40)],
    ['a header beyond the limit', 'must not be over 65535', npyOf(header("'<f4'", '(1,)').padEnd(70_000), 4, [2, 0])],
    ['code instead of a literal', 'must be a dictionary', npyOf('__import__("os")')],
    [
      'a key twice',
      'must be a dictionary',
      npyOf("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4),
    ],
    ['a key more', 'and no more', npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4)],
    ['no shape', 'must have descr', npyOf("{'descr': '<f4', 'fortran_order': False}", 4)],
    ['a shape of texts', 'whole numbers', npyOf(header("'<f4'", "('1',)"), 4)],
    ['a negative size', 'must be a dictionary', npyOf(header("'<f4'", '(-1,)'), 4)],
    ['65 axes', 'over 64 axes', npyOf(header("'<f4'", `(${'1, '.repeat(65)})`), 4)],
    ['no order', 'True or False', npyOf(header("'<f4'", '(1,)', '1'), 4)],
    ['objects', 'is a pickle', npyOf(header("'|O'", '(1,)'), 8)],
    ['texts', 'holds no numbers', npyOf(header("'<U3'", '(1,)'), 12)],
    ['times', 'holds no weights', npyOf(header("'<M8[ns]'", '(1,)'), 8)],
    ['a structure', 'structured arrays', npyOf(header("[('a', '<f4'), ('b', '<i4')]", '(1,)'), 8)],
    ['long doubles', 'is not supported', npyOf(header("'<f16'", '(1,)'), 16)],
    ['no byte order', 'must state its byte order', npyOf(header("'|f4'", '(1,)'), 4)],
    ['too few bytes', 'must be that of the shape', npyOf(header("'<f4'", '(2,)'), 4)],
    ['too many bytes', 'must be that of the shape', npyOf(header("'<f4'", '(1,)'), 8)],
    ['a size beyond all numbers', 'whole numbers', npyOf(header("'<f4'", `(${'9'.repeat(400)},)`), 4)],
    ['deep brackets', 'must be a dictionary', npyOf('('.repeat(60_000))],
  ];
  test.each(rules)('refuses %s', async (_, rule, bytes) => {
    expect(await ruleOf(bytes)).toContain(rule);
  });

  test('every truncation is refused', async () => {
    const bytes = npyOf(header("'<f4'", '(3,)'), bytesOf(1, 2, 3));
    for (let length = 0; length < bytes.byteLength; length += 1) {
      expect((await findProblem(memoryFiles({ 'x.npy': bytes.subarray(0, length) })))?.code).toBe('bad-file');
    }
  });
});

test.each([
  [
    "{'a': (1, 2L, ), 'b': [True, False], }",
    new Map<string, unknown>([
      ['a', [1, 2]],
      ['b', [true, false]],
    ]),
  ],
  ['()', []],
  [' "x" ', 'x'],
  ['{', undefined],
  ['(1', undefined],
  ['1 2', undefined],
  ['', undefined],
  ['{1: 2}', undefined],
  ["'a\\'b'", undefined],
])('the literal %s', (text, value) => {
  expect(parseLiteral(text)).toEqual(value);
});

describe('npz', () => {
  const one = npyOf(header("'<f4'", '(1,)'), bytesOf(7));

  test('skips what holds no numbers, unless there is nothing else', async () => {
    const texts = npyOf(header("'<U1'", '(1,)'), 4);
    const checkpoint = await openBytes(
      'x.npz',
      await zipOf({ 'w.npy': one, 'labels.npy': texts, 'readme.txt': bytesOf(1) }),
    );
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['w']);
    expect(await brokenRule(memoryFiles({ 'x.npz': await zipOf({ 'labels.npy': texts }) }))).toContain(
      'holds no numbers',
    );
    expect(await brokenRule(memoryFiles({ 'x.npz': await zipOf({ 'readme.txt': one }) }))).toContain(
      'a member must be an array',
    );
    expect(await brokenRule(memoryFiles({ 'x.npz': await zipOf({ 'w.npy': one.subarray(0, 50) }) }))).toContain(
      'in "w.npy"',
    );
  });

  test('makes equal names unique', async () => {
    const bytes = Buffer.from(await zipOf({ 'aa.npy': one, 'ab.npy': one }))
      .toString('latin1')
      .replaceAll('ab.npy', 'aa.npy');
    const checkpoint = await openBytes('x.npz', Buffer.from(bytes, 'latin1'));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['aa', 'aa#2']);
  });

  test.skipIf(listCases('numpy').length === 0)(
    'every truncation of real archives is refused; changed bytes never crash',
    async () => {
      for (const name of ['py3-arr-savez.npz', 'py3-arr-savez-compressed.npz']) {
        const bytes = readCase('numpy', name);
        for (let length = 0; length < bytes.byteLength; length += 1) {
          expect((await findProblem(memoryFiles({ 'x.npz': bytes.subarray(0, length) })))?.code).toBe('bad-file');
        }
        await fc.assert(
          fc.asyncProperty(fc.nat(bytes.byteLength - 1), fc.nat(255), async (at, byte) => {
            await findProblem(memoryFiles({ 'x.npz': bytes.with(at, byte) }));
          }),
          { numRuns: 400 },
        );
      }
    },
  );
});

const PRINT_NUMPY = `
import numpy as np, json, sys
out = {}
for path in sys.argv[1:]:
    try:
        loaded = np.load(path)
        arrays = dict(loaded) if hasattr(loaded, 'files') else {'arr_0': loaded}
        out[path] = {k: [list(v.shape), np.ascontiguousarray(v, v.dtype.newbyteorder('<')).tobytes().hex()] for k, v in arrays.items() if v.dtype.kind in 'biufc'}
    except Exception as error:
        out[path] = str(error)
print(json.dumps(out))
`;

const WRITE_NUMPY = `
import numpy as np, sys
codes = ['<f2','<f4','<f8','>f2','>f4','>f8','<i2','>i4','<i8','>u8','|u1','|i1','|b1','<c8','>c8','<c16','>c16']
rng = np.random.default_rng(1)
arrays = {}
for code in codes:
    for order in 'CF':
        for shape in [(), (0,), (5,), (3, 4), (2, 3, 4), (1, 3, 1)]:
            values = (rng.standard_normal(shape) * 100).astype(code)
            arrays['%s %s %s' % (code.replace('<', 'le').replace('>', 'be').replace('|', ''), order, 'x'.join(map(str, shape)))] = np.array(values, dtype=code, order=order)
np.savez(sys.argv[1], **arrays)
np.savez_compressed(sys.argv[2], **arrays)
np.save(sys.argv[3], np.asfortranarray(rng.standard_normal((70, 900)).astype('>f8')))
`;

type Printed = Record<string, string | Record<string, [number[], string]>>;

describe.skipIf(!pythonHas('numpy'))('as numpy reads it', () => {
  const print = (paths: readonly string[]) => JSON.parse(runPythonWith(['numpy'], PRINT_NUMPY, ...paths)) as Printed;

  async function compare(path: string, arrays: Record<string, [number[], string]>): Promise<number> {
    const checkpoint = await openKnownCheckpoint(directoryFiles(path));
    expect(checkpoint.tensors.map(({ name }) => name).sort()).toEqual(Object.keys(arrays).sort());
    for (const [name, [shape, hex]] of Object.entries(arrays)) {
      expect([name, checkpoint.tensors.find((tensor) => tensor.name === name)?.shape]).toEqual([name, shape]);
      expect([name, toHex(await tensorBytes(checkpoint, name))]).toEqual([name, hex]);
    }
    await checkpoint.close();
    return Object.keys(arrays).length;
  }

  test('every type, order and shape, stored and deflated', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-numpy-'));
    const paths = ['a.npz', 'b.npz', 'c.npy'].map((name) => join(folder, name));
    runPythonWith(['numpy'], WRITE_NUMPY, ...paths);
    let compared = 0;
    for (const [path, arrays] of Object.entries(print(paths))) {
      if (typeof arrays === 'string') throw new Error(arrays);
      compared += await compare(path, arrays);
    }
    expect(compared).toBe(17 * 2 * 6 * 2 + 1);
  });

  const real = listCases('numpy', /\.np[yz]$/).map((name) => casePath('numpy', name));
  test.skipIf(real.length === 0)('real files: read alike, or refused where numpy refuses', async () => {
    const refused: string[] = [];
    for (const [path, arrays] of Object.entries(print(real))) {
      if (typeof arrays !== 'string') await compare(path, arrays);
      else {
        const checkpoint = await openCheckpoint(directoryFiles(path));
        expect(checkpoint).toMatchObject({ format: 'unknown', problem: { code: 'bad-file' } });
        await readAll(checkpoint);
        await checkpoint.close();
        refused.push(path);
      }
    }
    expect(refused.length).toBeLessThan(real.length);
  });
});
