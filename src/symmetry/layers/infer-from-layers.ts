import type { GraphLayer } from '../../formats/format.ts';
import type { AxisGraph } from '../axis-graph.ts';
import type { NamedShape } from '../names/module-tree.ts';
import { createSpaceBuilder } from '../names/space-builder.ts';
import {
  axisOf,
  effectsOfActivation,
  effectsOfGlobal,
  effectsOfPassing,
  isChannelsLast,
  spatialRank,
} from './layer-kinds.ts';
import { createSlots, type Signal, type Slots } from './signals.ts';

/** One layer's tensor: its name in the file and its shape, channels-first. */
interface Part {
  readonly name: string;
  readonly shape: readonly number[];
}

interface Context {
  readonly slots: Slots;
  readonly parts: ReadonlyMap<string, Part>;
  readonly layer: GraphLayer;
  /** What the layer reads, its inputs joined; `undefined` where it is anchored. */
  readonly input: Signal | undefined;
  /** Number of axes of a model input that the layer reads. */
  readonly inputRank: number | undefined;
}

/**
 * Infers the axis graph from the layers of a Keras topology: units flow along the edges, a layer that reads them or passes them on joins its axes to
 * them, and inputs, outputs, concatenations and every layer that is not known fix their order (docs/lineage.md, section 2).
 */
export function inferFromLayers(tensors: readonly NamedShape[], layers: readonly GraphLayer[]): AxisGraph {
  const slots = createSlots();
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const outputs = propagate(layers, shapes, slots);
  const read = new Set(layers.flatMap((layer) => layer.inputs));
  for (const layer of layers) {
    const signal = outputs.get(layer.name);
    if (signal && (layer.isOutput === true || !read.has(layer.name))) slots.anchor(signal.slot);
  }
  const builder = createSpaceBuilder('file');
  slots.report(builder);
  return builder.build(tensors);
}

type Signals = ReadonlyMap<string, Signal | undefined>;

/** Walks the layers, each after all that it reads. Layers in a circle, and what reads them, are left anchored. */
function propagate(
  layers: readonly GraphLayer[],
  shapes: ReadonlyMap<string, readonly number[]>,
  slots: Slots,
): Signals {
  const outputs = new Map<string, Signal | undefined>();
  let waiting = [...layers];
  while (waiting.length > 0) {
    const ready = waiting.filter((layer) => layer.inputs.every((name) => outputs.has(name)));
    for (const layer of ready) {
      const parts = partsOf(layer, shapes);
      const input = joinInputs(
        layer.inputs.map((name) => outputs.get(name)),
        slots,
      );
      outputs.set(layer.name, flow({ slots, parts, layer, input, inputRank: inputRank(layer, layers) }));
    }
    waiting = waiting.filter((layer) => !outputs.has(layer.name));
    if (ready.length === 0) break;
  }
  anchorInputsOf(waiting, outputs, slots);
  return outputs;
}

function anchorInputsOf(layers: readonly GraphLayer[], outputs: Signals, slots: Slots): void {
  for (const name of layers.flatMap((layer) => layer.inputs)) {
    const signal = outputs.get(name);
    if (signal) slots.anchor(signal.slot);
  }
}

/** The rank that the layer, or a model input that it reads, declares. */
function inputRank(layer: GraphLayer, layers: readonly GraphLayer[]): number | undefined {
  const inputs = layers.filter((l) => l.kind === 'InputLayer' && layer.inputs.includes(l.name));
  for (const { config } of [layer, ...inputs]) {
    const shape = config.batch_input_shape ?? config.batchInputShape ?? config.batch_shape;
    if (Array.isArray(shape)) return shape.length;
  }
  return undefined;
}

/** `conv2d/kernel_1:0` is the kernel. */
function partsOf(layer: GraphLayer, shapes: ReadonlyMap<string, readonly number[]>): Map<string, Part> {
  const named = layer.tensors.map((name) => {
    const part = name
      .slice(name.lastIndexOf('/') + 1)
      .replace(/:\d+$/, '')
      .replace(/_\d+$/, '');
    return [part, { name, shape: shapes.get(name) ?? [] }] as const;
  });
  return new Map(named);
}

/** Several inputs (additions, or several uses of one layer) must be units of one space; one that is anchored or does not fit anchors all. */
function joinInputs(signals: readonly (Signal | undefined)[], slots: Slots): Signal | undefined {
  const known = signals.flatMap((signal) => signal ?? []);
  const [first] = known;
  if (first === undefined) return undefined;
  const fits =
    known.length === signals.length && known.every((s) => s.size === first.size && s.isFlattened === first.isFlattened);
  slots.join(known.map((signal) => signal.slot));
  if (!fits) {
    // Joined although their sizes differ: anchored as one, they place nothing.
    slots.anchor(first.slot);
    return undefined;
  }
  return known.every((s) => s.rank === first.rank) ? first : { ...first, rank: undefined };
}

/** What a layer gives out. */
function flow(context: Context): Signal | undefined {
  const { layer, slots, input } = context;
  const effects = effectsOfPassing(layer);
  if (effects && context.parts.size === 0 && isChannelsLast(layer)) {
    if (input) slots.affect(input.slot, effects);
    return input && (effectsOfGlobal(layer) ? { ...input, rank: input.rank && 2 } : input);
  }
  const known = isChannelsLast(layer) ? weighted(context) : undefined;
  if (known) return known.output;
  if (input) slots.anchor(input.slot);
  return undefined;
}

interface Flow {
  readonly output: Signal | undefined;
}

/** Layers with weights, and Flatten; `undefined` for a layer that is not known or whose tensors are not as they should be. */
function weighted(context: Context): Flow | undefined {
  const { kind } = context.layer;
  if (kind === 'InputLayer') return { output: undefined };
  if (kind === 'Flatten') return flattened(context);
  if (kind === 'Embedding') return embedding(context);
  if (kind === 'Dense' || /^Conv[123]D$/.test(kind)) return reading(context, 'kernel', 0);
  if (/^Conv[23]DTranspose$/.test(kind)) return reading(context, 'kernel', 1);
  if (/^DepthwiseConv[12]D$/.test(kind)) return depthwise(context);
  if (/^SeparableConv[12]D$/.test(kind)) return separable(context);
  if (kind === 'BatchNormalization' || kind === 'LayerNormalization') return normalizing(context);
  return undefined;
}

function flattened({ input, parts }: Context): Flow | undefined {
  if (parts.size > 0) return undefined;
  return { output: input && (input.rank === 2 ? input : { ...input, rank: 2, isFlattened: true }) };
}

function embedding({ parts, slots, layer }: Context): Flow | undefined {
  const table = parts.get('embeddings');
  if (parts.size !== 1 || table?.shape.length !== 2 || layer.inputs.length > 1) return undefined;
  const slot = slots.create();
  slots.touch(slot, { tensor: table.name, axis: 1 });
  slots.affect(slot, { keepsScale: false });
  return { output: { slot, size: table.shape[1] ?? 0, rank: undefined, isFlattened: false } };
}

/** Dense and convolutions: the kernel reads the units, and writes units of its own. `out`: which of its axes those are. */
function reading(context: Context, part: string, out: 0 | 1): Flow | undefined {
  const { parts, slots, layer, input } = context;
  const kernel = parts.get(part);
  const isPlain = [...parts.keys()].every((name) => name === part || name === 'bias');
  if (!kernel || !isPlain || kernel.shape.length < 2 || Number(layer.config.groups ?? 1) !== 1) return undefined;
  if (input && !read(context, kernel, out === 0 ? 1 : 0, 1)) return undefined;
  const slot = slots.create();
  slots.touch(slot, { tensor: kernel.name, axis: out });
  const bias = parts.get('bias');
  if (bias) slots.touch(slot, { tensor: bias.name, axis: 0 });
  slots.affect(slot, effectsOfActivation(layer.config.activation));
  if (out === 1) slots.affect(slot, { keepsScale: false });
  const spatial = spatialRank(layer.kind);
  return {
    output: {
      slot,
      size: kernel.shape[out] ?? 0,
      rank: spatial > 0 ? spatial + 2 : (input?.rank ?? context.inputRank),
      isFlattened: false,
    },
  };
}

/** Joins a reading axis to the input's units; `inner` of its entries belong to each unit. */
function read({ slots, input }: Context, part: Part, axis: 0 | 1, inner: number): boolean {
  if (!input) return false;
  const length = part.shape[axis] ?? 0;
  const outer = length / (input.size * inner);
  if (!Number.isInteger(outer) || outer < 1 || (outer > 1 && !input.isFlattened)) return false;
  slots.touch(input.slot, { tensor: part.name, axis }, { outer, size: input.size, inner });
  if (axis === 0) slots.affect(input.slot, { keepsScale: false });
  return true;
}

/** One filter a unit, which keeps it; with several filters a unit the outputs would be tied in blocks. */
function depthwise(context: Context): Flow | undefined {
  const { parts, slots, layer, input } = context;
  const kernel = parts.get('depthwise_kernel') ?? parts.get('kernel');
  const bias = parts.get('bias');
  if (!kernel || parts.size !== (bias ? 2 : 1) || kernel.shape[1] !== 1) return undefined;
  if (!input) return { output: undefined };
  if (!read(context, kernel, 0, 1) || input.isFlattened) return undefined;
  if (bias) slots.touch(input.slot, { tensor: bias.name, axis: 0 });
  slots.affect(input.slot, { keepsScale: false, keepsSign: false });
  slots.affect(input.slot, effectsOfActivation(layer.config.activation));
  return { output: input };
}

function separable(context: Context): Flow | undefined {
  const { parts, slots, input } = context;
  const filters = parts.get('depthwise_kernel');
  const rest = new Map([...parts].filter(([name]) => name !== 'depthwise_kernel'));
  const points = parts.get('pointwise_kernel');
  if (!filters || !points) return undefined;
  if (!input) return reading({ ...context, parts: rest }, 'pointwise_kernel', 0);
  const multiplier = filters.shape[1] ?? 1;
  if (input.isFlattened || !read(context, filters, 0, 1) || !read(context, points, 1, multiplier)) return undefined;
  slots.affect(input.slot, { keepsScale: false, keepsSign: false });
  return reading({ ...context, parts: rest, input: undefined }, 'pointwise_kernel', 0);
}

/** Norms over the last axis: each unit has its own factor and shift. */
function normalizing(context: Context): Flow | undefined {
  const { parts, slots, layer, input } = context;
  if (!input) return { output: undefined };
  const axis = axisOf(layer.config.axis);
  const isLast = axis === undefined || axis === -1 || (input.rank !== undefined && axis === input.rank - 1);
  const isVector = [...parts.values()].every((part) => part.shape.length === 1);
  if (!isLast || !isVector) return undefined;
  for (const part of parts.values()) if (!read(context, part, 0, 1)) return undefined;
  slots.affect(input.slot, { keepsScale: false, keepsSign: false });
  return { output: input };
}
