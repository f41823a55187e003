import type { GraphLayer } from './format.ts';
import { isJsonObject } from './json.ts';

type Order = readonly number[];

/** Kernels by how a layer of that class keeps them; the class of what a wrapper wraps. */
const DENSE: Order = [1, 0];
const CONV_1D: Order = [2, 1, 0];
const CONV_2D: Order = [3, 2, 0, 1];
const CONV_3D: Order = [4, 3, 0, 1, 2];
/** (kernel..., in, multiplier) becomes (in, multiplier, kernel...): PyTorch's (in x multiplier, 1, kernel...) element by element. */
const DEPTHWISE_1D: Order = [1, 2, 0];
const DEPTHWISE_2D: Order = [2, 3, 0, 1];

/**
 * Axis orders that bring Keras kernels to PyTorch's axes. Transposed convolutions are kept as (kernel..., out, in) and become
 * (in, out, kernel...), as PyTorch keeps them; those of the recurrent layers (in, gates x units) become (gates x units, in).
 */
const ORDERS: Readonly<Record<string, Readonly<Record<string, Order>>>> = {
  Dense: { kernel: DENSE },
  Conv1D: { kernel: CONV_1D },
  Conv2D: { kernel: CONV_2D },
  Conv3D: { kernel: CONV_3D },
  Conv2DTranspose: { kernel: CONV_2D },
  Conv3DTranspose: { kernel: CONV_3D },
  DepthwiseConv1D: { depthwise_kernel: DEPTHWISE_1D, kernel: DEPTHWISE_1D },
  DepthwiseConv2D: { depthwise_kernel: DEPTHWISE_2D, kernel: DEPTHWISE_2D },
  SeparableConv1D: { depthwise_kernel: DEPTHWISE_1D, pointwise_kernel: CONV_1D },
  SeparableConv2D: { depthwise_kernel: DEPTHWISE_2D, pointwise_kernel: CONV_2D },
  SimpleRNN: { kernel: DENSE, recurrent_kernel: DENSE },
  GRU: { kernel: DENSE, recurrent_kernel: DENSE },
  LSTM: { kernel: DENSE, recurrent_kernel: DENSE },
};

/** Early versions called the layers by longer names. */
const ALIASES: Readonly<Record<string, string>> = {
  Convolution1D: 'Conv1D',
  Convolution2D: 'Conv2D',
  Convolution3D: 'Conv3D',
  Convolution2DTranspose: 'Conv2DTranspose',
};

const WRAPPERS = new Set(['TimeDistributed', 'Bidirectional']);

/** The class whose tensors a layer has: its own, or of the layer that it wraps. */
function classOf(layer: GraphLayer): string {
  const inner = layer.config.layer;
  const isWrapping = WRAPPERS.has(layer.kind) && isJsonObject(inner) && typeof inner.class_name === 'string';
  const kind = isWrapping ? String(inner.class_name) : layer.kind;
  return Object.hasOwn(ALIASES, kind) ? (ALIASES[kind] ?? kind) : kind;
}

/** What a tensor is within its layer: `lstm/lstm_cell/recurrent_kernel_1:0` is the recurrent kernel. */
function partOf(tensorName: string): string {
  const last = tensorName.slice(tensorName.lastIndexOf('/') + 1);
  return last.replace(/:\d+$/, '').replace(/_\d+$/, '');
}

/**
 * Finds the axis order that makes a Keras layer's tensor channels-first; `undefined` when it is so already, or the layer
 * is of no class that is known.
 */
export function findKerasOrder(
  layer: GraphLayer,
  tensorName: string,
  shape: readonly number[],
): readonly number[] | undefined {
  const kind = classOf(layer);
  const orders = Object.hasOwn(ORDERS, kind) ? ORDERS[kind] : undefined;
  const part = partOf(tensorName);
  const order = orders !== undefined && Object.hasOwn(orders, part) ? orders[part] : undefined;
  return order?.length === shape.length ? order : undefined;
}
