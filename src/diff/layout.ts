import { stridesOf } from './axis-orders.ts';

/** How the elements of one tensor become those of another that holds the same values in another order. */
export interface Layout {
  /** Sizes that the source's elements are seen in, row-major: an axis may be split into channels and positions, or into gates and units. */
  readonly view: readonly number[];
  /** Axis `order[i]` of the view becomes axis i. */
  readonly order: readonly number[];
  /** Place k of that axis of the view is taken from place `from[k]`: gates in another order. */
  readonly shuffle?: { readonly axis: number; readonly from: readonly number[] };
  /** Shape of the result. */
  readonly shape: readonly number[];
}

const inverseOf = (order: readonly number[]): number[] => order.map((_, i) => order.indexOf(i));

/** The layout that undoes another; `shape` is that of the tensor which it started from. */
export function invertLayout({ view, order, shuffle }: Layout, shape: readonly number[]): Layout {
  return {
    view: order.map((axis) => view[axis] ?? 1),
    order: inverseOf(order),
    ...(shuffle ? { shuffle: { axis: order.indexOf(shuffle.axis), from: inverseOf(shuffle.from) } } : {}),
    shape,
  };
}

/** For every axis of the result, the offset in the source of each of its places. */
function offsetTables({ view, order, shuffle }: Layout): Uint32Array[] {
  const strides = stridesOf(view);
  return order.map((axis) => {
    const from = shuffle?.axis === axis ? shuffle.from : undefined;
    return Uint32Array.from({ length: view[axis] ?? 1 }, (_, k) => (from?.[k] ?? k) * (strides[axis] ?? 0));
  });
}

/** Offsets, in the source, of every `step`-th element of the result. */
export function layoutOffsets(layout: Layout, step: number): Uint32Array {
  const tables = offsetTables(layout);
  const count = layout.view.reduce((product, n) => product * n, 1);
  const offsets = new Uint32Array(Math.ceil(count / step));
  for (let k = 0; k < offsets.length; k++) {
    let rest = k * step;
    let offset = 0;
    for (let i = tables.length - 1; i >= 0; i--) {
      const table = tables[i];
      if (table === undefined) continue;
      offset += table[rest % table.length] ?? 0;
      rest = Math.floor(rest / table.length);
    }
    offsets[k] = offset;
  }
  return offsets;
}

/** True for a layout that moves no element. */
export function isPlainLayout({ order, view, shuffle }: Layout): boolean {
  const moved = order.filter((axis) => view[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0)) && isInOrder(shuffle?.from ?? []);
}

const isInOrder = (from: readonly number[]): boolean => from.every((k, i) => k === i);
