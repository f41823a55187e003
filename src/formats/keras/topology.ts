import type { GraphLayer, TensorEntry } from '../format.ts';
import { assignTensors, parseKerasLayers } from '../keras-layers.ts';
import { findKerasOrder } from '../keras-orders.ts';

/** Classes by the number of a kernel's axes; transposed convolutions are permuted like others. */
const KERNEL_CLASSES: ReadonlyMap<number, string> = new Map([
  [2, 'Dense'],
  [3, 'Conv1D'],
  [4, 'Conv2D'],
  [5, 'Conv3D'],
]);

/** The class that a layer must have for its tensors' names, where a file of weights has no configuration. */
function guessLayer({ name, shape }: TensorEntry): GraphLayer {
  const kernel = KERNEL_CLASSES.get(shape.length) ?? '';
  const isSeparable = /(depthwise|pointwise)_kernel/.test(name);
  const isRecurrent = name.includes('recurrent_kernel');
  const kind = isRecurrent ? 'LSTM' : isSeparable ? kernel.replace('Conv', 'SeparableConv') : kernel;
  return { name: '', kind, inputs: [], tensors: [], config: {} };
}

function withOrder(entry: TensorEntry, layer: GraphLayer | undefined): TensorEntry {
  const order = layer === undefined ? undefined : findKerasOrder(layer, entry.name, entry.shape);
  return order === undefined || order.every((axis, i) => axis === i) ? entry : { ...entry, toCanonical: order };
}

/** Adds what a Keras configuration says of the tensors: the order of their axes, and the layers that they belong to. */
export function describeLayers(
  model: unknown,
  entries: readonly TensorEntry[],
): { readonly tensors: readonly TensorEntry[]; readonly graph?: readonly GraphLayer[] } {
  const weights = entries.filter(({ role }) => role === 'weight').map(({ name }) => name);
  const layers = parseKerasLayers(model);
  if (layers === undefined) {
    const isWeight = (entry: TensorEntry): boolean => entry.role === 'weight';
    return { tensors: entries.map((entry) => withOrder(entry, isWeight(entry) ? guessLayer(entry) : undefined)) };
  }
  const { layers: graph, ownerOf } = assignTensors(layers, weights);
  return { tensors: entries.map((entry) => withOrder(entry, ownerOf.get(entry.name))), graph };
}
