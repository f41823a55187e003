import { describe, expect, it } from 'vitest';
import { readWeights } from '../../../src/formats/read-weights.ts';
import { brokenRule, findProblem, memoryFiles, openBytes, tensorBytes, tensorValues } from '../files.ts';
import { refuseMutants } from '../mutations.ts';
import { buildModel } from './build-model.ts';

const floats = (...values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const FLOAT = { name: 'dense/kernel', type: 0, shape: [2, 3], data: floats(1, 2, 3, 4, 5, 6) };

describe('tflite', () => {
  it('reads floats where they stand, and leaves activations out', async () => {
    const bytes = buildModel([FLOAT]);
    const checkpoint = await openBytes('model.tflite', bytes);
    expect(checkpoint.format).toBe('tflite');
    expect(checkpoint.declared).toEqual({ version: 3, description: 'built for a test' });
    expect(checkpoint.tensors.map(({ name, role }) => [name, role])).toEqual([['dense/kernel', 'weight']]);
    const { at } = checkpoint.tensors[0] ?? {};
    expect(bytes.slice(at?.offset, (at?.offset ?? 0) + 24)).toEqual(FLOAT.data);
    expect(await tensorValues(checkpoint, 'dense/kernel')).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('keeps f16 as f16', async () => {
    const half = { name: 'half', type: 1, shape: [2], data: Uint8Array.of(0, 0x3c, 0, 0xc0) };
    const checkpoint = await openBytes('m.tflite', buildModel([half]));
    expect(checkpoint.tensors[0]?.dtype).toBe('f16');
    expect(await tensorValues(checkpoint, 'half')).toEqual([1, -2]);
  });

  it.each([
    ['one scale', { scales: [0.5], zeroPoints: [1] }, [0, 0.5, -1, -1.5, 1, 63]],
    ['a scale for each row', { scales: [1, 2], zeroPoints: [0, 0], axis: 0 }, [1, 2, -1, -4, 6, 254]],
    [
      'a scale for each column',
      { scales: [1, 10, 100], zeroPoints: [0, 0, 0], axis: 1 },
      [1, 20, -100, -2, 30, 12_700],
    ],
  ])('dequantises int8 with %s', async (_what, scales, expected) => {
    const codes = { name: 'q', type: 9, shape: [2, 3], data: Uint8Array.of(1, 2, 255, 254, 3, 127), ...scales };
    const checkpoint = await openBytes('m.tflite', buildModel([codes]));
    expect(checkpoint.tensors[0]).toMatchObject({ dtype: 'f32', role: 'weight' });
    expect(checkpoint.tensors[0]?.at).toBeUndefined();
    expect(await tensorValues(checkpoint, 'q')).toEqual(expected);
  });

  it.each([
    ['a convolution', 3, [4, 1, 2, 3], [4, 3, 1, 2]],
    ['a depthwise convolution', 4, [1, 2, 3, 4], [4, 1, 2, 3]],
    ['a transposed convolution', 67, [4, 1, 2, 3], [3, 4, 1, 2]],
    ['a dense layer', 9, [6, 4], [6, 4]],
  ])('brings the filter of %s to channels-first', async (_what, operator, shape, canonical) => {
    const filter = { name: 'w', type: 0, shape, data: floats(...Array.from({ length: 24 }, (_, i) => i)) };
    const weights = await readWeights(await openBytes('m.tflite', buildModel([filter], operator)));
    expect(weights.get('w')?.shape).toEqual(canonical);
  });

  it('calls what is not read by its reason', async () => {
    const checkpoint = await openBytes('m.tflite', buildModel([FLOAT, { ...FLOAT, name: 'text', type: 5 }]));
    expect(checkpoint.unread).toEqual([{ name: 'text', reason: 'the TensorFlow Lite type 5 is not read' }]);
  });

  it.each([
    ['fewer bytes than its shape', [{ ...FLOAT, shape: [2, 4] }], /as many bytes as its shape/],
    ['a negative size', [{ ...FLOAT, shape: [-2, -3] }], /whole numbers/],
    ['as many scales as no axis', [{ ...FLOAT, type: 9, shape: [24], scales: [1, 2] }], /a scale for each slice/],
    [
      'more zero points than scales',
      [{ ...FLOAT, type: 9, shape: [24], scales: [1], zeroPoints: [1, 2] }],
      /zero points/,
    ],
  ])('refuses %s', async (_what, tensors, rule) => {
    expect(await brokenRule(memoryFiles({ 'm.tflite': buildModel(tensors) }))).toMatch(rule);
  });

  it('gives typed errors for every truncation', async () => {
    const bytes = buildModel([FLOAT, { name: 'q', type: 9, shape: [2], data: Uint8Array.of(1, 2), scales: [0.5] }], 9);
    for (let end = 0; end < bytes.byteLength - 2; end += 1) {
      expect(await findProblem(memoryFiles({ 'm.tflite': bytes.slice(0, end) })), `at ${end}`).toBeDefined();
    }
  });

  it('gives typed errors or tensors for 5,000 mutants', async () => {
    const bytes = buildModel([FLOAT, { name: 'q', type: 9, shape: [2], data: Uint8Array.of(1, 2), scales: [0.5] }], 9);
    const refused = await refuseMutants(bytes, 5000, (mutant) => memoryFiles({ 'm.tflite': mutant }));
    expect(refused).toBeGreaterThan(1000);
  });

  it('reads what it has placed', async () => {
    const checkpoint = await openBytes('m.tflite', buildModel([FLOAT]));
    expect(await tensorBytes(checkpoint, 'dense/kernel')).toEqual(Buffer.from(FLOAT.data));
  });
});
