import type { GraphLayer } from '../format.ts';
import type { ListedGroup } from '../hdf5/protocol.ts';
import { isJsonObject, type JsonObject } from '../json.ts';

const WEIGHTS = 'model_weights/';
const VARIABLE = /^(.*)\/vars\/(\d+)$/;
/** Where Keras 3 keeps the layers of a model, in order. */
const LAYER_GROUP = /^(?:layers|_layer_checkpoint_dependencies)\/([^/]+)/;

const KERNEL = ['kernel', 'bias'];
const RECURRENT = ['kernel', 'recurrent_kernel', 'bias'];
/** What the numbered variables of Keras 3 layers are, in the order in which their `build` makes them. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  Dense: KERNEL,
  Conv1D: KERNEL,
  Conv2D: KERNEL,
  Conv3D: KERNEL,
  Conv1DTranspose: KERNEL,
  Conv2DTranspose: KERNEL,
  Conv3DTranspose: KERNEL,
  DepthwiseConv1D: KERNEL,
  DepthwiseConv2D: KERNEL,
  SeparableConv1D: ['depthwise_kernel', 'pointwise_kernel', 'bias'],
  SeparableConv2D: ['depthwise_kernel', 'pointwise_kernel', 'bias'],
  SimpleRNN: RECURRENT,
  GRU: RECURRENT,
  LSTM: RECURRENT,
  Embedding: ['embeddings'],
};

/** Scale and shift may be switched off; the moving statistics come after them. */
function partsOf(kind: string, config: JsonObject): readonly string[] {
  if (kind !== 'BatchNormalization' && kind !== 'LayerNormalization') {
    return Object.hasOwn(PARTS, kind) ? (PARTS[kind] ?? []) : [];
  }
  const own = [...(config.scale === false ? [] : ['gamma']), ...(config.center === false ? [] : ['beta'])];
  return kind === 'BatchNormalization' ? [...own, 'moving_mean', 'moving_variance'] : own;
}

/** As Keras makes group names of class names (`keras/src/utils/naming.py`). */
function toSnakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

type ConfiguredLayer = Pick<GraphLayer, 'name' | 'kind'> & { readonly config: JsonObject };

/** The layers of the model itself, not of models inside it. */
function ownLayers(model: unknown): readonly ConfiguredLayer[] {
  const config = isJsonObject(model) ? model.config : undefined;
  const layers = isJsonObject(config) ? config.layers : config;
  if (!Array.isArray(layers)) return [];
  return layers.flatMap((layer: unknown): readonly ConfiguredLayer[] => {
    if (!isJsonObject(layer) || !isJsonObject(layer.config) || typeof layer.class_name !== 'string') return [];
    const name = layer.config.name ?? layer.name;
    return typeof name === 'string' ? [{ name, kind: layer.class_name, config: layer.config }] : [];
  });
}

/** Group names by layer: the class's, and a number from the second of a class on (`saving_lib.py`, `_save_container_state`). */
function layersByGroup(model: unknown): ReadonlyMap<string, ConfiguredLayer> {
  const counts = new Map<string, number>();
  return new Map(
    ownLayers(model).map((layer) => {
      const group = toSnakeCase(layer.kind);
      const count = counts.get(group) ?? 0;
      counts.set(group, count + 1);
      return [count === 0 ? group : `${group}_${count}`, layer] as const;
    }),
  );
}

function nameVariable(
  path: string,
  byGroup: ReadonlyMap<string, ConfiguredLayer>,
  givenNames: ReadonlyMap<string, string | number | undefined>,
): string {
  const [, holder, index] = VARIABLE.exec(path) ?? [];
  const [, group] = LAYER_GROUP.exec(path) ?? [];
  if (holder === undefined || group === undefined) return path;
  const given = givenNames.get(`${holder}/vars`);
  const layer = [...byGroup.values()].find(({ name }) => name === given) ?? byGroup.get(group);
  const part = layer === undefined ? undefined : partsOf(layer.kind, layer.config)[Number(index)];
  return layer === undefined || part === undefined ? path : `${layer.name}/${part}`;
}

/**
 * Names the tensors of a Keras file as Keras does: without the group that all weights are in, and those of Keras 3, which
 * the file numbers, by their layer and what they are in it.
 */
export function nameTensors(
  tensors: readonly { readonly path: string }[],
  groups: readonly ListedGroup[],
  model: unknown,
): readonly string[] {
  const byGroup = layersByGroup(model);
  const givenNames = new Map(groups.map(({ path, attributes }) => [path, attributes.name]));
  return tensors.map(({ path }) => {
    if (path.startsWith(WEIGHTS)) return path.slice(WEIGHTS.length);
    return VARIABLE.test(path) ? nameVariable(path, byGroup, givenNames) : path;
  });
}
