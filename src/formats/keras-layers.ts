import type { GraphLayer } from './format.ts';
import { isJsonObject, type JsonObject } from './json.ts';

/** Models nest models; deeper ones are attacks on the stack. */
const MAX_DEPTH = 32;

/** A layer's output that another layer reads: the layer's name in the same model, and which of its outputs. */
interface Reference {
  readonly layer: string;
  readonly output: number;
}

/** One layer as a Keras configuration states it. */
interface Node {
  readonly name: string;
  readonly kind: string;
  readonly config: JsonObject;
  readonly reads: readonly Reference[];
  /** The layers of a model that stands in a layer's place. */
  readonly inner?: Model;
}

/** A Keras model: its layers, and which of them are its inputs and outputs. */
interface Model {
  readonly nodes: readonly Node[];
  readonly inputs: readonly string[];
  readonly outputs: readonly Reference[];
}

/** `["name", node, output, ...]`, as Keras up to 2 and TensorFlow.js write it; Keras 3 calls it `keras_history`. */
function toReference(value: unknown): Reference | undefined {
  if (!Array.isArray(value)) return undefined;
  const [layer, node, output]: readonly unknown[] = value;
  if (typeof layer !== 'string' || typeof node !== 'number' || typeof output !== 'number') return undefined;
  return { layer, output };
}

/** All references in nested lists and records, in order: what differs between versions is only how they are wrapped. */
function collectReferences(value: unknown, depth = 0): readonly Reference[] {
  if (depth > MAX_DEPTH || typeof value !== 'object' || value === null) return [];
  const reference = toReference(value);
  if (reference !== undefined) return [reference];
  return Object.values(value).flatMap((item) => collectReferences(item, depth + 1));
}

const isModel = (kind: string): boolean => kind === 'Sequential' || kind === 'Functional' || kind === 'Model';

function parseNode(value: unknown, depth: number): Node | undefined {
  if (!isJsonObject(value) || typeof value.class_name !== 'string' || value.config === undefined) return undefined;
  const config = isJsonObject(value.config) ? value.config : {};
  const name = value.name ?? config.name;
  if (typeof name !== 'string') return undefined;
  const node = { name, kind: value.class_name, config, reads: collectReferences(value.inbound_nodes) };
  if (!isModel(node.kind)) return node;
  const inner = parseModel(node.kind, value.config, depth + 1);
  return inner === undefined ? undefined : { ...node, inner };
}

/** In a sequence each layer reads the one before it. */
function chain(nodes: readonly Node[]): Model {
  const linked = nodes.map((node, i): Node => {
    const before = nodes[i - 1];
    return { ...node, reads: before === undefined ? [] : [{ layer: before.name, output: 0 }] };
  });
  const [first] = nodes;
  const last = nodes.at(-1);
  return {
    nodes: linked,
    inputs: first === undefined ? [] : [first.name],
    outputs: last === undefined ? [] : [{ layer: last.name, output: 0 }],
  };
}

function parseModel(kind: string, config: unknown, depth: number): Model | undefined {
  // Early versions wrote a sequence as the list itself.
  const layers = isJsonObject(config) ? config.layers : config;
  if (depth > MAX_DEPTH || !Array.isArray(layers)) return undefined;
  const nodes = layers.flatMap((layer): readonly Node[] => {
    const node = parseNode(layer, depth);
    return node === undefined ? [] : [node];
  });
  // A layer that cannot be read would leave a gap that looks like a link.
  if (nodes.length !== layers.length) return undefined;
  if (kind === 'Sequential') return chain(nodes);
  if (!isJsonObject(config)) return undefined;
  const inputs = collectReferences(config.input_layers).map((reference) => reference.layer);
  return { nodes, inputs, outputs: collectReferences(config.output_layers) };
}

/** Names, in the whole graph, of the layers whose output a reference means; `prefix` is that of the model it stands in. */
function resolve(model: Model, prefix: string, reference: Reference): readonly string[] {
  const node = model.nodes.find((candidate) => candidate.name === reference.layer);
  if (node?.inner === undefined) return [prefix + reference.layer];
  const { outputs } = node.inner;
  const chosen = outputs[reference.output];
  const inner = node.inner;
  return (chosen === undefined ? outputs : [chosen]).flatMap((output) =>
    resolve(inner, `${prefix}${node.name}/`, output),
  );
}

/** A model's input inside another model passes on what that model's place reads; it is no input of the whole. */
function toLayer(node: Node, prefix: string, inputs: readonly string[], isPassing: boolean): GraphLayer {
  const name = prefix + node.name;
  if (isPassing) return { name, kind: 'Activation', inputs, tensors: [], config: { activation: 'linear' } };
  return { name, kind: node.kind, inputs, tensors: [], config: node.config };
}

/** What each of an inner model's inputs reads. A model that is used again lists its inputs again. */
function argumentsOf(inner: Model, reads: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const count = Math.max(1, inner.inputs.length);
  return Array.from({ length: count }, (_, input) => reads.filter((_, i) => i % count === input).flat());
}

/** @param outer what each input of the model reads, where the model stands in another. */
function flatten(model: Model, prefix: string, outer: readonly (readonly string[])[]): readonly GraphLayer[] {
  return model.nodes.flatMap((node): readonly GraphLayer[] => {
    const reads = node.reads.map((reference) => resolve(model, prefix, reference));
    const position = model.inputs.indexOf(node.name);
    const passed = position < 0 ? [] : (outer[position] ?? []);
    if (node.inner !== undefined) {
      const given = argumentsOf(node.inner, passed.length > 0 ? [passed] : reads);
      return flatten(node.inner, `${prefix}${node.name}/`, given);
    }
    const inputs = [...new Set([...reads.flat(), ...passed])];
    return [toLayer(node, prefix, inputs, node.kind === 'InputLayer' && passed.length > 0)];
  });
}

/**
 * Reads the layers of a Keras model from its configuration (Sequential or Functional; models inside models are laid open,
 * with their names as prefixes). A layer that is used more than once reads all that its uses read.
 *
 * @param model `{"class_name": ..., "config": ...}`
 * @returns `undefined` when any part cannot be read: a graph with gaps would be a wrong one
 */
export function parseKerasLayers(model: unknown): readonly GraphLayer[] | undefined {
  if (!isJsonObject(model) || typeof model.class_name !== 'string' || !isModel(model.class_name)) return undefined;
  const root = parseModel(model.class_name, model.config, 0);
  if (root === undefined) return undefined;
  const outputs = new Set(root.outputs.flatMap((output) => resolve(root, '', output)));
  return flatten(root, '', []).map((layer) => (outputs.has(layer.name) ? { ...layer, isOutput: true } : layer));
}

/** The layer's name as its tensors have it: without the names of the models it is in. */
const ownName = (layer: GraphLayer): string => {
  const { name } = layer.config;
  return typeof name === 'string' ? name : layer.name;
};

/** Finds the layer that a tensor belongs to: the longest name that the tensor's begins with; `undefined` when two layers have it. */
function findOwner(tensor: string, byName: ReadonlyMap<string, GraphLayer | undefined>): GraphLayer | undefined {
  for (let end = tensor.lastIndexOf('/'); end > 0; end = tensor.lastIndexOf('/', end - 1)) {
    const name = tensor.slice(0, end);
    if (byName.has(name)) return byName.get(name);
  }
  return undefined;
}

/**
 * Gives each layer its tensors, by name: `dense/kernel` is of the layer `dense`.
 *
 * @returns the layers, and the owner of each tensor that has one
 */
export function assignTensors(
  layers: readonly GraphLayer[],
  tensors: readonly string[],
): { readonly layers: readonly GraphLayer[]; readonly ownerOf: ReadonlyMap<string, GraphLayer> } {
  const byName = new Map<string, GraphLayer | undefined>();
  for (const layer of layers) {
    byName.set(layer.name, layer);
    const own = ownName(layer);
    if (own !== layer.name) byName.set(own, byName.has(own) ? undefined : layer);
  }
  const owners = tensors.flatMap((tensor) => {
    const owner = findOwner(tensor, byName);
    return owner === undefined ? [] : [[tensor, owner] as const];
  });
  const ownerOf = new Map(owners);
  const assigned = layers.map((layer) => ({
    ...layer,
    tensors: owners.filter(([, owner]) => owner === layer).map(([tensor]) => tensor),
  }));
  return { layers: assigned, ownerOf };
}
