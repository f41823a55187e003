import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes/hex.ts';
import { conversionNotes } from '../../src/formats/conversion-notes.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import type { WritableTensor } from '../../src/formats/writer.ts';
import { findWriter, WRITABLE_FORMATS, writableTensors } from '../../src/formats/writers.ts';
import { decodeToFloat32 } from '../../src/tensors/decode.ts';
import { type DType, elementByteLength, elementCount } from '../../src/tensors/dtype.ts';
import { pythonHas, runPythonWith } from '../peers.ts';
import { collectFiles, memoryFiles, tensorBytes } from './files.ts';

const DTYPES: readonly DType[] = [
  'f64',
  'f32',
  'f16',
  'bf16',
  'f8_e4m3',
  'f8_e5m2',
  'i64',
  'i32',
  'i16',
  'i8',
  'u64',
  'u32',
  'u16',
  'u8',
  'bool',
  'c64',
  'c128',
];

function tensorOf(
  name: string,
  dtype: DType,
  shape: readonly number[],
): WritableTensor & { readonly plain: Uint8Array } {
  // Small values of whole bytes: every type can hold them, and none is NaN.
  const width = elementByteLength(dtype);
  const plain = Uint8Array.from({ length: elementCount(shape) * width }, (_, i) => {
    if (dtype === 'bool') return i % 2;
    return /^[iu]/.test(dtype) && i % width > 1 ? 0 : (i * 5 + 1) & 0x3f;
  });
  return {
    name,
    dtype,
    shape,
    plain,
    async *bytes() {
      for (let at = 0; at < plain.byteLength; at += 7) yield plain.subarray(at, at + 7);
    },
  };
}

function writerOf(format: string) {
  const writer = findWriter(format);
  if (writer === undefined) throw new Error(`no writer of ${format}`);
  return writer;
}

const SHAPES = [[], [0], [3], [2, 3], [2, 1, 3]] as const;

describe.each(WRITABLE_FORMATS)('writing %s', (format) => {
  const writer = writerOf(format);
  const tensors = DTYPES.filter((dtype) => writer.writtenAs(dtype) !== undefined).flatMap((dtype) =>
    SHAPES.map((shape) => tensorOf(`層.${dtype}.${shape.join('x')}`, dtype, shape)),
  );
  const write = () => collectFiles(writer.write(tensors, { fileName: 'model.json', declared: { epoch: 3 } }));

  test('comes back: names, shapes, and the values of every type', async () => {
    const checkpoint = await openKnownCheckpoint(memoryFiles(await write()));
    expect(checkpoint.format).toBe(writer.format);
    expect(checkpoint.tensors.map(({ name }) => name).sort()).toEqual(tensors.map(({ name }) => name).sort());
    for (const { name, dtype, shape, plain } of tensors) {
      const entry = checkpoint.tensors.find((candidate) => candidate.name === name);
      expect([name, entry?.dtype, entry?.shape]).toEqual([name, writer.writtenAs(dtype), shape]);
      const bytes = await tensorBytes(checkpoint, name);
      if (entry?.dtype === dtype) expect([name, toHex(bytes)]).toEqual([name, toHex(plain)]);
      expect(decodeToFloat32(entry?.dtype ?? 'f32', bytes)).toEqual(decodeToFloat32(dtype, plain));
    }
  });

  test('is the same every time', async () => {
    expect(await write()).toEqual(await write());
  });
});

test('what a conversion does beside copying is said', async () => {
  const tensors = [
    tensorOf('b', 'bf16', [2]),
    tensorOf('c', 'bf16', [2]),
    tensorOf('i', 'i64', []),
    tensorOf('f', 'f32', [1]),
  ];
  const optimizer = tensorOf('optimizer.m', 'f32', [1]);
  const files = await collectFiles(
    writerOf('safetensors').write([...tensors, optimizer], { fileName: 'x.safetensors' }),
  );
  const checkpoint = await openKnownCheckpoint(memoryFiles(files));
  const left = '1 tensor of the optimizer left out';
  expect(conversionNotes(checkpoint, writerOf('tfjs'))).toEqual([
    '1 tensor of i64 as i32',
    '2 tensors of bf16 as f32',
    left,
  ]);
  expect(conversionNotes(checkpoint, writerOf('pytorch'))).toEqual([left]);
  const withTexts = { ...checkpoint, unread: [{ name: 't', reason: 'it holds texts' }] };
  expect(conversionNotes(withTexts, writerOf('safetensors'))).toEqual([
    left,
    '1 tensor that wsvc does not read left out',
  ]);
});

const READ_SAFE = `
import numpy, json, sys, torch
kinds = {'F64': 'f8', 'F32': 'f4', 'F16': 'f2', 'I64': 'i8', 'I8': 'i1', 'U8': 'u1', 'BOOL': '?', 'BF16': 'u2'}
raw = open(sys.argv[1], 'rb').read()
size = int.from_bytes(raw[:8], 'little')
head = json.loads(raw[8:8 + size])
head.pop('__metadata__', None)
state = torch.load(sys.argv[2])
arrays = numpy.load(sys.argv[3])
bad = []
for name, value in state.items():
    plain = (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()
    start, end = head[name]['data_offsets']
    if list(value.shape) != head[name]['shape'] or plain.tobytes() != raw[8 + size + start:8 + size + end]:
        bad.append('safetensors ' + name)
    array = arrays[name]
    wide = value.float().numpy() if value.dtype == torch.bfloat16 else plain
    if array.shape != wide.shape or array.dtype != wide.dtype or array.tobytes() != wide.tobytes():
        bad.append('npz ' + name)
print(json.dumps([len(state), sorted(arrays.files) == sorted(state), bad]))
`;

test.skipIf(!pythonHas('torch', 'numpy'))(
  'PyTorch and NumPy load the same from every file, tensor by tensor',
  async () => {
    const dtypes: readonly DType[] = ['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'i16', 'i8', 'u8', 'bool'];
    const shapes = [...SHAPES, [0, 4], [1, 1]];
    const odd = ['a/b', '../x', 'x.npy', ' ', 'é\n', '__proto__', 'weights[0]', '層', 'a\\b'];
    const tensors = [
      ...dtypes.flatMap((dtype) => shapes.map((shape) => tensorOf(`${dtype} ${shape.join('x')}`, dtype, shape))),
      ...odd.map((name) => tensorOf(name, 'f32', [2, 2])),
    ];
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-peers-'));
    const paths: string[] = [];
    for (const format of ['safetensors', 'pytorch', 'npz']) {
      const files = await collectFiles(writerOf(format).write(tensors, { fileName: format }));
      paths.push(join(folder, format === 'npz' ? 'x.npz' : format));
      writeFileSync(paths.at(-1) ?? '', files[format] ?? '');
    }
    expect(JSON.parse(runPythonWith(['numpy', 'torch'], READ_SAFE, ...paths))).toEqual([tensors.length, true, []]);
  },
);

describe('what a format cannot hold is refused', () => {
  const write = (format: string, ...tensors: readonly WritableTensor[]) =>
    collectFiles(writerOf(format).write(tensors, { fileName: 'x' }));
  test.each([
    ['safetensors', tensorOf('x', 'c128', [1])],
    ['tfjs', tensorOf('x', 'f64', [1])],
    ['safetensors', tensorOf('__metadata__', 'f32', [1])],
  ])('%s', async (format, tensor) => {
    await expect((async () => write(format, tensor))()).rejects.toMatchObject({ code: 'usage' });
  });

  test.each(['safetensors', 'npz', 'tfjs'])('%s: two tensors of one name', async (format) => {
    const twice = [tensorOf('x', 'f32', [1]), tensorOf('x', 'f32', [1])];
    await expect((async () => write(format, ...twice))()).rejects.toMatchObject({ code: 'usage' });
  });

  test.each([
    [2n ** 31n - 1n, true],
    [-(2n ** 31n), true],
    [2n ** 31n, false],
    [-(2n ** 31n) - 1n, false],
  ])('tfjs: %d as 32 bits', async (value, fits) => {
    const plain = new Uint8Array(BigInt64Array.of(value).buffer);
    const tensor: WritableTensor = {
      name: 'x',
      dtype: 'i64',
      shape: [],
      async *bytes() {
        yield plain;
      },
    };
    if (fits) await write('tfjs', tensor);
    else await expect(write('tfjs', tensor)).rejects.toMatchObject({ code: 'usage' });
  });

  test.each(['safetensors', 'npz', 'tfjs'])('%s: bytes that are missing are a bug, not a file', async (format) => {
    const tensor = { ...tensorOf('x', 'f32', [2]), shape: [3] };
    await expect(write(format, tensor)).rejects.toMatchObject({ code: 'bug' });
  });
});

test('safetensors: any names come back, and every tensor is aligned for its type', async () => {
  const list = fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), fc.constantFrom(...DTYPES)), {
    selector: ([name]) => name,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(list, async (entries) => {
      const names = [
        '__proto__',
        ...entries.map(([name]) => name).filter((name) => !/^__(proto|metadata)__$/.test(name)),
      ];
      const tensors = names.map((name, i) =>
        tensorOf(name, entries[i]?.[1] === 'c128' ? 'f16' : (entries[i]?.[1] ?? 'u8'), [i % 3]),
      );
      const files = await collectFiles(writerOf('safetensors').write(tensors, { fileName: 'x.safetensors' }));
      const checkpoint = await openKnownCheckpoint(memoryFiles(files));
      expect(checkpoint.tensors.map(({ name }) => name).sort()).toEqual(names.sort());
      for (const { at, dtype } of checkpoint.tensors)
        expect((at?.offset ?? 0) % Math.min(8, elementByteLength(dtype))).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test('axes are written channels-first when the graph tells them', async () => {
  const modelTopology = {
    class_name: 'Sequential',
    config: { layers: [{ class_name: 'Dense', config: { name: 'd' } }] },
  };
  const weights = [{ name: 'd/kernel', shape: [2, 3], dtype: 'float32' }];
  const model = JSON.stringify({ modelTopology, weightsManifest: [{ paths: ['w'], weights }] });
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  const source = await openKnownCheckpoint(memoryFiles({ 'model.json': model, w: data }));
  const files = await collectFiles(
    writerOf('safetensors').write(writableTensors(source), { fileName: 'x.safetensors' }),
  );
  const written = await openKnownCheckpoint(memoryFiles(files));
  expect(written.tensors[0]?.shape).toEqual([3, 2]);
  expect([...decodeToFloat32('f32', await tensorBytes(written, 'd/kernel'))]).toEqual([1, 4, 2, 5, 3, 6]);
});

const READ_NPZ = `
import numpy as np, json, sys
print(json.dumps({k: [v.dtype.str, list(v.shape), v.tobytes().hex()] for k, v in np.load(sys.argv[1]).items()}))
`;

test.skipIf(!pythonHas('numpy'))('numpy reads our archives', async () => {
  const dtypes: readonly DType[] = ['f64', 'f32', 'f16', 'i64', 'i8', 'u32', 'bool', 'c64', 'c128'];
  const tensors = dtypes.flatMap((dtype) =>
    SHAPES.map((shape) => tensorOf(`重 ${dtype}/${shape.join('x')}`, dtype, shape)),
  );
  const path = join(mkdtempSync(join(tmpdir(), 'wsvc-npz-')), 'x.npz');
  const files = await collectFiles(writerOf('npz').write(tensors, { fileName: 'x.npz' }));
  writeFileSync(path, files['x.npz'] ?? '');
  const read = JSON.parse(runPythonWith(['numpy'], READ_NPZ, path)) as Record<string, [string, number[], string]>;
  expect(Object.keys(read)).toHaveLength(tensors.length);
  for (const { name, shape, plain } of tensors)
    expect([name, read[name]?.slice(1)]).toEqual([name, [shape, toHex(plain)]]);
});
