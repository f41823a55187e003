import { centreAxis, energyOf, type Grid, type GridAxis, spanOf } from './grid.ts';
import { product } from './placed-tensors.ts';

/**
 * How a component transforms: `units`, every axis in a space of its own, means taken out; or the last two axes in one space, as the hollow
 * symmetric or the antisymmetric part with zero row sums.
 */
export type ComponentKind = 'units' | 'symmetric' | 'antisymmetric';

/** A part of a tensor on which the unit permutations act irreducibly: the variance of the test has a closed form there (docs/lineage.md, section 3). */
export interface Component extends Grid {
  readonly kind: ComponentKind;
  /** Components of one key are the same representation; those of different keys are uncorrelated under the null. */
  readonly key: string;
}

/**
 * Splits an arranged tensor into irreducible components. A tensor that touches one space three times, two spaces twice each, or one space twice
 * with heads has none: leaving it out is exact.
 */
export function decompose(grid: Grid, heads: readonly number[]): Component[] {
  return splitHeads(grid, heads).flatMap(splitPairs);
}

/** Number of dimensions of the representation. */
export function dimensionOf(component: Component): number {
  const pair = component.kind !== 'units';
  const own = product((pair ? component.axes.slice(0, -2) : component.axes).map((a) => a.size - (a.within ?? 1)));
  const n = component.axes.at(-1)?.size ?? 0;
  if (component.kind === 'symmetric') return own * ((n * (n - 3)) / 2);
  if (component.kind === 'antisymmetric') return own * (((n - 1) * (n - 2)) / 2);
  return own;
}

/** Projects, in place, onto the component's representation; changes nothing (beyond rounding) that is in it already. */
function project(component: Component): void {
  const last = component.kind === 'units' ? component.axes.length : component.axes.length - 2;
  for (let axis = 0; axis < last; axis++) centreAxis(component, axis);
  if (component.kind !== 'units') removeRowSums(component, component.kind === 'symmetric' ? 1 : -1);
}

function componentOf(kind: ComponentKind, grid: Grid): Component {
  const name = (axis: GridAxis) => axis.space + (axis.within === undefined ? '' : '/in heads');
  return { ...grid, kind, key: [...grid.axes.map(name), kind].join(' x ') };
}

/** Replaces every axis with heads by two grids: the means of the heads, and what is left inside them. */
function splitHeads(grid: Grid, heads: readonly number[]): Grid[] {
  const axis = heads.findIndex((h, i) => h > 1 && grid.axes[i]?.within === undefined);
  if (axis < 0) return [grid];
  const rest = heads.map((h, i) => (i === axis ? 1 : h));
  const means = headMeans(grid, axis, heads[axis] ?? 1);
  const within = withAxis(grid, axis, { within: heads[axis] ?? 1 }, grid.values.slice());
  centreAxis(within, axis);
  return [means, within].flatMap((part) => splitHeads(part, rest));
}

function withAxis(grid: Grid, axis: number, change: Partial<GridAxis>, values: Float64Array): Grid {
  return { ...grid, axes: grid.axes.map((a, i) => (i === axis ? { ...a, ...change } : a)), values };
}

/** Means over the units of each head, times the root of their number, so that energy is kept. */
function headMeans(grid: Grid, axis: number, heads: number): Grid {
  const { outer, size, inner } = spanOf(grid, axis);
  const perHead = size / heads;
  const values = new Float64Array(outer * heads * inner);
  for (let u = 0; u < outer * size; u++) {
    const to = Math.floor(u / perHead) * inner;
    const from = u * inner;
    for (let k = 0; k < inner; k++)
      values[to + k] = (values[to + k] ?? 0) + (grid.values[from + k] ?? 0) / Math.sqrt(perHead);
  }
  const space = `${grid.axes[axis]?.space ?? ''}/heads`;
  return withAxis(grid, axis, { space, size: heads }, values);
}

function splitPairs(grid: Grid): Component[] {
  const spaces = grid.axes.map((a) => a.space);
  const repeats = spaces.length - new Set(spaces).size;
  if (repeats === 0) return [projected(componentOf('units', { ...grid, values: grid.values.slice() }))];
  const [first, second] = grid.axes.slice(-2);
  const isPair =
    repeats === 1 && grid.axes.length <= 3 && first?.space === second?.space && first?.size === second?.size;
  if (!isPair || first?.within !== undefined || second?.within !== undefined) return [];
  return splitPair(grid, second?.size ?? 0);
}

function projected(component: Component): Component {
  project(component);
  return component;
}

function splitPair(grid: Grid, n: number): Component[] {
  const components = [projected(marginals(grid, n))];
  if (n > 3) components.push(projected(componentOf('symmetric', { ...grid, values: hollow(grid, n, 1) })));
  if (n > 2) components.push(projected(componentOf('antisymmetric', { ...grid, values: hollow(grid, n, -1) })));
  return components;
}

/** Diagonal, row sums and column sums of the hollow part (divided by root n): what transforms like one axis of units. */
function marginals(grid: Grid, n: number): Component {
  const f = grid.features;
  const outer = product(grid.axes.slice(0, -2).map((a) => a.size));
  const values = new Float64Array(outer * n * 3 * f);
  const add = (o: number, unit: number, part: number, k: number, value: number) => {
    const at = ((o * n + unit) * 3 + part) * f + k;
    values[at] = (values[at] ?? 0) + value;
  };
  eachPair(grid, n, (o, i, j, k, value) => {
    if (i === j) return add(o, i, 0, k, value);
    add(o, i, 1, k, value / Math.sqrt(n));
    add(o, j, 2, k, value / Math.sqrt(n));
  });
  return componentOf('units', sortAxes({ axes: grid.axes.slice(0, -1), features: 3 * f, values }));
}

/** Puts the axes into the order of their spaces, as other tensors that touch the same spaces have them. */
function sortAxes(grid: Grid): Grid {
  const [a, b] = grid.axes;
  if (a === undefined || b === undefined || grid.axes.length > 2 || a.space <= b.space) return grid;
  const values = new Float64Array(grid.values.length);
  for (let row = 0; row < a.size * b.size; row++) {
    const to = (row % b.size) * a.size + Math.floor(row / b.size);
    values.set(grid.values.subarray(row * grid.features, (row + 1) * grid.features), to * grid.features);
  }
  return { ...grid, axes: [b, a], values };
}

function hollow(grid: Grid, n: number, sign: number): Float64Array {
  const f = grid.features;
  const values = new Float64Array(grid.values.length);
  eachPair(grid, n, (o, i, j, k, value) => {
    if (i === j) return;
    const here = ((o * n + i) * n + j) * f + k;
    const there = ((o * n + j) * n + i) * f + k;
    values[here] = (values[here] ?? 0) + value / 2;
    values[there] = (values[there] ?? 0) + (sign * value) / 2;
  });
  return values;
}

function eachPair(
  grid: Grid,
  n: number,
  visit: (o: number, i: number, j: number, k: number, value: number) => void,
): void {
  const { features, values } = grid;
  for (let at = 0; at < values.length; at++) {
    const pair = Math.floor(at / features);
    visit(Math.floor(pair / (n * n)), Math.floor(pair / n) % n, pair % n, at % features, values[at] ?? 0);
  }
}

/**
 * Takes the row sums out of a hollow symmetric (sign 1) or antisymmetric (sign -1) part: h_ij - a_i - sign a_j off the diagonal, with
 * a = (r - sum r / (2n - 2)) / (n - 2) or a = r / n for row sums r.
 */
function removeRowSums(component: Component, sign: 1 | -1): void {
  const n = component.axes.at(-1)?.size ?? 0;
  const f = component.features;
  const square = n * n * f;
  for (let start = 0; start < component.values.length; start += square) {
    for (let k = 0; k < f; k++) removeFrom(component.values.subarray(start, start + square), n, f, k, sign);
  }
}

function removeFrom(values: Float64Array, n: number, f: number, k: number, sign: 1 | -1): void {
  const shares = rowShares(values, n, f, k, sign);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const at = (i * n + j) * f + k;
      values[at] = i === j ? 0 : (values[at] ?? 0) - (shares[i] ?? 0) - sign * (shares[j] ?? 0);
    }
  }
}

function rowShares(values: Float64Array, n: number, f: number, k: number, sign: 1 | -1): Float64Array {
  const sums = new Float64Array(n);
  for (let i = 0; i < n * n; i++) sums[Math.floor(i / n)] = (sums[Math.floor(i / n)] ?? 0) + (values[i * f + k] ?? 0);
  if (sign === -1) return sums.map((sum) => sum / n);
  const total = sums.reduce((a, b) => a + b, 0);
  return sums.map((sum) => (sum - total / (2 * (n - 1))) / (n - 2));
}

/**
 * Scales every unit to norm 1, one axis after the other, then projects again: a few units with large weights would make the statistic's
 * distribution heavy-tailed. Permuting units commutes with it, so the test stays exact; it costs at most 11 % of Z (docs/lineage.md, section 3).
 */
export function equalizeUnits(component: Component): void {
  if (component.kind !== 'units') equalizePair(component);
  else for (let axis = 0; axis < component.axes.length; axis++) equalizeAxis(component, axis);
  project(component);
}

function equalizeAxis(component: Component, axis: number): void {
  const { outer, size, inner } = spanOf(component, axis);
  const { values } = component;
  const energy = new Float64Array(size);
  for (let o = 0, at = 0; o < outer; o++) {
    for (let unit = 0; unit < size; unit++) {
      let sum = energy[unit] ?? 0;
      for (const end = at + inner; at < end; at++) sum += (values[at] ?? 0) ** 2;
      energy[unit] = sum;
    }
  }
  const scale = reciprocalNorms(energy, energyOf(values));
  for (let o = 0, at = 0; o < outer; o++) {
    for (let unit = 0; unit < size; unit++) {
      const factor = scale[unit] ?? 0;
      for (const end = at + inner; at < end; at++) values[at] = (values[at] ?? 0) * factor;
    }
  }
}

function equalizePair(component: Component): void {
  const n = component.axes.at(-1)?.size ?? 0;
  const { features, values } = component;
  const row = (at: number) => Math.floor(at / (features * n)) % n;
  const column = (at: number) => Math.floor(at / features) % n;
  const energy = new Float64Array(n);
  for (let at = 0; at < values.length; at++) energy[row(at)] = (energy[row(at)] ?? 0) + (values[at] ?? 0) ** 2;
  const scale = reciprocalNorms(energy, energyOf(values));
  for (let at = 0; at < values.length; at++)
    values[at] = (values[at] ?? 0) * (scale[row(at)] ?? 0) * (scale[column(at)] ?? 0);
}

/** Factors that bring every unit to the mean energy of a unit; 0 for a unit that is all zero. */
function reciprocalNorms(energy: Float64Array, total: number): Float64Array {
  const mean = total / energy.length;
  return energy.map((e) => (e > mean * 1e-12 ? Math.sqrt(mean / e) : 0));
}
