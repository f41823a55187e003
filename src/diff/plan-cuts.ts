import { canonicalKey } from '../sketch/canonical-shape.ts';
import type { Cut } from './slice.ts';

interface Shaped {
  readonly shape: readonly number[];
}

/** More slices than this are rows, not tensors: gates, directions, queries with keys and values, and two biases of both directions are fewer. */
const MOST_SLICES = 8;

const squeeze = (shape: readonly number[]): readonly number[] => shape.filter((n) => n !== 1);
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
/** What the shapes of one tensor in two files agree in. */
const keyOf = (shape: readonly number[]): string => canonicalKey(shape);

/** Which tensors of two files are cut, and how. */
export interface CutPlan<T> {
  readonly own: ReadonlyMap<T, Cut>;
  readonly others: ReadonlyMap<T, Cut>;
}

/**
 * Finds, on either side, the tensors that hold several of the other file's, from the shapes alone: those of whose shape the other file has fewer, cut
 * into slices of whose shape it has so many more. Recurrent layers keep directions or biases in one tensor in some frameworks (ONNX, Keras' GRU),
 * attention its queries, keys and values. What both keep together, each in its own way, is cut into the same slices.
 */
export function planCuts<T extends Shaped>(own: readonly T[], others: readonly T[]): CutPlan<T> {
  const plan = { own: cutsInto(own, others), others: cutsInto(others, own) };
  const spare = spareOf(own, others);
  const open = (tensors: readonly T[], cuts: ReadonlyMap<T, Cut>, sign: number) =>
    tensors.filter((tensor) => !cuts.has(tensor) && sign * (spare.get(keyOf(tensor.shape)) ?? 0) > 0);
  const rest = { own: open(own, plan.own, -1), others: open(others, plan.others, 1) };
  cutAlike(rest.own, plan.own, rest.others, plan.others);
  cutAlike(rest.others, plan.others, rest.own, plan.own);
  return plan;
}

/** Cuts tensors of one side, and those of the other that hold the same slices in fewer at a time. */
function cutAlike<T extends Shaped>(
  large: readonly T[],
  cutsOfLarge: Map<T, Cut>,
  small: readonly T[],
  cutsOfSmall: Map<T, Cut>,
): void {
  for (const tensor of large) {
    if (cutsOfLarge.has(tensor)) continue;
    const left = small.filter((other) => !cutsOfSmall.has(other));
    for (const cut of cutsOf(tensor.shape)) {
      const partners = partnersOf(cut, left);
      if (!partners) continue;
      cutsOfLarge.set(tensor, cut);
      for (const [partner, cutOfPartner] of partners) cutsOfSmall.set(partner, cutOfPartner);
      break;
    }
  }
}

/** Tensors of the other side that hold, in all, as many slices of the shape that a cut makes; undefined when there are not enough. */
function partnersOf<T extends Shaped>({ part, count }: Cut, others: readonly T[]): ReadonlyMap<T, Cut> | undefined {
  const partners = new Map<T, Cut>();
  let slices = 0;
  for (const other of others) {
    const cut = cutsOf(other.shape).find((own) => keyOf(own.part) === keyOf(part));
    if (!cut || slices + cut.count > count) continue;
    partners.set(other, cut);
    slices += cut.count;
  }
  return slices === count ? partners : undefined;
}

function cutsInto<T extends Shaped>(own: readonly T[], others: readonly T[]): Map<T, Cut> {
  const spare = spareOf(own, others);
  const cuts = new Map<T, Cut>();
  for (const tensor of [...own].sort((a, b) => sizeOf(b.shape) - sizeOf(a.shape))) {
    const key = keyOf(tensor.shape);
    if ((spare.get(key) ?? 0) >= 0) continue;
    const cut = cutsOf(tensor.shape).find(({ part, count }) => (spare.get(keyOf(part)) ?? 0) >= count);
    if (!cut) continue;
    cuts.set(tensor, cut);
    spare.set(key, (spare.get(key) ?? 0) + 1);
    spare.set(keyOf(cut.part), (spare.get(keyOf(cut.part)) ?? 0) - cut.count);
  }
  return cuts;
}

/** How many more tensors of each shape the other file has. */
function spareOf(own: readonly Shaped[], others: readonly Shaped[]): Map<string, number> {
  const spare = new Map<string, number>();
  const add = (shapes: readonly Shaped[], sign: number) => {
    for (const { shape } of shapes) spare.set(keyOf(shape), (spare.get(keyOf(shape)) ?? 0) + sign);
  };
  add(own, -1);
  add(others, 1);
  return spare;
}

/** The ways to cut a tensor into equal slices, the fewest first: runs of consecutive values, or of every row of an inner axis. */
function cutsOf(full: readonly number[]): readonly Cut[] {
  const shape = squeeze(full);
  const cuts: Cut[] = [];
  shape.forEach((size, axis) => {
    const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
    for (let parts = 1; parts <= MOST_SLICES; parts++) {
      if (size % parts !== 0) continue;
      const rest = size === parts ? after : [size / parts, ...after];
      const runs = sizeOf(before) * parts;
      if (runs > 1 && runs <= MOST_SLICES) cuts.push({ before: 1, count: runs, part: rest });
      if (parts > 1 && sizeOf(before) > MOST_SLICES)
        cuts.push({ before: sizeOf(before), count: parts, part: [...before, ...rest] });
    }
  });
  return cuts.filter(({ part }) => part.length > 0).sort((a, b) => a.count - b.count);
}
