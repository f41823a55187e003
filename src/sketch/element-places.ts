import { canonicalAxes, type UnitAxes } from './canonical-shape.ts';

/** Elements whose places are worked out at once; what a block touches stays in the first cache. */
export const BLOCK_ELEMENTS = 2048;

/** Where the elements of a block belong. */
export interface Places {
  /** Canonical index, modulo 2^32. */
  readonly index: Int32Array;
  /** Cell of (row unit, kernel position). */
  readonly row: Int32Array;
  /** Cell of (column unit, kernel position). */
  readonly column: Int32Array;
}

/** Makes room for the places of one block. */
export function createPlaces(): Places {
  return {
    index: new Int32Array(BLOCK_ELEMENTS),
    row: new Int32Array(BLOCK_ELEMENTS),
    column: new Int32Array(BLOCK_ELEMENTS),
  };
}

/** How far one step along an axis of the stored tensor moves each of the places. */
export interface AxisSteps {
  readonly size: number;
  readonly index: number;
  readonly row: number;
  readonly column: number;
}

/** Where an odometer stands: the places of the first element of a run, how much of the run is done, and the counters of the axes round it. */
export interface OdometerPosition {
  readonly index: number;
  readonly row: number;
  readonly column: number;
  readonly done: number;
  readonly counters: readonly number[];
}

/** How places follow each other: the innermost run, and the axes round it, the outermost first. */
export interface Odometer {
  readonly run: AxisSteps;
  readonly axes: readonly AxisSteps[];
  positionOf(element: number): OdometerPosition;
}

/** Row-major steps of the axes named, in that order; 0 for the others. */
function stepsOf(shape: readonly number[], order: readonly number[]): readonly number[] {
  const steps = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (const axis of [...order].reverse()) {
    steps[axis] = step;
    step *= shape[axis] ?? 1;
  }
  return steps;
}

function unitSteps(shape: readonly number[], unit: number | undefined, units: UnitAxes | undefined): readonly number[] {
  if (unit === undefined) return stepsOf(shape, []);
  const kernel = shape.flatMap((_, axis) => (axis === units?.rows || axis === units?.columns ? [] : [axis]));
  return stepsOf(shape, [unit, ...kernel]);
}

function joins(outer: AxisSteps, inner: AxisSteps): boolean {
  const { size } = inner;
  return outer.index === size * inner.index && outer.row === size * inner.row && outer.column === size * inner.column;
}

/** Joins neighbouring axes that are one run, so that runs are as long as the layout allows. */
function joinAxes(axes: readonly AxisSteps[]): readonly AxisSteps[] {
  const joined: AxisSteps[] = [];
  for (const axis of axes) {
    const last = joined.at(-1);
    if (last !== undefined && joins(last, axis)) joined[joined.length - 1] = { ...axis, size: last.size * axis.size };
    else joined.push(axis);
  }
  return joined;
}

/**
 * Says where the elements of a tensor belong, in the order in which they are stored. So a tensor is read as a stream, whatever
 * its layout, and nothing is transposed.
 */
export class ElementPlaces {
  readonly #axes: readonly AxisSteps[];
  readonly #counters: number[];
  readonly #run: AxisSteps;
  /** Of the first element of the current run. */
  readonly #start = { index: 0, row: 0, column: 0 };
  /** Elements of the current run that are done. */
  #done = 0;

  /**
   * @param shape channels-first
   * @param storedAxes the axes of `shape` in the order in which they are stored
   * @param units none: rows and columns are not filled in
   */
  constructor(shape: readonly number[], storedAxes: readonly number[], units: UnitAxes | undefined) {
    const index = stepsOf(shape, canonicalAxes(shape));
    const row = unitSteps(shape, units?.rows, units);
    const column = unitSteps(shape, units?.columns, units);
    const steps = storedAxes.map((axis) => ({
      size: shape[axis] ?? 1,
      index: index[axis] ?? 0,
      row: row[axis] ?? 0,
      column: column[axis] ?? 0,
    }));
    const axes = joinAxes(steps.filter(({ size }) => size !== 1));
    this.#run = axes.at(-1) ?? { size: 1, index: 0, row: 0, column: 0 };
    this.#axes = axes.slice(0, -1);
    this.#counters = this.#axes.map(() => 0);
  }

  /** The same for loops elsewhere. */
  get odometer(): Odometer {
    return {
      run: this.#run,
      axes: this.#axes,
      positionOf: (element) => {
        this.seek(element);
        return { ...this.#start, done: this.#done, counters: [...this.#counters] };
      },
    };
  }

  /** Fills in the places of the next `count` elements, at most BLOCK_ELEMENTS. */
  fill(places: Places, count: number): void {
    for (let from = 0; from < count; ) {
      const end = Math.min(count, from + this.#run.size - this.#done);
      this.#fillRun(places, from, end);
      this.#done += end - from;
      if (this.#done === this.#run.size) this.#nextRun();
      from = end;
    }
  }

  /** Goes to the element that is stored as number `element`. */
  seek(element: number): void {
    const { size } = this.#run;
    Object.assign(this.#start, { index: 0, row: 0, column: 0 });
    this.#done = element % size;
    let rest = Math.floor(element / size);
    for (let i = this.#axes.length - 1; i >= 0; i -= 1) {
      const axis = this.#axes[i];
      if (axis === undefined) continue;
      this.#counters[i] = rest % axis.size;
      this.#move(axis, rest % axis.size);
      rest = Math.floor(rest / axis.size);
    }
  }

  #fillRun(places: Places, from: number, end: number): void {
    const run = this.#run;
    const { index: indexes, row: rows, column: columns } = places;
    const moveIndex = run.index | 0;
    const moveRow = run.row | 0;
    const moveColumn = run.column | 0;
    let index = (this.#start.index + this.#done * run.index) | 0;
    let row = (this.#start.row + this.#done * run.row) | 0;
    let column = (this.#start.column + this.#done * run.column) | 0;
    for (let i = from; i < end; i += 1) {
      indexes[i] = index;
      rows[i] = row;
      columns[i] = column;
      index = (index + moveIndex) | 0;
      row = (row + moveRow) | 0;
      column = (column + moveColumn) | 0;
    }
  }

  #nextRun(): void {
    this.#done = 0;
    for (let i = this.#axes.length - 1; i >= 0; i -= 1) {
      const axis = this.#axes[i];
      if (axis === undefined) continue;
      const counter = (this.#counters[i] ?? 0) + 1;
      this.#move(axis, 1);
      this.#counters[i] = counter;
      if (counter < axis.size) return;
      this.#move(axis, -axis.size);
      this.#counters[i] = 0;
    }
  }

  #move(axis: AxisSteps, count: number): void {
    this.#start.index += count * axis.index;
    this.#start.row += count * axis.row;
    this.#start.column += count * axis.column;
  }
}
