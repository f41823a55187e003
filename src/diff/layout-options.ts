import { frameworkLayouts, type LayoutContext, plainLayouts } from './find-layouts.ts';
import { type Layout, layoutOffsets } from './layout.ts';

/** Elements that a similarity is estimated from: its standard error, 1/sqrt(4096), is far below what a pairing is decided by. */
export const SAMPLE = 4096;

/** A layout that a pair of tensors may have. */
export interface Option {
  readonly layout: Layout;
  /** Offsets, in the candidate's tensor, of the sampled elements of the query's. */
  readonly offsets: Uint32Array;
}

/** The layouts that two shapes allow; made once for all tensors of these shapes. */
export interface Options {
  readonly plain: readonly Option[];
  readonly framework: readonly Option[];
}

export type OptionsOf = (from: readonly number[], to: readonly number[]) => Options;

/** Lists the layouts that two shapes allow in a context, each once. */
function createOptions(context: LayoutContext): OptionsOf {
  const known = new Map<string, Options>();
  return (from, to) => {
    const key = `${from.join('x')} ${to.join('x')}`;
    const found = known.get(key) ?? {
      plain: plainLayouts(from, to).map(withOffsets),
      framework: frameworkLayouts(from, to, context).map(withOffsets),
    };
    known.set(key, found);
    return found;
  };
}

/** The layouts that shapes allow, by the context. */
export type LayoutOptions = (context: LayoutContext) => OptionsOf;

const nameContext = ({ channels, gates }: LayoutContext): string =>
  [
    [...channels].sort().join(),
    ...[...gates].map(([length, units]) => `${length}: ${[...units].sort().join()}`).sort(),
  ].join('; ');

/** Makes a list of layouts that is made once for all contexts that say the same: those of a query and its candidates do. */
export function createLayoutOptions(): LayoutOptions {
  const known = new Map<string, OptionsOf>();
  return (context) => {
    const name = nameContext(context);
    const found = known.get(name) ?? createOptions(context);
    known.set(name, found);
    return found;
  };
}

/** Adds to a layout where it takes its sample from. */
export function withOffsets(layout: Layout): Option {
  return { layout, offsets: layoutOffsets(layout, sampleStep(layout.view.reduce((product, n) => product * n, 1))) };
}

/** Every so many elements of a tensor of that length are sampled. */
export const sampleStep = (length: number): number => Math.max(1, Math.floor(length / SAMPLE));

const IN_ORDER = 'in order';

/**
 * The orders of gates that matrices were found in, by the length of the axis: a framework has one, so that the biases, which look more alike, are
 * in no other.
 */
export interface GateOrders {
  note(layout: Layout): void;
  /** What is left for a vector; all where no matrix said anything. */
  restrict(options: Options, length: number): Options;
}

/** Makes a record of the orders of gates. */
export function createGateOrders(): GateOrders {
  const orders = new Map<number, Set<string>>();
  const add = (length: number, order: string) => orders.set(length, (orders.get(length) ?? new Set()).add(order));
  return {
    note({ view, shuffle }) {
      if (shuffle) add((view[shuffle.axis] ?? 1) * (view[shuffle.axis + 1] ?? 1), shuffle.from.join());
      else for (const length of view) add(length, IN_ORDER);
    },
    restrict(options, length) {
      const known = orders.get(length);
      if (!known || [...known].every((order) => order === IN_ORDER)) return options;
      const shuffled = options.framework.filter(({ layout }) => known.has(layout.shuffle?.from.join() ?? IN_ORDER));
      return { plain: [...(known.has(IN_ORDER) ? options.plain : []), ...shuffled], framework: [] };
    },
  };
}
