import type { GraphLayer } from '../../formats/format.ts';
import type { Effects } from './signals.ts';

const POSITIVE_HOMOGENEOUS = new Set(['linear', 'relu', 'leaky_relu', 'leakyrelu']);
const ODD = new Set(['linear', 'tanh', 'softsign']);
/** Every activation that Keras and TensorFlow.js know; another may be of the same kinds, so it is given the benefit of the doubt. */
const KNOWN = new Set([
  ...POSITIVE_HOMOGENEOUS,
  ...ODD,
  ...[
    'elu',
    'selu',
    'gelu',
    'softplus',
    'sigmoid',
    'hard_sigmoid',
    'hardsigmoid',
    'swish',
    'silu',
    'mish',
    'exponential',
    'softmax',
    'relu6',
  ],
]);

/** Whether an activation lets units be rescaled or flipped; an unknown one may, and the weights will tell. */
export function effectsOfActivation(activation: unknown): Effects {
  if (activation === undefined || activation === null) return {};
  if (typeof activation !== 'string' || !KNOWN.has(activation.toLowerCase())) return {};
  const name = activation.toLowerCase();
  return { keepsScale: POSITIVE_HOMOGENEOUS.has(name), keepsSign: ODD.has(name) };
}

/** Layers that act on every unit by itself and keep all of them, in their order, with what they do to scale and sign. */
const PASSING: Readonly<Record<string, Effects>> = {
  Dropout: {},
  SpatialDropout1D: {},
  SpatialDropout2D: {},
  GaussianNoise: {},
  GaussianDropout: {},
  AlphaDropout: {},
  ActivityRegularization: {},
  MaxPooling1D: { keepsSign: false },
  MaxPooling2D: { keepsSign: false },
  MaxPooling3D: { keepsSign: false },
  AveragePooling1D: {},
  AveragePooling2D: {},
  AveragePooling3D: {},
  ZeroPadding1D: {},
  ZeroPadding2D: {},
  ZeroPadding3D: {},
  Cropping1D: {},
  Cropping2D: {},
  UpSampling1D: {},
  UpSampling2D: {},
  LeakyReLU: { keepsSign: false },
  ELU: { keepsScale: false, keepsSign: false },
  ThresholdedReLU: { keepsScale: false, keepsSign: false },
  Softmax: { keepsScale: false, keepsSign: false },
  Add: {},
  Average: {},
  Subtract: {},
  Maximum: { keepsSign: false },
  Minimum: { keepsSign: false },
  Multiply: { keepsScale: false, keepsSign: false },
};

/** Poolings over all pixels: what is left has a batch axis and the units. */
const GLOBAL: Readonly<Record<string, Effects>> = {
  GlobalAveragePooling1D: {},
  GlobalAveragePooling2D: {},
  GlobalAveragePooling3D: {},
  GlobalMaxPooling1D: { keepsSign: false },
  GlobalMaxPooling2D: { keepsSign: false },
  GlobalMaxPooling3D: { keepsSign: false },
};

/** The effects of a layer that passes its units on; `undefined` for any other. */
export function effectsOfPassing(layer: GraphLayer): Effects | undefined {
  if (layer.kind === 'Activation') return effectsOfActivation(layer.config.activation);
  if (layer.kind === 'ReLU') return effectsOfRelu(layer.config);
  if (layer.kind === 'Softmax' && ![undefined, null, -1].includes(axisOf(layer.config.axis))) return undefined;
  return Object.hasOwn(PASSING, layer.kind) ? PASSING[layer.kind] : effectsOfGlobal(layer);
}

export function effectsOfGlobal(layer: GraphLayer): Effects | undefined {
  return Object.hasOwn(GLOBAL, layer.kind) ? GLOBAL[layer.kind] : undefined;
}

function effectsOfRelu(config: GraphLayer['config']): Effects {
  const bounded = config.max_value ?? config.maxValue;
  const threshold = config.threshold ?? 0;
  return { keepsScale: (bounded === undefined || bounded === null) && threshold === 0, keepsSign: false };
}

/** The one axis that a layer's `axis` names; `null` stands for several or none that can be read. */
export function axisOf(axis: unknown): number | null | undefined {
  if (axis === undefined || typeof axis === 'number') return axis;
  if (Array.isArray(axis) && axis.length === 1 && typeof axis[0] === 'number') return axis[0];
  return null;
}

/** Whether the units are the last axis, as Keras has it unless told otherwise. */
export function isChannelsLast(layer: GraphLayer): boolean {
  const order = layer.config.data_format ?? layer.config.dataFormat;
  return order !== 'channels_first' && order !== 'channelsFirst';
}

/** Number of spatial axes of a convolution by its class name. */
export function spatialRank(kind: string): number {
  return Number(/([123])D/.exec(kind)?.[1] ?? 0);
}
