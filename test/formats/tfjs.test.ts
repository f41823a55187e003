import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { readWeights } from '../../src/formats/read-weights.ts';
import { openCheckpointAs, openKnownCheckpoint } from '../../src/formats/registry.ts';
import { findWriter } from '../../src/formats/writers.ts';
import { brokenRule, collectFiles, findProblem, memoryFiles, tensorValues } from './files.ts';

/** What a save handler gets, as the two files that tfjs-node writes; `shardBytes` cuts the weights. */
async function saveModel(model: tfl.LayersModel, shardBytes = Number.POSITIVE_INFINITY) {
  const files: Record<string, Uint8Array | string> = {};
  const handler = tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData, format, generatedBy }) => {
    const data = tf.io.CompositeArrayBuffer.join(weightData);
    const shards: Record<string, Uint8Array> = {};
    for (let at = 0; at < data.byteLength; at += shardBytes) {
      shards[`shard${Object.keys(shards).length}.bin`] = new Uint8Array(data.slice(at, at + shardBytes));
    }
    const weightsManifest = [{ paths: Object.keys(shards), weights: weightSpecs }];
    files['model.json'] = JSON.stringify({ modelTopology, format, generatedBy, convertedBy: null, weightsManifest });
    Object.assign(files, shards);
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
  });
  await model.save(handler, { includeOptimizer: true });
  return files;
}

beforeAll(() => tf.setBackend('cpu'));

function convolutional(): tfl.Sequential {
  return tfl.sequential({
    layers: [
      tfl.layers.conv2d({ inputShape: [8, 8, 1], filters: 2, kernelSize: 3, activation: 'relu' }),
      tfl.layers.depthwiseConv2d({ kernelSize: 2 }),
      tfl.layers.conv2dTranspose({ kernelSize: 2, filters: 5 }),
      tfl.layers.batchNormalization(),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 3 }),
    ],
  });
}

describe('tfjs', () => {
  test('a trained model: its values, its optimizer told apart, its layers in a row', async () => {
    const model = convolutional();
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    await model.fit(tf.ones([2, 8, 8, 1]), tf.zeros([2, 3]), { epochs: 1, verbose: 0 });
    const checkpoint = await openKnownCheckpoint(memoryFiles(await saveModel(model)));
    expect(checkpoint.format).toBe('tfjs');
    for (const [i, weight] of model.weights.entries()) {
      const name = checkpoint.tensors[i]?.name ?? '';
      expect(name).toBe(weight.originalName);
      expect(await tensorValues(checkpoint, name)).toEqual([...(await weight.read().data())]);
    }
    const roles = checkpoint.tensors.map(({ role }) => role);
    expect(roles.filter((role) => role === 'weight')).toHaveLength(model.weights.length);
    expect(new Set(roles)).toEqual(new Set(['weight', 'optimizer']));
    expect(checkpoint.graph?.map(({ kind }) => kind)).toEqual(model.layers.map((layer) => layer.getClassName()));
    expect(checkpoint.graph?.map(({ inputs }) => inputs)).toEqual(
      model.layers.map((_, i) => (i === 0 ? [] : [model.layers[i - 1]?.name])),
    );
    expect(checkpoint.graph?.flatMap(({ tensors }) => tensors).sort()).toEqual(
      model.weights.map((weight) => weight.originalName).sort(),
    );
  });

  test('axes become channels-first', async () => {
    const model = convolutional();
    const weights = await readWeights(await openKnownCheckpoint(memoryFiles(await saveModel(model))));
    const expected = async (index: number, order: number[]) => {
      const moved = tf.transpose(model.weights[index]?.read() ?? tf.scalar(0), order);
      return { shape: moved.shape, data: await moved.data() };
    };
    const got = (index: number) => weights.get(model.weights[index]?.originalName ?? '');
    expect(got(0)).toEqual(await expected(0, [3, 2, 0, 1]));
    expect(got(2)).toEqual(await expected(2, [2, 3, 0, 1]));
    expect(got(4)).toEqual(await expected(4, [3, 2, 0, 1]));
    const dense = model.weights.findIndex(({ originalName }) => /dense.*kernel/.test(originalName));
    expect(got(dense)).toEqual(await expected(dense, [1, 0]));
  });

  test('a functional model with wrapped, shared and nested layers', async () => {
    const rnn = { recurrentInitializer: 'glorotUniform' } as const;
    const input = tfl.input({ shape: [5, 4], name: 'in' });
    const layer = (made: tfl.layers.Layer, from: tfl.SymbolicTensor | tfl.SymbolicTensor[]) =>
      made.apply(from) as tfl.SymbolicTensor;
    const recurrent = layer(tfl.layers.lstm({ units: 3, returnSequences: true, name: 'rnn', ...rnn }), input);
    const timed = layer(
      tfl.layers.timeDistributed({ layer: tfl.layers.dense({ units: 2 }), name: 'timed' }),
      recurrent,
    );
    const shared = tfl.layers.dense({ units: 2, name: 'shared' });
    const sum = layer(tfl.layers.add({ name: 'sum' }), [layer(shared, timed), layer(shared, timed)]);
    const innerInput = tfl.input({ shape: [5, 2], name: 'inner_in' });
    const inner = tfl.model({
      inputs: innerInput,
      outputs: layer(tfl.layers.dense({ units: 7, name: 'inner_dense' }), innerInput),
      name: 'inner',
    });
    const model = tfl.model({
      inputs: input,
      outputs: layer(tfl.layers.dense({ units: 1, name: 'scope/out' }), layer(inner, sum)),
    });
    const checkpoint = await openKnownCheckpoint(memoryFiles(await saveModel(model)));
    expect(checkpoint.graph?.map(({ name, kind, inputs, tensors }) => [name, kind, inputs, tensors])).toEqual([
      ['in', 'InputLayer', [], []],
      ['rnn', 'LSTM', ['in'], ['rnn/kernel', 'rnn/recurrent_kernel', 'rnn/bias']],
      ['timed', 'TimeDistributed', ['rnn'], ['timed/kernel', 'timed/bias']],
      ['shared', 'Dense', ['timed'], ['shared/kernel', 'shared/bias']],
      ['sum', 'Add', ['shared'], []],
      ['inner/inner_in', 'Activation', ['sum'], []],
      ['inner/inner_dense', 'Dense', ['inner/inner_in'], ['inner_dense/kernel', 'inner_dense/bias']],
      ['scope/out', 'Dense', ['inner/inner_dense'], ['scope/out/kernel', 'scope/out/bias']],
    ]);
    const orders = new Map(checkpoint.tensors.map(({ name, toCanonical }) => [name, toCanonical]));
    for (const name of [
      'rnn/kernel',
      'rnn/recurrent_kernel',
      'timed/kernel',
      'inner_dense/kernel',
      'scope/out/kernel',
    ]) {
      expect([name, orders.get(name)]).toEqual([name, [1, 0]]);
    }
    expect(orders.get('rnn/bias')).toBeUndefined();
  });

  test.each([1, 3, 10, 64])('shards of %d bytes: tensors that span files read alike', async (shardBytes) => {
    const model = tfl.sequential({ layers: [tfl.layers.dense({ units: 3, inputShape: [4] })] });
    const checkpoint = await openKnownCheckpoint(memoryFiles(await saveModel(model, shardBytes)));
    for (const { name, at, dtype } of checkpoint.tensors) {
      expect(dtype).toBe('f32');
      if (at !== undefined) expect(shardBytes).toBe(64);
      const weight = model.weights.find(({ originalName }) => originalName === name);
      expect(await tensorValues(checkpoint, name)).toEqual([...((await weight?.read().data()) ?? [])]);
    }
  });
});

const spec = (name: string, shape: readonly number[], dtype: string, quantization?: object) => ({
  name,
  shape,
  dtype,
  ...(quantization === undefined ? {} : { quantization }),
});

function modelOf(weights: readonly object[], data: Uint8Array, rest: object = {}) {
  return memoryFiles({
    'model.json': JSON.stringify({ weightsManifest: [{ paths: ['w.bin'], weights }], ...rest }),
    'w.bin': data,
  });
}

describe('quantised tfjs', () => {
  const codes = Uint8Array.of(0, 128, 255, 1, 2, 3);
  const quantised = [
    spec('a', [3], 'float32', { dtype: 'uint8', scale: 0.0123, min: -1.5 }),
    spec('b', [1], 'int32', { dtype: 'uint8', scale: 1.6, min: -3 }),
    spec('c', [1], 'float32', { dtype: 'float16' }),
  ];

  test('codes stand for what tfjs-core makes of them', async () => {
    const checkpoint = await openKnownCheckpoint(modelOf(quantised, codes));
    const specs = quantised as unknown as tf.io.WeightsManifestEntry[];
    const decoded = tf.io.decodeWeights(Uint8Array.from(codes).buffer, specs);
    for (const name of ['a', 'b', 'c']) {
      expect(await tensorValues(checkpoint, name)).toEqual([...((await decoded[name]?.data()) ?? [])]);
    }
    expect(checkpoint.tensors.map(({ dtype, at }) => [dtype, at?.offset])).toEqual([
      ['f32', undefined],
      ['i32', undefined],
      ['f16', 4],
    ]);
  });

  test('texts are named as unread', async () => {
    const data = Buffer.concat([
      Buffer.from([2, 0, 0, 0]),
      Buffer.from('hi'),
      Buffer.from([0, 0, 0, 0]),
      Buffer.from(Float32Array.of(5).buffer),
    ]);
    const checkpoint = await openKnownCheckpoint(modelOf([spec('t', [2], 'string'), spec('x', [], 'float32')], data));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['x']);
    expect(checkpoint.unread).toEqual([{ name: 't', reason: 'it holds texts' }]);
    expect(await tensorValues(checkpoint, 'x')).toEqual([5]);
  });
});

test('a converted graph: the operators tell the order of the axes', async () => {
  const node = [
    { name: 'w', op: 'Const' },
    { name: 'read', op: 'Identity', input: ['w'] },
    { name: 'mul', op: 'MatMul', input: ['x', 'read:0'] },
    { name: 'wt', op: 'Const' },
    { name: 'mulT', op: 'MatMul', input: ['x', 'wt'], attr: { transpose_b: { b: true } } },
    { name: 'both', op: 'Const' },
    { name: 'm1', op: 'MatMul', input: ['x', 'both'] },
    { name: 'm2', op: 'MatMul', input: ['x', 'both'], attr: { transpose_b: { b: true } } },
    { name: 'k', op: 'Const' },
    { name: 'conv', op: '_FusedConv2D', input: ['y', 'k', 'bias'] },
    { name: 'loop', op: 'Identity', input: ['loop'] },
    { name: 'm3', op: 'MatMul', input: ['x', 'loop'] },
  ];
  const weights = [
    ...['w', 'wt', 'both'].map((name) => spec(name, [1, 2], 'float32')),
    spec('k', [1, 1, 1, 2], 'float32'),
  ];
  const checkpoint = await openKnownCheckpoint(
    modelOf(weights, new Uint8Array(32), { format: 'graph-model', modelTopology: { node } }),
  );
  expect(checkpoint.graph).toBeUndefined();
  expect(checkpoint.tensors.map(({ name, toCanonical }) => [name, toCanonical])).toEqual([
    ['w', [1, 0]],
    ['wt', undefined],
    ['both', undefined],
    ['k', [3, 2, 0, 1]],
  ]);
});

describe('tfjs that breaks a rule', () => {
  const x = spec('x', [1], 'float32');
  const four = new Uint8Array(4);
  const manifest = (value: unknown) =>
    memoryFiles({ 'model.json': JSON.stringify({ modelTopology: null, weightsManifest: value }), 'w.bin': four });
  const rules = [
    ['no manifest', 'there must be a weightsManifest', manifest(undefined)],
    ['a group that is no object', 'must be an object', manifest([1])],
    ['no paths', 'paths of a group', manifest([{ weights: [] }])],
    ['a path that leaves the folder', 'files beside it', manifest([{ paths: ['../w.bin'], weights: [] }])],
    ['no weights', 'list of weights', manifest([{ paths: ['w.bin'] }])],
    ['a missing file', 'is missing', manifest([{ paths: ['v.bin'], weights: [x] }])],
    ['no name', 'an object with a name', modelOf([{ shape: [1], dtype: 'float32' }], four)],
    ['an unknown type', 'is not supported', modelOf([spec('x', [1], 'float128')], four)],
    ['a bad shape', 'must be whole numbers', modelOf([spec('x', [-1], 'float32')], four)],
    ['no scale', 'a scale and a min', modelOf([spec('x', [4], 'float32', { dtype: 'uint8' })], four)],
    ['an unknown quantisation', 'is not supported for', modelOf([spec('x', [4], 'float32', { dtype: 'uint4' })], four)],
    ['too few bytes', 'must hold all of "x"', modelOf([spec('x', [2], 'float32')], four)],
    ['endless shapes', 'must hold all of "x"', modelOf([spec('x', [2 ** 50, 2 ** 50], 'float32')], four)],
    [
      'infinitely many of nothing',
      'must hold all of "x"',
      modelOf([spec('x', [...Array(30).fill(2 ** 50), 0], 'float32')], four),
    ],
    ['too many bytes', 'no more than the weights', modelOf([x], new Uint8Array(5))],
    ['a text beyond the file', 'must hold all of "t"', modelOf([spec('t', [1], 'string')], Uint8Array.of(9, 0, 0, 0))],
    ['endlessly many texts', 'must hold all of "t"', modelOf([spec('t', [2 ** 50], 'string')], four)],
    ['no JSON', 'must be a JSON object', memoryFiles({ 'model.json': '{"modelTopology": ' })],
  ] as const;
  test.each(rules)('%s', async (_, rule, files) => {
    expect(await brokenRule(files)).toContain(rule);
  });

  test('every truncation of either file is refused', async () => {
    const files = await saveModel(tfl.sequential({ layers: [tfl.layers.dense({ units: 2, inputShape: [2] })] }));
    for (const name of Object.keys(files)) {
      const content = Buffer.from(files[name] ?? '');
      for (let length = name === 'model.json' ? 1 : 0; length < content.byteLength; length += 1) {
        const cut = memoryFiles({ ...files, [name]: content.subarray(0, length) });
        const opened = await openCheckpointAs('tfjs', cut).catch((error: unknown) => error);
        expect(opened).toMatchObject({ code: 'bad-file' });
        await findProblem(cut);
      }
    }
  });

  test.each([
    ['a layer without a class', { class_name: 'Sequential', config: { layers: [{ config: {} }] } }],
    ['layers that are no list', { class_name: 'Sequential', config: { layers: 5 } }],
    ['an own kind of model', { class_name: 'Mine', config: {} }],
    ['text', 'topology'],
  ])('%s in the topology gives no graph, and the weights all the same', async (_, modelTopology) => {
    const checkpoint = await openKnownCheckpoint(modelOf([x], four, { modelTopology }));
    expect(checkpoint.graph).toBeUndefined();
    expect(checkpoint.tensors).toHaveLength(1);
  });
});

describe('tfjs that wsvc writes', () => {
  const values = {
    f32: [1.5, -2.25, 3e-20, 0],
    f16: [1, -0.5, 65504, 6e-8],
    i32: [7, -9, 2 ** 30, 0],
    bool: [1, 0, 0, 1],
  };
  const arrays = {
    f32: Float32Array.from(values.f32),
    f16: Uint16Array.of(0x3c00, 0xb800, 0x7bff, 0x0001),
    i32: Int32Array.from(values.i32),
    bool: Uint8Array.from(values.bool),
  };

  test('is loaded by tfjs-core with the same values and shapes', async () => {
    const writer = findWriter('tfjs');
    if (writer === undefined) throw new Error('no writer');
    const tensors = (Object.keys(arrays) as (keyof typeof arrays)[]).flatMap((dtype) =>
      [[4], [2, 2], [1, 4, 1]].map((shape) => ({
        name: `${dtype}/${shape.join('x')}`,
        dtype,
        shape,
        async *bytes() {
          yield new Uint8Array(arrays[dtype].buffer);
        },
      })),
    );
    const files = await collectFiles(writer.write(tensors, { fileName: 'model.json' }));
    const { weightsManifest } = JSON.parse(new TextDecoder().decode(files['model.json']));
    const specs = weightsManifest.flatMap(({ weights }: { weights: tf.io.WeightsManifestEntry[] }) => weights);
    const paths: string[] = weightsManifest.flatMap(({ paths: all }: { paths: string[] }) => all);
    const data = Buffer.concat(paths.map((path) => files[path] ?? new Uint8Array()));
    const decoded = tf.io.decodeWeights(Uint8Array.from(data).buffer, specs);
    expect(Object.keys(decoded).sort()).toEqual(tensors.map(({ name }) => name).sort());
    for (const { name, dtype, shape } of tensors) {
      const expected = dtype === 'bool' ? values.bool : [...Float32Array.from(values[dtype])];
      const loaded = decoded[name];
      expect([name, loaded?.shape]).toEqual([name, shape]);
      const got = [...((await loaded?.data()) ?? [])].map(Number);
      for (const [i, x] of got.entries())
        expect(Math.abs(x - (expected[i] ?? Number.NaN))).toBeLessThanOrEqual(dtype === 'f16' ? 1e-8 : 0);
    }
  });
});
