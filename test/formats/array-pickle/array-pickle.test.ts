import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { casePath, hasCases, listCases, readCase } from '../../cases.ts';
import { pythonHas, runPythonWith } from '../../peers.ts';
import { brokenRule, findProblem, memoryFiles, openBytes, readAll, tensorValues } from '../files.ts';
import { refuseMutants } from '../mutations.ts';
import { contentOf, openPath } from '../pytorch/opened.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const f32 = (...values: readonly number[]) => Buffer.from(Float32Array.from(values).buffer).toString('latin1');

/** Protocol 2 texts of NumPy's calls. */
const shapeText = (shape: readonly number[]) => `(${shape.map((size) => `K${String.fromCharCode(size)}`).join('')}t`;
const dtypeText = (code = 'f4', order = '<') =>
  `cnumpy\ndtype\n(U${String.fromCharCode(code.length)}${code}K\0K\x01tR(K\x03U\x01${order}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb`;

interface Stated {
  readonly shape?: readonly number[];
  readonly dtype?: string;
  readonly data?: string;
}

/** An array in the pickle. */
function arrayText({ shape = [2], dtype = dtypeText(), data = f32(1, 2) }: Stated = {}): string {
  const bytes = `B${String.fromCharCode(data.length)}\0\0\0${data}`;
  const made = 'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\x01btR';
  return `${made}(K\x01${shapeText(shape)}${dtype}\x89${bytes}tb`;
}

/** An array behind joblib's wrapper. */
function wrapperText({ shape = [2], dtype = dtypeText(), data = f32(1, 2) }: Stated = {}): string {
  const state = `}(U\x05shape${shapeText(shape)}U\x05dtype${dtype}U\x05orderU\x01Cu`;
  return `cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81${state}b${data}`;
}

const pickleOf = (...values: readonly string[]) => latin1(`\x80\x02(${values.join('')}t.`);
const ruleOf = (bytes: Uint8Array, name = 'm.pkl') => brokenRule(memoryFiles({ [name]: bytes }));

describe.skipIf(!pythonHas('numpy'))('what NumPy pickles', () => {
  test('types, orders, protocols, objects, compression and joblib containers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-pickles-'));
    const script = readFileSync(new URL('write-cases.py', import.meta.url), 'utf8');
    const expected: Readonly<Record<string, unknown>> = JSON.parse(runPythonWith(['numpy'], script, folder));
    expect(Object.keys(expected).length).toBeGreaterThan(12);
    for (const [name, content] of Object.entries(expected)) {
      const checkpoint = await openPath(join(folder, name));
      expect([name, checkpoint.format]).toEqual([name, 'pickle']);
      // Also checks that what stands verbatim in the file stands where it says.
      expect([name, await contentOf(checkpoint)]).toEqual([name, content]);
      await checkpoint.close();
    }
  });

  test('an estimator says what it is, and which of its parts are not read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-pickles-'));
    runPythonWith(['numpy'], readFileSync(new URL('write-cases.py', import.meta.url), 'utf8'), folder);
    const checkpoint = await openPath(join(folder, 'forest.pkl'));
    expect(checkpoint.declared).toEqual({ n_features_in_: 7 });
    expect(checkpoint.unread).toContainEqual({ name: 'estimators_.0.nodes', reason: 'structured arrays are not read' });
    expect(checkpoint.unread).toContainEqual({ name: 'classes_', reason: 'an array of texts holds no numbers' });
    expect(checkpoint.tensors.find(({ name }) => name === 'coef_')?.at).toBeDefined();
    await checkpoint.close();
  });
});

describe.skipIf(!hasCases)('real files', () => {
  const RANGE = [0, 1, 2, 3, 4];
  const readable = listCases(
    'joblib',
    /(_compressed_.*\.gz|\.gzip|\.bz2|\.xz|\.lzma|\.lz4)$|joblib_(0\.1[0-2]|1).*\.pkl$/,
  );

  test('there are many', () => expect(readable.length).toBeGreaterThan(60));

  test.each(readable)('%s', async (name) => {
    const checkpoint = await openPath(casePath('joblib', name));
    expect(checkpoint.format).toBe('pickle');
    expect(checkpoint.tensors[0]).toMatchObject({ name: '0', dtype: 'i64', shape: [5] });
    expect(await tensorValues(checkpoint, '0')).toEqual(RANGE);
    expect(checkpoint.tensors[1]).toMatchObject({ name: '1', dtype: 'f64', shape: [5] });
    expect(await tensorValues(checkpoint, '1')).toEqual(RANGE);
    if (checkpoint.tensors.length > 2) expect(await tensorValues(checkpoint, '4')).toEqual([0, 1, 2]);
    await checkpoint.close();
  });

  test('files beside the pickle belong to it', async () => {
    const checkpoint = await openPath(casePath('joblib', 'joblib_0.9.0_pickle_py26_np16.pkl'));
    expect(checkpoint.files).toHaveLength(4);
    expect(await tensorValues(checkpoint, '1')).toEqual(RANGE);
    expect(checkpoint.unread).toMatchObject([{ name: '2', reason: expect.stringMatching(/array of objects/) }]);
    await contentOf(checkpoint);
    await checkpoint.close();
  });

  test('arrays whose files are missing are named', async () => {
    const checkpoint = await openPath(casePath('joblib', 'joblib_0.9.2_pickle_py26_np16@ebab15e714.pkl'));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['4']);
    expect(checkpoint.unread?.map(({ reason }) => reason)[0]).toMatch(/_01.npy" is missing/);
    await checkpoint.close();
  });

  test.skipIf(!pythonHas('numpy'))('NumPy’s own pickles hold what NumPy loads', async () => {
    const script = `
import json, pickle, sys, numpy
array = pickle.load(open(sys.argv[1], "rb"), encoding="latin1")
print(json.dumps([list(array.shape), numpy.asarray(array, dtype="f8").ravel().tolist()]))`;
    for (const name of listCases('numpy', /^(legacy_contiguous)\.pkl$/)) {
      const checkpoint = await openPath(casePath('numpy', name));
      const [shape, values] = JSON.parse(runPythonWith(['numpy'], script, casePath('numpy', name)));
      expect([checkpoint.tensors[0]?.shape, await tensorValues(checkpoint, 'tensor')]).toEqual([shape, values]);
      await checkpoint.close();
    }
  });

  test('every file of the folders is read or refused', async () => {
    for (const folder of ['joblib', 'numpy']) {
      for (const name of listCases(folder)) await findProblem(memoryFiles({ [name]: readCase(folder, name) }));
    }
  });

  test('truncations and mutants of real files', async () => {
    for (const name of ['joblib_1.6_pickle_py313_np23.pkl', 'joblib_0.9.0_compressed_pickle_py34_np19@6ec7d37c1d.gz']) {
      const bytes = readCase('joblib', name);
      for (let length = 2; length < bytes.byteLength; length += 1) {
        expect(await findProblem(memoryFiles({ [name]: bytes.subarray(0, length) }))).toBeDefined();
      }
      expect(await refuseMutants(bytes, 2000, (mutant) => memoryFiles({ [name]: mutant }))).toBeGreaterThan(500);
    }
  });
});

describe('pickles made by hand', () => {
  test('an array in the pickle and one behind it', async () => {
    const checkpoint = await openBytes('m.pkl', pickleOf(arrayText(), wrapperText({ data: f32(3, 4) })));
    expect(checkpoint.tensors.map(({ name, dtype, shape }) => [name, dtype, ...shape])).toEqual([
      ['0', 'f32', 2],
      ['1', 'f32', 2],
    ]);
    expect(await tensorValues(checkpoint, '0')).toEqual([1, 2]);
    expect(await tensorValues(checkpoint, '1')).toEqual([3, 4]);
  });

  test('calls of anything are inert', async () => {
    const call = 'cos\nsystem\n(U\x04exittR';
    const checkpoint = await openBytes('m.pkl', pickleOf(call, arrayText()));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['1']);
    await readAll(checkpoint);
  });

  test('random states are no weights', async () => {
    const dict = `\x80\x02}(U\x0crandom_state${arrayText()}U\x05coef_${arrayText()}u.`;
    const checkpoint = await openBytes('m.pkl', latin1(dict));
    expect(checkpoint.tensors.map(({ name, role }) => [name, role])).toEqual([
      ['random_state', 'state'],
      ['coef_', 'weight'],
    ]);
  });

  const side = (name: string) =>
    `cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}(U\x08filenameU${String.fromCharCode(name.length)}${name}ub`;
  test.each<[string, Buffer, RegExp]>([
    ['no array', pickleOf('K\x01'), /must hold an array/],
    ['a shape of other bytes', pickleOf(arrayText({ shape: [3] })), /those of its shape and type/],
    ['a shape that is none', pickleOf(arrayText().replace('K\x02t', 'Nt')), /whole numbers/],
    ['raw bytes beyond the file', pickleOf(wrapperText({ shape: [200, 200, 200] })), /inside the file/],
    ['raw bytes of an unknown type', pickleOf(wrapperText({ dtype: 'N' })), /known length/],
    ['a file outside the folder', pickleOf(side('../x.npy')), /must not leave the folder/],
    ['a side file that is no array', pickleOf(side('x.npy')), /is missing/],
    ['damaged gzip', gzipSync(pickleOf(arrayText())).fill(7, 20, 30), /must inflate/],
    ['a bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024)), /must not inflate to over/],
    [
      'a false length',
      Buffer.concat([latin1('ZF0x7'.padEnd(21)), deflateSync(pickleOf(arrayText()))]),
      /length that its header states/,
    ],
    ['bzip2 that ends', latin1('BZh91AY&SY'), /must not end early/],
    ['zstd', latin1('(\xb5/\xfd    '), /compressed with zstd/],
  ])('%s is refused', async (_, bytes, rule) => {
    expect(await ruleOf(bytes)).toMatch(rule);
  });

  test('objects and structured types are named as unread', async () => {
    const bytes = pickleOf(arrayText(), arrayText({ dtype: dtypeText('S2', '|'), data: 'abcd' }));
    expect(await openBytes('m.pkl', bytes)).toMatchObject({
      unread: [{ name: '1', reason: expect.stringMatching(/texts/) }],
    });
  });

  test('every truncation and thousands of mutants', async () => {
    const bytes = pickleOf(arrayText(), wrapperText(), wrapperText({ data: f32(3, 4) }));
    for (let length = 2; length < bytes.byteLength; length += 1) {
      expect(await findProblem(memoryFiles({ 'm.pkl': bytes.subarray(0, length) }))).toBeDefined();
    }
    expect(await refuseMutants(bytes, 4000, (mutant) => memoryFiles({ 'm.pkl': mutant }))).toBeGreaterThan(1000);
  });
});
