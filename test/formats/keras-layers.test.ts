import { describe, expect, test } from 'vitest';
import { parseKerasLayers } from '../../src/formats/keras-layers.ts';

const layer = (name: string, kind: string, ...calls: readonly (readonly string[])[]) => ({
  name,
  class_name: kind,
  config: { name },
  inbound_nodes: calls.map((reads) => reads.map((read) => [read, 0, 0, {}])),
});

const model = (name: string, layers: readonly object[], inputs: readonly string[], outputs: readonly string[]) => ({
  class_name: 'Functional',
  config: { name, layers, input_layers: inputs.map((n) => [n, 0, 0]), output_layers: outputs.map((n) => [n, 0, 0]) },
});

const inputsOf = (graph: unknown) =>
  Object.fromEntries((parseKerasLayers(graph) ?? []).map(({ name, inputs }) => [name, inputs]));

describe('models inside models', () => {
  const twin = model(
    'twin',
    [layer('p', 'InputLayer'), layer('q', 'InputLayer'), layer('add', 'Add', ['p', 'q'])],
    ['p', 'q'],
    ['add'],
  );
  const outer = (...calls: readonly (readonly string[])[]) =>
    model(
      'outer',
      [
        ...['a', 'b', 'c', 'd'].map((name) => layer(name, 'InputLayer')),
        { ...layer('twin', 'Functional', ...calls), config: twin.config },
        layer('out', 'Dense', ['twin']),
      ],
      ['a', 'b', 'c', 'd'],
      ['out'],
    );

  test('each input passes on what stands in its place', () => {
    const graph = inputsOf(outer(['a', 'b']));
    expect([graph['twin/p'], graph['twin/q'], graph.out]).toEqual([['a'], ['b'], ['twin/add']]);
  });

  test('used twice, each input passes on what it gets in either use', () => {
    const graph = inputsOf(outer(['a', 'b'], ['c', 'd']));
    expect([graph['twin/p'], graph['twin/q']]).toEqual([
      ['a', 'c'],
      ['b', 'd'],
    ]);
  });

  test('in a sequence, the first reads what is before the model', () => {
    const inner = {
      class_name: 'Sequential',
      config: { name: 's', layers: [layer('x', 'Dense'), layer('y', 'Dense')] },
    };
    const graph = { class_name: 'Sequential', config: [layer('first', 'Dense'), inner, layer('last', 'Dense')] };
    expect(inputsOf(graph)).toEqual({ first: [], 's/x': ['first'], 's/y': ['s/x'], last: ['s/y'] });
  });

  test('nested without end give no graph', () => {
    let graph: object = layer('x', 'Dense');
    for (let i = 0; i < 200; i += 1) graph = { class_name: 'Sequential', config: { name: `s${i}`, layers: [graph] } };
    expect(parseKerasLayers(graph)).toBeUndefined();
  });
});

test('Keras 3 wraps references in keras_history', () => {
  const read = { class_name: '__keras_tensor__', config: { shape: [null, 4], keras_history: ['in', 0, 0] } };
  const dense = { ...layer('d', 'Dense'), inbound_nodes: [{ args: [read], kwargs: {} }] };
  const graph = model('m', [layer('in', 'InputLayer'), dense], ['in'], ['d']);
  expect(inputsOf(graph)).toEqual({ in: [], d: ['in'] });
});
