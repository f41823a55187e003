import { lazyWasm, type WasmModule } from '../bytes/wasm-module.ts';
import { FIRST_FREE, MOST_VALUES, openTensorLoops, placeValues } from '../tensors/value-memory.ts';
import { BLOCK_ELEMENTS, type Odometer } from './element-places.ts';
import { SKETCH_WASM } from './sketch-wasm.ts';

/** It reads values where the loops of statistics find them. */
const openSketchModule = lazyWasm(SKETCH_WASM, openTensorLoops);

/** Smaller tensors are not worth the way into the module's memory. */
const MIN_ELEMENTS = 4096;
/** The odometer: 48 bytes and 32 an axis (wasm/sketch.ts); more axes than this take the plain loops. */
const MAX_AXES = 8;
const ODOMETER_BYTES = 48 + 32 * MAX_AXES;

/** Four sums of squares, and four of fourth powers: value i of a piece is added in lane i & 3. */
export const POWER_LANES = 8;

/** True while a tensor has the module's memory, which holds one. */
let isTaken = false;

/** The loops of one tensor's sketch, in the module's memory until {@link SketchLoops.release}. */
export class SketchLoops {
  readonly #module: WasmModule;
  readonly #places: number;
  readonly #pending: number;
  readonly #means: number;
  readonly #sums: number;
  readonly #powers: number;
  readonly #seed: number;
  readonly #sumsLength: number;
  readonly #rows: number;
  readonly #columns: number;
  readonly #odometer: Odometer;
  /** Where the next values go that are kept. */
  #kept: number;
  #top = FIRST_FREE;

  private constructor(module: WasmModule, options: SketchLoopsOptions) {
    const { odometer, seed, sumsLength, rowCells, columnCells } = options;
    this.#module = module;
    this.#odometer = odometer;
    this.#seed = seed;
    this.#sumsLength = sumsLength;
    this.#places = this.#take(ODOMETER_BYTES);
    this.#pending = this.#take(32);
    this.#means = this.#take(4 * BLOCK_ELEMENTS);
    const zeros = this.#top;
    this.#sums = this.#take(8 * sumsLength);
    this.#powers = this.#take(8 * POWER_LANES);
    this.#rows = rowCells === 0 ? 0 : this.#take(8 * rowCells);
    this.#columns = columnCells === 0 ? 0 : this.#take(8 * columnCells);
    const end = this.#top;
    this.#kept = this.#take(4 * options.samples);
    new Uint8Array(module.reserve(this.#top), zeros, end - zeros).fill(0);
    this.seek(0);
  }

  /** Takes the module for a tensor; `undefined` where it may not run, is taken, or the tensor is small or has odd axes. */
  static take(elements: number, options: SketchLoopsOptions): SketchLoops | undefined {
    if (isTaken || elements < MIN_ELEMENTS || options.odometer.axes.length > MAX_AXES) return undefined;
    const module = openSketchModule();
    if (module === undefined) return undefined;
    isTaken = true;
    return new SketchLoops(module, options);
  }

  #take(byteLength: number): number {
    const at = this.#top;
    this.#top = (at + byteLength + 15) & ~15;
    return at;
  }

  #view(at: number, length: number): Float64Array {
    return new Float64Array(this.#module.reserve(this.#top), at, length);
  }

  /** Sums by cell of rows and of columns, of which some are not there. Valid until the memory is given back. */
  tables(rowCells: number, columnCells: number): { rows: Float64Array | undefined; columns: Float64Array | undefined } {
    return {
      rows: rowCells === 0 ? undefined : this.#view(this.#rows, rowCells),
      columns: columnCells === 0 ? undefined : this.#view(this.#columns, columnCells),
    };
  }

  /** A copy of the sums of the sketch. */
  sums(): Float64Array {
    return this.#view(this.#sums, this.#sumsLength).slice();
  }

  /** Sets the odometer to an element. */
  seek(element: number): void {
    const { run, axes } = this.#odometer;
    const words = new Int32Array(this.#module.reserve(this.#top), this.#places, ODOMETER_BYTES / 4);
    const at = this.#odometer.positionOf(element);
    words.set([run.size, run.index, run.row, run.column, at.index, at.row, at.column, at.done, axes.length]);
    axes.forEach((axis, i) => {
      words.set([axis.size, axis.index, axis.row, axis.column, at.counters[i] ?? 0], 12 + 8 * i);
    });
  }

  /** Adds the next values to the sketch and to the tables. */
  add(values: Float32Array): void {
    for (let from = 0; from < values.length; from += MOST_VALUES) {
      const part = values.subarray(from, from + MOST_VALUES);
      const at = placeValues(this.#module, part);
      const tables = [this.#rows, this.#columns];
      const { call } = this.#module;
      call('addElements', this.#places, this.#pending, this.#sums, this.#seed, at, part.length, ...tables);
    }
  }

  /** A copy of values, in the module's memory while there is room: valid until it is given back. */
  keep(values: Float32Array): Float32Array {
    const at = this.#kept;
    if (at + values.byteLength > this.#top) return values.slice();
    this.#kept += values.byteLength;
    const copy = new Float32Array(this.#module.reserve(this.#top), at, values.length);
    copy.set(values);
    return copy;
  }

  /** Sketches the means of all elements, which must have been taken; what was sketched before is lost. */
  sketchMeans(elements: number): Float64Array {
    this.#view(this.#sums, this.#sumsLength).fill(0);
    this.seek(0);
    const tables = [this.#rows, this.#columns];
    const { call } = this.#module;
    call('addMeans', this.#places, this.#sums, this.#seed, this.#means, elements, ...tables);
    return this.sums();
  }

  /** Adds to the sums of squares and of fourth powers of what is left of some values, from an element on, without their means: four lanes each. */
  addPowers(element: number, values: Float32Array): Float64Array {
    this.seek(element);
    const at = placeValues(this.#module, values);
    const tables = [this.#rows, this.#columns, this.#powers];
    this.#module.call('addPowers', this.#places, this.#means, at, values.length, ...tables);
    return this.#view(this.#powers, POWER_LANES);
  }

  /** Gives the module's memory to the next tensor. */
  release(): void {
    isTaken = false;
  }
}

/** What a tensor's loops are set up by. */
export interface SketchLoopsOptions {
  readonly odometer: Odometer;
  readonly seed: number;
  readonly sumsLength: number;
  /** Cells of the tables; 0 for one that is not there. */
  readonly rowCells: number;
  readonly columnCells: number;
  /** Values that will be kept, about. */
  readonly samples: number;
}
