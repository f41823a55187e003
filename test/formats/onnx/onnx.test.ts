import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { directoryFiles } from '../../../src/bytes/directory-files.ts';
import type { OpenCheckpoint } from '../../../src/formats/format.ts';
import { readWeights } from '../../../src/formats/read-weights.ts';
import { openKnownCheckpoint } from '../../../src/formats/registry.ts';
import { casePath, hasCases, listCases, readCase } from '../../cases.ts';
import { pythonHas, runPythonWith } from '../../peers.ts';
import { brokenRule, findProblem, memoryFiles, openBytes, tensorBytes, tensorValues } from '../files.ts';
import { refuseMutants } from '../mutations.ts';

/** Fields of protobuf, written by hand. */
const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
};
const number = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field: number, ...parts: readonly (Uint8Array | string)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(field * 8 + 2), varint(content.byteLength), content]);
};
const dims = (...sizes: readonly number[]): Buffer => Buffer.concat(sizes.map((size) => number(1, size)));
const tensor = (name: string, type: number, ...parts: readonly Uint8Array[]): Buffer =>
  bytes(5, number(2, type), bytes(8, name), ...parts);
const model = (...graph: readonly Uint8Array[]): Buffer =>
  Buffer.concat([number(1, 8), bytes(2, 'test'), bytes(7, ...graph)]);
const entry = (key: string, value: string): Buffer => bytes(13, bytes(1, key), bytes(2, value));
const floats = (...values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

const external = (location: string, ...entries: readonly Buffer[]): Buffer =>
  model(tensor('w', 1, dims(2), number(14, 1), entry('location', location), ...entries));

describe('onnx', () => {
  it('reads raw values where they stand', async () => {
    const file = model(tensor('w', 1, dims(2, 1), bytes(9, floats(1, 2))));
    const checkpoint = await openBytes('m.onnx', file);
    expect(checkpoint).toMatchObject({ format: 'onnx', declared: { ir_version: 8, producer_name: 'test' } });
    const at = checkpoint.tensors[0]?.at;
    expect(file.subarray(at?.offset, (at?.offset ?? 0) + 8)).toEqual(Buffer.from(floats(1, 2)));
    expect(await tensorValues(checkpoint, 'w')).toEqual([1, 2]);
  });

  it.each([
    ['floats', 1, [bytes(4, floats(1.5, -2))], 2, floats(1.5, -2)],
    [
      'floats one by one',
      1,
      [Buffer.concat([varint(37), floats(1)]), Buffer.concat([varint(37), floats(2)])],
      2,
      floats(1, 2),
    ],
    ['halves as whole numbers', 10, [bytes(5, varint(0x3c00), varint(0xc000))], 2, Uint8Array.of(0, 0x3c, 0, 0xc0)],
    ['bytes', 2, [bytes(5, varint(7), varint(255))], 2, Uint8Array.of(7, 255)],
    ['longs', 7, [bytes(7, varint(300))], 1, Uint8Array.of(44, 1, 0, 0, 0, 0, 0, 0)],
    ['unsigned', 12, [bytes(11, varint(4_294_967_295))], 1, Uint8Array.of(255, 255, 255, 255)],
    ['signed nibbles, raw', 22, [bytes(9, Uint8Array.of(0x7f, 0x08))], 3, Uint8Array.of(255, 7, 248)],
    ['nibbles, typed', 21, [bytes(5, varint(0x21), varint(0x03))], 3, Uint8Array.of(1, 2, 3)],
    ['8-bit floats', 17, [bytes(9, Uint8Array.of(0x38, 0x40))], 2, Uint8Array.of(0x38, 0x40)],
  ])('reads %s', async (_what, type, parts, count, expected) => {
    const checkpoint = await openBytes('m.onnx', model(tensor('w', type, dims(count), ...parts)));
    expect(Buffer.from(await tensorBytes(checkpoint, 'w'))).toEqual(Buffer.from(expected));
  });

  it('brings factors of products to (out, in)', async () => {
    const node = (operator: string, ...rest: readonly Buffer[]) =>
      bytes(1, bytes(1, 'x'), bytes(1, 'w'), bytes(4, operator), ...rest);
    const shapeFor = async (...nodes: readonly Buffer[]) => {
      const file = model(...nodes, tensor('w', 1, dims(3, 2), bytes(9, floats(1, 2, 3, 4, 5, 6))));
      return (await readWeights(await openBytes('m.onnx', file))).get('w')?.shape;
    };
    const transposed = bytes(5, bytes(1, 'transB'), number(3, 1));
    expect(await shapeFor(node('MatMul'))).toEqual([2, 3]);
    expect(await shapeFor(node('Gemm'))).toEqual([2, 3]);
    expect(await shapeFor(node('Gemm', transposed))).toEqual([3, 2]);
    expect(await shapeFor(node('MatMul'), node('Add'))).toEqual([3, 2]);
  });

  describe('codes and their scales', () => {
    const raw = (...values: readonly number[]) => bytes(9, Uint8Array.from(values));
    const operator = (name: string, output: string, inputs: readonly string[], ...rest: readonly Buffer[]) =>
      bytes(1, ...inputs.map((input) => bytes(1, input)), bytes(2, output), bytes(4, name), ...rest);
    const onAxis = (axis: number) => bytes(5, bytes(1, 'axis'), number(3, axis));
    const codes = tensor('w', 3, dims(2, 2), raw(1, 2, 255, 4));
    const scales = tensor('s', 1, dims(2), bytes(9, floats(0.5, 2)));
    const zeros = tensor('z', 3, dims(2), raw(1, 0));
    const dequantize = (...rest: readonly Buffer[]) => operator('DequantizeLinear', 'd', ['w', 's', 'z'], ...rest);

    it.each([
      ['of a row', onAxis(0), [0, 0.5, -2, 8]],
      ['of a column', onAxis(1), [0, 4, -1, 8]],
    ])('are read as the numbers that they stand for: a scale %s', async (_what, axis, expected) => {
      const checkpoint = await openBytes('m.onnx', model(dequantize(axis), codes, scales, zeros));
      expect(await tensorValues(checkpoint, 'w')).toEqual(expected);
      expect(checkpoint.tensors).toMatchObject([
        { name: 'w', dtype: 'f32', role: 'weight', codes: { form: 'i8' } },
        { name: 's', role: 'state' },
        { name: 'z', role: 'state' },
      ]);
      expect(checkpoint.tensors[0]).not.toHaveProperty('at');
    });

    it('are followed to the product that takes them', async () => {
      const product = operator('MatMul', 'y', ['x', 'd']);
      const checkpoint = await openBytes('m.onnx', model(dequantize(), product, codes, scales, zeros));
      expect(checkpoint.tensors[0]?.toCanonical).toEqual([1, 0]);
    });

    it('of nibbles, of 16 bits and of 32 bits', async () => {
      const one = tensor('s', 1, bytes(9, floats(0.5)));
      const valuesOf = async (type: number, ...data: readonly number[]) => {
        const file = model(
          operator('DequantizeLinear', 'd', ['w', 's']),
          tensor('w', type, dims(2), raw(...data)),
          one,
        );
        return tensorValues(await openBytes('m.onnx', file), 'w');
      };
      expect(await valuesOf(22, 0x7f)).toEqual([-0.5, 3.5]);
      expect(await valuesOf(4, 255, 255, 1, 0)).toEqual([32767.5, 0.5]);
      expect(await valuesOf(6, 254, 255, 255, 255, 8, 0, 0, 0)).toEqual([-1, 4]);
    });

    it('of operators that take codes themselves', async () => {
      const inputs = ['x', 'xs', 'xz', 'w', 's', 'z', 'ys', 'yz'];
      const file = model(operator('QLinearConv', 'y', inputs), codes, scales, zeros);
      expect(await tensorValues(await openBytes('m.onnx', file), 'w')).toEqual([0, 0.5, -2, 8]);
    });

    it.each([
      ['two operators disagree', [dequantize(onAxis(0)), dequantize(onAxis(1))]],
      ['the scales do not fit', [dequantize(onAxis(5))]],
      ['the scale is computed', [operator('DequantizeLinear', 'd', ['w', 'elsewhere'])]],
    ])('stay codes where %s', async (_what, nodes) => {
      const checkpoint = await openBytes('m.onnx', model(...nodes, codes, scales, zeros));
      expect(checkpoint.tensors[0]).toMatchObject({ name: 'w', dtype: 'i8' });
      expect(await tensorValues(checkpoint, 'w')).toEqual([1, 2, -1, 4]);
    });
  });

  it('reads external data beside the model', async () => {
    const files = memoryFiles({ 'm.onnx': external('w.bin', entry('offset', '4')), 'w.bin': floats(9, 1, 2) });
    const checkpoint = await openKnownCheckpoint(files);
    expect(checkpoint.files.map(({ name }) => name)).toEqual(['m.onnx', 'w.bin']);
    expect(checkpoint.tensors[0]?.at).toEqual({ file: 1, offset: 4, byteLength: 8 });
    expect(await tensorValues(checkpoint, 'w')).toEqual([1, 2]);
  });

  it.each([
    ['protobuf text', 'ir_version: 8\ngraph {\n}\n', /binary protobuf/],
    ['no graph', number(1, 8), /one graph/],
    ['fewer bytes than the shape', model(tensor('w', 1, dims(3), bytes(9, floats(1, 2)))), /as many bytes/],
    ['fewer typed values than the shape', model(tensor('w', 6, dims(9), bytes(5, varint(1)))), /as many bytes/],
    ['a huge shape', model(tensor('w', 1, dims(2 ** 40, 2 ** 40), bytes(9, floats(1)))), /as many bytes/],
    ['a field over its message', Buffer.concat([number(1, 8), varint(58), varint(99)]), /end inside/],
    ['a group', Buffer.concat([number(1, 8), varint(59)]), /group/],
    ['a segment', model(tensor('w', 1, dims(1), bytes(3, number(1, 0)), bytes(9, floats(1)))), /segments/],
    ['external data elsewhere', external('../w.bin'), /beside the model/],
    ['external data that is missing', external('w.bin'), /is missing/],
    ['an external offset that is none', external('w.bin', entry('offset', '-1')), /whole number/],
  ])('refuses %s', async (_what, file, rule) => {
    expect(await brokenRule(memoryFiles({ 'm.onnx': file }))).toMatch(rule);
  });

  it('refuses external data that ends outside its file', async () => {
    expect(await brokenRule(memoryFiles({ 'm.onnx': external('w.bin'), 'w.bin': floats(1) }))).toMatch(/as many bytes/);
  });

  it('refuses graphs in graphs without end', async () => {
    let graph: Uint8Array = tensor('w', 1, dims(1), bytes(9, floats(1)));
    for (let depth = 0; depth < 40; depth += 1)
      graph = bytes(1, bytes(4, 'If'), bytes(5, bytes(1, 'a'), bytes(6, graph)));
    expect(await brokenRule(memoryFiles({ 'm.onnx': model(graph) }))).toMatch(/deep/);
  });

  it('gives typed errors or tensors for truncations and 4,000 mutants', async () => {
    const constant = bytes(
      1,
      bytes(2, 'c'),
      bytes(4, 'Constant'),
      bytes(5, bytes(1, 'value'), bytes(5, number(2, 6), dims(1), bytes(5, varint(3)))),
    );
    const file = model(
      constant,
      tensor('w', 1, dims(2), bytes(9, floats(1, 2))),
      tensor('h', 10, dims(1), bytes(5, varint(9))),
    );
    for (let end = 0; end < file.byteLength; end += 1) {
      const problem = await findProblem(memoryFiles({ 'm.onnx': file.subarray(0, end) }));
      expect(problem, `at ${end}`).toBeDefined();
    }
    const refused = await refuseMutants(file, 4000, (mutant) => memoryFiles({ 'm.onnx': mutant }));
    expect(refused).toBeGreaterThan(1000);
  });
});

/** The cases' names carry a mark; the data files are named in the model without it. */
const folder = mkdtempSync(join(tmpdir(), 'wsvc-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A real file with its data beside it, in a folder of its own. */
interface Placed {
  readonly path: string;
  readonly folder: string;
}

function placeCase(name: string): Placed {
  const mark = /@\w+/.exec(name)?.[0] ?? '';
  const own = mkdtempSync(join(folder, 'case-'));
  for (const file of listCases('onnx').filter((other) => other.includes(mark) && /\.(onnx|bin)$/.test(other))) {
    if (file === name || file.endsWith('.bin')) copyFileSync(casePath('onnx', file), join(own, file.replace(mark, '')));
  }
  return { path: join(own, name.replace(mark, '')), folder: own };
}

const hasOnnx = hasCases && pythonHas('onnx', 'numpy');
const script = readFileSync(fileURLToPath(new URL('./onnx-peer.py', import.meta.url)), 'utf8');

describe.runIf(hasOnnx)('the onnx package', () => {
  const cases = listCases('onnx', /\.onnx$/);

  it('reads the same tensors from every real file', { timeout: 200_000 }, async () => {
    const mains = `import sys\nsource = sys.argv[1]\nfor i in range(2, len(sys.argv), 2):\n    sys.argv[1:3] = sys.argv[i:i + 2]\n    exec(source)\n`;
    const places = cases.map(placeCase);
    const paths = places.flatMap((place) => [place.path, place.folder]);
    const printed = runPythonWith(['onnx', 'numpy'], mains, script, ...paths);
    const lines = printed.trim().split('\n');
    expect(lines).toHaveLength(cases.length);
    for (const [i, place] of places.entries()) await compare(place, cases[i] ?? '', lines[i] ?? '[]');
  });
});

async function compare(place: Placed, name: string, line: string): Promise<void> {
  const expected: readonly [string, number, readonly number[], string][] = JSON.parse(line);
  const checkpoint = await openKnownCheckpoint(directoryFiles(place.path));
  const read = await contentOf(checkpoint);
  await checkpoint.close();
  const sorted = (content: readonly unknown[]) => content.map((item) => JSON.stringify(item)).sort();
  expect(sorted(read), name).toEqual(sorted(expected.map(([tensorName, , shape, data]) => [tensorName, shape, data])));
}

async function contentOf(
  checkpoint: OpenCheckpoint,
): Promise<readonly (readonly [string, readonly number[], string])[]> {
  const content: (readonly [string, readonly number[], string])[] = [];
  for (const { name, shape } of checkpoint.tensors) {
    content.push([
      name.replace(/#\d+$/, ''),
      shape,
      Buffer.from(await tensorBytes(checkpoint, name)).toString('base64'),
    ]);
  }
  return content;
}

describe.runIf(hasCases)('one model in two containers', () => {
  /** Values of the larger tensors, sorted, by name: layouts may differ. */
  const valuesOf = async (file: string): Promise<ReadonlyMap<string, string>> => {
    const weights = await readWeights(await openBytes(file, readCase('onnx', file)));
    const large = [...weights].filter(([, { data }]) => data.length > 64);
    return new Map(large.map(([name, { data }]) => [name, Buffer.from(data.slice().sort().buffer).toString('base64')]));
  };

  it('holds the same weights as TorchScript and as ONNX', async () => {
    const scripted = [...(await valuesOf('model_micro.jit'))];
    const exported = new Set((await valuesOf('model_micro.onnx')).values());
    const other = new Set((await valuesOf('model_mini.onnx')).values());
    const parameters = scripted.filter(([name]) => /^(encoder|decoder)\./.test(name));
    const shared = parameters.filter(([, values]) => exported.has(values));
    const others = parameters.filter(([, values]) => !exported.has(values)).map(([name]) => name);
    expect(shared.length).toBeGreaterThanOrEqual(8);
    // Bit for bit equal is all but the linear layers and two convolutions, which the two exports keep differently.
    expect(others.filter((name) => !/\.(QKV|out_proj|linear\d|7|12)\.weight$/.test(name))).toEqual([]);
    expect(parameters.filter(([, values]) => other.has(values))).toEqual([]);
  });
});
