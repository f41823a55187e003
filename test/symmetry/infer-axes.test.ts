import { describe, expect, it } from 'vitest';
import { inferAxisGraph, type TensorShape } from '../../src/symmetry/infer-axes.ts';
import { pythonHas } from '../peers.ts';
import { type Case, caseOf, graphOfModel, movements, spacesOf, torchModels } from './function-test.ts';

/** The spaces that the rules find in each PyTorch model, by the layer that writes them; a model without any is refused as a whole. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  mlp: ['fc1', 'fc2'],
  'mlp-relu': ['fc1', 'fc2'],
  'mlp-square': ['fc1'],
  'mlp-autoencoder': ['fc1', 'fc2', 'fc3'],
  'mlp-wrapped': ['module.fc1', 'module.fc2'],
  'mlp-residual': ['fc1'],
  'zoo-cnn': ['conv1', 'conv2', 'conv3', 'fc1'],
  'batch-norm-cnn': ['bn1', 'bn2'],
  'pre-norm-cnn': ['bn2'],
  vgg: ['classifier.0', 'features.0', 'features.4'],
  'body-and-head': ['encoder.0', 'encoder.2'],
  heads: [],
  'layers-in-parallel': [],
  'residual-list': [],
  'two-heads': [],
  vae: [],
  concatenating: [],
  'group-norm': ['net.3'],
  grouped: [],
  depthwise: ['net.0', 'net.6'],
  decoder: [],
  autoencoder: ['encoder.0', 'encoder.2'],
  rnn: ['rnn.weight_hh_l0'],
  'gru-2': ['rnn.weight_hh_l0', 'rnn.weight_hh_l1'],
  lstm: ['rnn.weight_hh_l0'],
  'lstm-bidirectional': ['rnn.weight_hh_l0', 'rnn.weight_hh_l1'],
  'lstm-projected': [],
  dqn: ['q_net.0', 'q_net.2', 'q_net_target.0', 'q_net_target.2'],
  ppo: [
    'mlp_extractor.policy_net.0',
    'mlp_extractor.policy_net.2',
    'mlp_extractor.value_net.0',
    'mlp_extractor.value_net.2',
  ],
  'ppo-cnn': ['features_extractor.cnn.0', 'features_extractor.cnn.2'],
  dueling: ['advantage.0', 'value.0'],
  encoder: ['layers.0.linear1', 'layers.0.linear2', 'layers.1.linear1'],
  gpt2: ['transformer.h.0.attn.c_attn', 'transformer.h.0.mlp.c_proj', 'transformer.h.1.mlp.c_proj'],
  'nano-gpt': ['transformer.h.0.attn.c_proj', 'transformer.h.0.mlp.c_fc', 'transformer.h.1.mlp.c_fc'],
  'lecture-gpt': ['blocks.0.ffwd.net.0', 'blocks.0.ffwd.net.2', 'blocks.1.ffwd.net.0'],
  'plain-gpt': ['layers.0.fc1', 'layers.0.fc2', 'layers.1.fc1'],
  bert: [
    'bert.embeddings.LayerNorm',
    'bert.encoder.layer.0.intermediate.dense',
    'bert.encoder.layer.1.intermediate.dense',
  ],
  'bert-bare': [
    'bert.embeddings.LayerNorm',
    'bert.encoder.layer.0.intermediate.dense',
    'bert.encoder.layer.1.intermediate.dense',
  ],
  translator: [
    'decoder.block.0.layer.0.SelfAttention.o',
    'decoder.block.0.layer.2.DenseReluDense.wi',
    'decoder.block.1.layer.2.DenseReluDense.wi',
    'encoder.block.0.layer.1.DenseReluDense.wi',
    'encoder.block.1.layer.1.DenseReluDense.wi',
  ],
  llama: ['layers.0.input_layernorm', 'layers.0.mlp.gate_proj', 'layers.1.mlp.gate_proj'],
  'llama-with-a-mystery': ['layers.0.mlp.gate_proj', 'layers.1.mlp.gate_proj'],
  vit: ['blocks.0.attn.proj', 'blocks.0.mlp.fc1', 'blocks.1.mlp.fc1'],
  'vit-grey': ['blocks.0.attn.proj', 'blocks.0.mlp.fc1', 'blocks.1.mlp.fc1'],
  'resnet-basic': ['bn1', 'layer1.0.bn1', 'layer1.1.bn1', 'layer2.0.bn1', 'layer2.0.bn2', 'layer2.1.bn1'],
  'resnet-grey': ['bn1', 'layer1.0.bn1', 'layer1.1.bn1', 'layer2.0.bn1', 'layer2.0.bn2', 'layer2.1.bn1'],
  'resnet-bottleneck': [
    'bn1',
    'layer1.0.bn1',
    'layer1.0.bn2',
    'layer1.1.bn1',
    'layer1.1.bn2',
    'layer2.0.bn1',
    'layer2.0.bn3',
    'layer2.1.bn1',
    'layer2.1.bn2',
  ],
  resnext: ['bn1', 'layer2.0.bn3'],
  gated: [],
  pyramid: [],
  experts: ['experts.0.0', 'experts.1.0', 'experts.2.0'],
  sequential: ['net.0', 'net.3'],
  'sequential-glu': ['net.2'],
  'sequential-layer-norm': [],
  'sequential-flatten': ['net.0', 'net.2', 'net.5'],
};

/** Models whose activations are all ReLU: their rescalable spaces must be so indeed. */
const HOMOGENEOUS = [
  'mlp-relu',
  'mlp-square',
  'mlp-residual',
  'mlp-autoencoder',
  'zoo-cnn',
  'vgg',
  'dqn',
  'autoencoder',
  'sequential-flatten',
  'experts',
];

describe.skipIf(!pythonHas('torch'))('the axis graph from names, proved on PyTorch modules', () => {
  const models = pythonHas('torch') ? torchModels() : new Map<string, TensorShape[]>();

  it.each([false, true])('finds the expected spaces (names sorted: %s)', (isSorted) => {
    const found = [...models].map(([model, tensors]) => [model, spacesOf(graphOfModel(tensors, isSorted))]);
    expect(Object.fromEntries(found)).toEqual(EXPECTED);
  });

  it('leaves the function unchanged when the units of any space are permuted, and of any rescalable one scaled', () => {
    const cases: Case[] = [];
    for (const [model, tensors] of models) {
      const graph = graphOfModel(tensors, false);
      for (const space of spacesOf(graph)) {
        const scale = HOMOGENEOUS.includes(model) && graph.rescalable.has(space);
        cases.push(caseOf(`${model}/${space}`, model, tensors, graph, space, { scale }));
      }
    }
    const moved = Object.entries(movements(cases));
    expect(moved.length).toBeGreaterThan(80);
    expect(moved.filter(([, by]) => !(by < 1e-9))).toEqual([]);
  });

  it('would notice one axis that is left behind', () => {
    const pairs = [
      ['mlp', 'fc2.weight'],
      ['zoo-cnn', 'conv2.weight'],
      ['resnet-basic', 'layer1.0.conv1.weight'],
      ['gru-2', 'rnn.weight_hh_l1'],
    ] as const;
    const cases = pairs.map(([model, except]) => {
      const tensors = models.get(model) ?? [];
      const graph = graphOfModel(tensors, false);
      const space = String(graph.tensors.get(except)?.labels.find((label) => label !== null));
      return caseOf(model, model, tensors, graph, space, { except });
    });
    for (const by of Object.values(movements(cases))) expect(by).toBeGreaterThan(1e-3);
  });
});

function weights(shapes: Readonly<Record<string, readonly number[]>>): TensorShape[] {
  return Object.entries(shapes).map(([name, shape]) => ({ name, shape, role: 'weight' }));
}

describe('refusals', () => {
  it('says why a tensor is not placed', () => {
    const graph = inferAxisGraph(
      weights({ 'heads.0.weight': [8, 8], 'heads.0.bias': [8], 'heads.1.weight': [8, 8], 'heads.1.bias': [8] }),
    );
    expect(graph.unplaced.map(({ name }) => name)).toEqual([
      'heads.0.weight',
      'heads.0.bias',
      'heads.1.weight',
      'heads.1.bias',
    ]);
    expect(graph.unplaced[0]?.reason).toMatch(/side by side/);
  });

  it('ignores what is no weight', () => {
    const moments = weights({ 'fc1.weight': [8, 4], 'fc2.weight': [3, 8] }).map((t) => ({
      ...t,
      role: 'optimizer' as const,
    }));
    expect(inferAxisGraph(moments)).toMatchObject({ tensors: new Map(), unplaced: [] });
  });

  it.each([
    [
      'Keras kernels without their configuration',
      { 'dense/kernel': [8, 4], 'dense/bias': [8], 'dense_1/kernel': [3, 8] },
    ],
    [
      'parameters of an unknown kind',
      { 'fc1.weight_g': [8, 1], 'fc1.weight_v': [8, 4], 'fc2.weight_g': [3, 1], 'fc2.weight_v': [3, 8] },
    ],
    ['numbers with a gap', { 'fc1.weight': [8, 4], 'fc3.weight': [3, 8] }],
    [
      'two layers that write the same size (a gate)',
      { 'fc1.weight': [8, 4], 'fc2.weight': [8, 4], 'fc3.weight': [3, 8] },
    ],
    ['a convolution that may be grouped', { 'conv1.weight': [8, 3, 3, 3], 'conv2.weight': [8, 4, 3, 3] }],
    ['names that put a module into itself', { '../../etc/passwd': [8, 4], '.weight': [3, 8], 'a..weight': [3, 8] }],
    ['names of a thousand modules', { [`${'a.'.repeat(1000)}weight`]: [8, 4] }],
    ['nothing', {}],
  ])('places nothing of %s', (_, shapes) => {
    expect(inferAxisGraph(weights(shapes)).tensors.size).toBe(0);
  });
});
