import { axisOrders } from './axis-orders.ts';
import type { Layout } from './layout.ts';

/** What the rest of a checkpoint says about how its tensors may be laid out. */
export interface LayoutContext {
  /** Numbers of channels that a convolution hands on: what a flattened map may be split into. */
  readonly channels: ReadonlySet<number>;
  /** Units that recurrent layers may have, by the length of the axis that their gates share. */
  readonly gates: ReadonlyMap<number, ReadonlySet<number>>;
}

/**
 * Orders in which frameworks keep the gates of a recurrent layer, as seen from one another. LSTM: PyTorch and Keras i f g o, ONNX i o f g,
 * TensorFlow 1 i g f o. GRU: PyTorch r z n, Keras and ONNX z r n.
 */
const GATE_ORDERS: ReadonlyMap<number, readonly (readonly number[])[]> = new Map([
  [3, [[1, 0, 2]]],
  [
    4,
    [
      [0, 3, 1, 2],
      [0, 2, 3, 1],
      [0, 2, 1, 3],
      [0, 3, 2, 1],
      [0, 1, 3, 2],
    ],
  ],
]);

const squeeze = (shape: readonly number[]): readonly number[] => shape.filter((n) => n !== 1);

/** Reads the context off the shapes of a checkpoint, channels first. */
export function layoutContext(shapes: Iterable<readonly number[]>): LayoutContext {
  const channels = new Set<number>();
  const gates = new Map<number, Set<number>>();
  const noteGates = (size: number, units: number) => gates.set(size, (gates.get(size) ?? new Set()).add(units));
  for (const full of shapes) {
    if (full.length >= 3)
      for (const axis of full.length > 3 ? [0, 1, full.length - 1] : [0, 1, 2]) noteChannels(channels, full[axis]);
    const [rows = 0, columns = 0, ...more] = squeeze(full);
    if (more.length > 0) continue;
    for (const count of GATE_ORDERS.keys()) {
      if (rows === count * columns) noteGates(rows, columns);
      if (columns === count * rows) noteGates(columns, rows);
    }
  }
  return { channels, gates };
}

function noteChannels(channels: Set<number>, size: number | undefined): void {
  if (size !== undefined && size > 1) channels.add(size);
}

/** Joins what two checkpoints say. */
export function joinContexts(a: LayoutContext, b: LayoutContext): LayoutContext {
  const sizes = new Set([...a.gates.keys(), ...b.gates.keys()]);
  const gates = new Map([...sizes].map((n) => [n, new Set([...(a.gates.get(n) ?? []), ...(b.gates.get(n) ?? [])])]));
  return { channels: new Set([...a.channels, ...b.channels]), gates };
}

/** Lists the layouts that turn a tensor of shape `from` into one of shape `to` by the order of its axes, the likeliest first. */
export function plainLayouts(from: readonly number[], to: readonly number[]): readonly Layout[] {
  if (from.length === to.length) {
    const orders = axisOrders(from, to);
    if (orders.length > 0) return orders.map((order) => ({ view: from, order, shape: to }));
  }
  const view = squeeze(from);
  return axisOrders(view, squeeze(to)).map((order) => ({ view, order, shape: to }));
}

/**
 * Lists the layouts that frameworks differ by beyond the order of axes: a dense layer after a flattened map reads (channels, positions) in one
 * and (positions, channels) in another, and recurrent layers keep their gates in other orders.
 */
export function frameworkLayouts(
  from: readonly number[],
  to: readonly number[],
  context: LayoutContext,
): readonly Layout[] {
  return plainLayouts(from, to).flatMap((plain) => [
    ...flattenLayouts(plain, context.channels),
    ...gateLayouts(plain, context.gates),
  ]);
}

/** Splits one axis of a plain layout's view in two and hands them on in the other order. */
function flattenLayouts({ view, order, shape }: Layout, channels: ReadonlySet<number>): Layout[] {
  if (view.length !== 2) return [];
  return view.flatMap((size, axis) =>
    [...channels].flatMap((n) => {
      const positions = size / n;
      if (!Number.isInteger(positions) || positions < 2) return [];
      const splits =
        n === positions
          ? [[n, positions]]
          : [
              [n, positions],
              [positions, n],
            ];
      return splits.map(([first = 1, second = 1]): Layout => {
        const split = [...view.slice(0, axis), first, second, ...view.slice(axis + 1)];
        const turned = order.flatMap((a) => (a === axis ? [axis + 1, axis] : [a > axis ? a + 1 : a]));
        return { view: split, order: turned, shape };
      });
    }),
  );
}

/** Splits the axis of the gates and shuffles them. */
function gateLayouts({ view, order, shape }: Layout, gates: LayoutContext['gates']): Layout[] {
  if (view.length > 2) return [];
  return view.flatMap((size, axis) =>
    [...(gates.get(size) ?? [])].flatMap((units) => {
      const split = [...view.slice(0, axis), size / units, units, ...view.slice(axis + 1)];
      const kept = order.flatMap((a) => (a === axis ? [axis, axis + 1] : [a > axis ? a + 1 : a]));
      return (GATE_ORDERS.get(size / units) ?? []).map(
        (from): Layout => ({ view: split, order: kept, shuffle: { axis, from }, shape }),
      );
    }),
  );
}
