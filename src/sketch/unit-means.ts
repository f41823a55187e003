import type { UnitAxes } from './canonical-shape.ts';
import type { Places } from './element-places.ts';

/** Sums over units that are kept while a tensor streams by: 32 MiB each at most. Beyond it a tensor is not centred over that axis. */
const MAX_SUMS = 4 * 1024 * 1024;

type Table = Float64Array | undefined;

const NOTHING = new Float64Array(0);

/** Adds values to their cells. Neighbours often share one: their sum is added once. */
function addToCells(table: Float64Array, values: Float32Array, from: number, count: number, cells: Int32Array): void {
  let cell = cells[0] ?? 0;
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    const next = cells[i] ?? 0;
    if (next !== cell) {
      table[cell] = (table[cell] ?? 0) + sum;
      cell = next;
      sum = 0;
    }
    sum += values[from + i] ?? 0;
  }
  table[cell] = (table[cell] ?? 0) + sum;
}

function scale(table: Table, divisor: number): void {
  if (table !== undefined) for (let i = 0; i < table.length; i += 1) table[i] = (table[i] ?? 0) / divisor;
}

/** Cells of the table of an axis; 0 where there is nothing to average over, or too much to keep. */
function cellsOf(units: number, averaged: number, positions: number): number {
  return averaged === 1 || units * positions > MAX_SUMS ? 0 : units * positions;
}

/** Cells of the tables of rows and of columns; 0 for a table that is not kept. */
export function countCells(
  shape: readonly number[],
  units: UnitAxes,
): { readonly rows: number; readonly columns: number } {
  const [rows, columns] = [shape[units.rows] ?? 1, shape[units.columns] ?? 1];
  return { rows: cellsOf(rows, columns, units.positions), columns: cellsOf(columns, rows, units.positions) };
}

/** Sums over columns and over rows, by unit and position. */
export interface MeanTables {
  readonly rows: Float64Array | undefined;
  readonly columns: Float64Array | undefined;
}

/** Makes empty tables. */
export function createTables(shape: readonly number[], units: UnitAxes): MeanTables {
  const { rows, columns } = countCells(shape, units);
  return {
    rows: rows === 0 ? undefined : new Float64Array(rows),
    columns: columns === 0 ? undefined : new Float64Array(columns),
  };
}

/**
 * The means of a tensor over both unit axes, at every kernel position, taken as its values stream by. What is left without them
 * is what distinguishes units; what all units share (input statistics, constant initialisations) is in the means.
 */
export class UnitMeans {
  readonly #rowCount: number;
  readonly #columnCount: number;
  readonly #positions: number;
  /** Sums over columns, by row and position; undefined where there is nothing to average over. */
  readonly #rows: Table;
  readonly #columns: Table;

  /** @param tables - that somebody else fills; empty ones by default */
  constructor(shape: readonly number[], units: UnitAxes, tables = createTables(shape, units)) {
    this.#rowCount = shape[units.rows] ?? 1;
    this.#columnCount = shape[units.columns] ?? 1;
    this.#positions = units.positions;
    this.#rows = tables.rows;
    this.#columns = tables.columns;
  }

  /** Adds `count` values from `from` on. */
  add(values: Float32Array, from: number, count: number, places: Places): void {
    if (this.#rows !== undefined) addToCells(this.#rows, values, from, count, places.row);
    if (this.#columns !== undefined) addToCells(this.#columns, values, from, count, places.column);
  }

  /** Turns sums into means. The mean over both axes, which both tables hold, is taken out of one of them. */
  finish(): void {
    scale(this.#rows, this.#columnCount);
    scale(this.#columns, this.#rowCount);
    const { rows, columns, positions } = { rows: this.#rows, columns: this.#columns, positions: this.#positions };
    if (rows === undefined || columns === undefined) return;
    const overall = new Float64Array(positions);
    for (let i = 0; i < rows.length; i += 1) {
      overall[i % positions] = (overall[i % positions] ?? 0) + (rows[i] ?? 0) / this.#rowCount;
    }
    for (let i = 0; i < rows.length; i += 1) rows[i] = (rows[i] ?? 0) - (overall[i % positions] ?? 0);
  }

  /** Writes what centring subtracts from the `count` elements at these places. */
  write(out: Float32Array, count: number, places: Places): void {
    const rows = this.#rows ?? NOTHING;
    const columns = this.#columns ?? NOTHING;
    const { row, column } = places;
    for (let i = 0; i < count; i += 1) {
      out[i] = (rows[row[i] ?? 0] ?? 0) + (columns[column[i] ?? 0] ?? 0);
    }
  }
}
