import { elementCount } from '../tensors/dtype.ts';
import { addLanes } from '../tensors/statistics.ts';
import { canonicalKey, findUnitAxes, type UnitAxes } from './canonical-shape.ts';
import { addSums, addValues, createSketchSums, type SketchSums, sketchSeed } from './count-sketch.ts';
import { BLOCK_ELEMENTS, createPlaces, ElementPlaces } from './element-places.ts';
import { POWER_LANES, SketchLoops } from './sketch-kernels.ts';
import { countCells, UnitMeans } from './unit-means.ts';

/** Values of one tensor that are kept for the kurtosis: 4 MiB. Of a million values it is known to half a percent (sd sqrt(24/n)). */
const KURTOSIS_ELEMENTS = 1024 * 1024;

const NO_CELLS = { rows: 0, columns: 0 };

/** Room for one block, used by one tensor after the other. */
const places = createPlaces();
const blockMeans = new Float32Array(BLOCK_ELEMENTS);

/** Values kept from the stream, and which was the first. */
interface Sample {
  readonly element: number;
  readonly values: Float32Array;
}

/** What the tensors of a checkpoint are added up into. */
export interface SketchTotals {
  readonly weights: SketchSums;
  readonly centred: SketchSums;
  /** Of the centred matrices that are not constant. */
  readonly kurtoses: number[];
}

/** Starts the totals of a checkpoint. */
export function createSketchTotals(): SketchTotals {
  return { weights: createSketchSums(), centred: createSketchSums(), kurtoses: [] };
}

/** True where there is neither NaN nor infinity. */
export function isAllFinite(values: Float32Array): boolean {
  let probe = 0;
  for (let i = 0; i < values.length; i += 1) probe += (values[i] ?? 0) * 0;
  return probe === 0;
}

/** The values with zeros where they are not finite. NaN and infinities count as 0: one of them must not wipe out what the others say. */
export function finiteValues(values: Float32Array): Float32Array {
  return values.map((value) => (Number.isFinite(value) ? value : 0));
}

/**
 * Makes tensors of different width weigh alike: initial weights have a deviation near 1/sqrt(fan). The mean of fan-in and
 * fan-out (Glorot and Bengio, 2010), because it is the same for a matrix and its transpose. It depends on the shape alone, so
 * sketches still add.
 */
export function scaleOf(shape: readonly number[], units: UnitAxes | undefined): number {
  const { rows = 0, columns = 0, positions = 1 } = units ?? {};
  return Math.sqrt((positions * ((shape[rows] ?? 1) + (shape[columns] ?? 1))) / 2);
}

/**
 * Sketches one tensor as its values stream by, in the order in which they are stored. The sketch of the centred tensor is that
 * of the tensor less that of its means (the sketch is linear), so no value is read twice.
 */
export class TensorSketch {
  readonly #shape: readonly number[];
  readonly #units: UnitAxes | undefined;
  readonly #places: ElementPlaces;
  readonly #seed: number;
  readonly #sums = createSketchSums();
  readonly #loops: SketchLoops | undefined;
  readonly #means: UnitMeans | undefined;
  readonly #samples: Sample[] = [];
  readonly #sampleEvery: number;
  #element = 0;

  /**
   * @param shape channels-first
   * @param storedAxes the axes of `shape` in the order in which they are stored
   */
  constructor(shape: readonly number[], storedAxes: readonly number[]) {
    this.#shape = shape;
    this.#units = findUnitAxes(shape);
    this.#places = new ElementPlaces(shape, storedAxes, this.#units);
    this.#seed = sketchSeed(canonicalKey(shape));
    const cells = this.#units === undefined ? NO_CELLS : countCells(shape, this.#units);
    this.#loops = SketchLoops.take(elementCount(shape), {
      odometer: this.#places.odometer,
      seed: this.#seed,
      sumsLength: this.#sums.length,
      rowCells: cells.rows,
      columnCells: cells.columns,
      samples: this.#units === undefined ? 0 : Math.min(elementCount(shape), KURTOSIS_ELEMENTS),
    });
    const tables = this.#loops?.tables(cells.rows, cells.columns);
    this.#means = this.#units === undefined ? undefined : new UnitMeans(shape, this.#units, tables);
    this.#places.seek(0);
    this.#sampleEvery = Math.ceil(elementCount(shape) / KURTOSIS_ELEMENTS);
  }

  /** True for what is centred and has a kurtosis: two axes or more. */
  get isMatrix(): boolean {
    return this.#units !== undefined;
  }

  /** @param allFinite whether all values are finite, where that is known */
  add(values: Float32Array, allFinite = isAllFinite(values)): void {
    const finite = allFinite ? values : finiteValues(values);
    if (this.#means !== undefined) this.#keepSample(finite);
    if (this.#loops !== undefined) this.#loops.add(finite);
    else this.#addPlainly(finite);
    this.#element += finite.length;
  }

  #addPlainly(finite: Float32Array): void {
    this.#eachBlock(finite.length, (from, count) => {
      addValues(this.#sums, this.#seed, finite, from, count, places.index);
      this.#means?.add(finite, from, count, places);
    });
  }

  /** Adds the tensor to a checkpoint's totals. May be called once, after the last value. */
  finish(totals: SketchTotals): void {
    const sums = this.#loops?.sums() ?? this.#sums;
    addSums(totals.weights, sums, 1);
    if (this.#means !== undefined) this.#finishMatrix(this.#means, sums, totals);
    this.#loops?.release();
  }

  #finishMatrix(means: UnitMeans, sums: SketchSums, totals: SketchTotals): void {
    means.finish();
    const kurtosis = this.#centredKurtosis(means);
    if (kurtosis > 0) totals.kurtoses.push(kurtosis);
    const scale = scaleOf(this.#shape, this.#units);
    addSums(totals.centred, sums, scale);
    addSums(totals.centred, this.#sketchMeans(means), -scale);
  }

  /** Visits elements block by block, with their places filled in. */
  #eachBlock(elements: number, visit: (from: number, count: number) => void): void {
    for (let from = 0; from < elements; from += BLOCK_ELEMENTS) {
      const count = Math.min(BLOCK_ELEMENTS, elements - from);
      this.#places.fill(places, count);
      visit(from, count);
    }
  }

  #keepSample(values: Float32Array): void {
    const count = Math.ceil(values.length / this.#sampleEvery);
    const sample = values.subarray(0, count);
    this.#samples.push({ element: this.#element, values: this.#loops?.keep(sample) ?? sample.slice() });
  }

  #sketchMeans(means: UnitMeans): SketchSums {
    if (this.#loops !== undefined) return this.#loops.sketchMeans(elementCount(this.#shape));
    const sums = createSketchSums();
    this.#places.seek(0);
    this.#eachBlock(elementCount(this.#shape), (_, count) => {
      means.write(blockMeans, count, places);
      addValues(sums, this.#seed, blockMeans, 0, count, places.index);
    });
    return sums;
  }

  #centredKurtosis(means: UnitMeans): number {
    const elements = this.#samples.reduce((sum, { values }) => sum + values.length, 0);
    const powers = new Float64Array(POWER_LANES);
    for (const sample of this.#samples) {
      if (this.#loops === undefined) this.#addPowers(means, sample, powers);
      else powers.set(this.#loops.addPowers(sample.element, sample.values));
    }
    const second = addLanes(powers, 0);
    return second === 0 ? 0 : (elements * addLanes(powers, 4)) / second ** 2;
  }

  #addPowers(means: UnitMeans, { element, values }: Sample, powers: Float64Array): void {
    this.#places.seek(element);
    this.#eachBlock(values.length, (from, count) => {
      means.write(blockMeans, count, places);
      for (let i = 0; i < count; i += 1) {
        const lane = i & 3;
        const square = ((values[from + i] ?? 0) - (blockMeans[i] ?? 0)) ** 2;
        powers[lane] = (powers[lane] ?? 0) + square;
        powers[lane + 4] = (powers[lane + 4] ?? 0) + square * square;
      }
    });
  }
}
