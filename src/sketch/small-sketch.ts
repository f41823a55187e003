import { elementCount } from '../tensors/dtype.ts';
import { addLanes } from '../tensors/statistics.ts';
import { canonicalKey, findUnitAxes } from './canonical-shape.ts';
import { bucketsOf, createSketchSums, type SketchSums, sketchSeed } from './count-sketch.ts';
import { createPlaces, ElementPlaces, type Places } from './element-places.ts';
import { POWER_LANES } from './sketch-kernels.ts';
import { finiteValues, isAllFinite, type SketchTotals, scaleOf, TensorSketch } from './tensor-sketch.ts';
import { createTables, type MeanTables, UnitMeans } from './unit-means.ts';

/** Values of a tensor up to which all that its shape says is kept for the next one of that shape. Less than a block of {@link TensorSketch}. */
const SMALL = 1024;
/** Shapes that are remembered. */
const MOST_SHAPES = 64;

/** A sketch of one tensor that is being taken. */
export type RunningSketch = Pick<TensorSketch, 'isMatrix' | 'add' | 'finish'>;

/** All that the shape of a small tensor says, with room for one at a time. */
interface Plan {
  /** Of each element. */
  readonly buckets: Uint16Array;
  /** Of a matrix. */
  readonly centring?: Centring;
}

interface Centring {
  readonly shape: readonly number[];
  readonly units: NonNullable<ReturnType<typeof findUnitAxes>>;
  readonly places: Places;
  readonly tables: MeanTables;
  readonly means: Float32Array;
  readonly scale: number;
}

const plans = new Map<string, Plan>();
/** Zeros, but while a tensor is added up. */
const sums: SketchSums = createSketchSums();
const powers = new Float64Array(POWER_LANES);

/** Starts the sketch of a tensor: of a small one by what is known of its shape, which gives the same to the last bit. */
export function startSketch(shape: readonly number[], storedAxes: readonly number[]): RunningSketch {
  const elements = elementCount(shape);
  if (elements === 0 || elements > SMALL) return new TensorSketch(shape, storedAxes);
  return new SmallSketch(planOf(shape, storedAxes, elements), () => new TensorSketch(shape, storedAxes));
}

function planOf(shape: readonly number[], storedAxes: readonly number[], elements: number): Plan {
  const key = `${shape.join('x')}:${storedAxes.join()}`;
  const known = plans.get(key);
  if (known !== undefined) return known;
  if (plans.size >= MOST_SHAPES) plans.clear();
  const made = makePlan(shape, storedAxes, elements);
  plans.set(key, made);
  return made;
}

function makePlan(shape: readonly number[], storedAxes: readonly number[], elements: number): Plan {
  const units = findUnitAxes(shape);
  const order = new ElementPlaces(shape, storedAxes, units);
  const block = createPlaces();
  order.seek(0);
  order.fill(block, elements);
  const places: Places = {
    index: block.index.slice(0, elements),
    row: block.row.slice(0, elements),
    column: block.column.slice(0, elements),
  };
  const buckets = bucketsOf(sketchSeed(canonicalKey(shape)), places.index);
  if (units === undefined) return { buckets };
  const [tables, means, scale] = [createTables(shape, units), new Float32Array(elements), scaleOf(shape, units)];
  return { buckets, centring: { shape, units, places, tables, means, scale } };
}

/** Does for a small tensor that comes in one piece what {@link TensorSketch} does: the same operations in the same order. */
class SmallSketch implements RunningSketch {
  readonly #plan: Plan;
  readonly #startAny: () => TensorSketch;
  #values: Float32Array = NOTHING;
  /** Of a tensor that comes in several pieces. */
  #any: TensorSketch | undefined;

  constructor(plan: Plan, startAny: () => TensorSketch) {
    this.#plan = plan;
    this.#startAny = startAny;
  }

  get isMatrix(): boolean {
    return this.#plan.centring !== undefined;
  }

  /** What is given at once must stay as it is until the sketch is finished. */
  add(values: Float32Array, allFinite = isAllFinite(values)): void {
    if (values.length === 0) return;
    const isAll = values.length === this.#plan.buckets.length && this.#any === undefined;
    if (isAll) this.#values = allFinite ? values : finiteValues(values);
    else {
      this.#any ??= this.#startAny();
      this.#any.add(values, allFinite);
    }
  }

  finish(totals: SketchTotals): void {
    if (this.#any === undefined) finishSmall(this.#plan, this.#values, totals);
    else this.#any.finish(totals);
  }
}

const NOTHING = new Float32Array(0);

function finishSmall({ buckets, centring }: Plan, values: Float32Array, totals: SketchTotals): void {
  addUp(buckets, values);
  moveSums(totals, buckets, centring?.scale);
  if (centring === undefined) return;
  const { units, shape, places, tables, means, scale } = centring;
  tables.rows?.fill(0);
  tables.columns?.fill(0);
  const unitMeans = new UnitMeans(shape, units, tables);
  unitMeans.add(values, 0, values.length, places);
  unitMeans.finish();
  unitMeans.write(means, values.length, places);
  const kurtosis = centredKurtosis(values, means);
  if (kurtosis > 0) totals.kurtoses.push(kurtosis);
  addUp(buckets, means);
  for (let i = 0; i < buckets.length; i += 1) take(totals.centred, buckets[i] ?? 0, -scale);
}

function addUp(buckets: Uint16Array, values: Float32Array): void {
  for (let i = 0; i < buckets.length; i += 1) {
    const bucket = buckets[i] ?? 0;
    sums[bucket] = (sums[bucket] ?? 0) + (values[i] ?? 0);
  }
}

/** Adds the sums to the totals, and leaves zeros. Of elements in one bucket the first takes all: adding 0 changes nothing. */
function moveSums({ weights, centred }: SketchTotals, buckets: Uint16Array, scale: number | undefined): void {
  for (let i = 0; i < buckets.length; i += 1) {
    const bucket = buckets[i] ?? 0;
    const sum = sums[bucket] ?? 0;
    sums[bucket] = 0;
    weights[bucket] = (weights[bucket] ?? 0) + sum;
    if (scale !== undefined) centred[bucket] = (centred[bucket] ?? 0) + scale * sum;
  }
}

function take(to: SketchSums, bucket: number, scale: number): void {
  to[bucket] = (to[bucket] ?? 0) + scale * (sums[bucket] ?? 0);
  sums[bucket] = 0;
}

function centredKurtosis(values: Float32Array, means: Float32Array): number {
  powers.fill(0);
  for (let i = 0; i < values.length; i += 1) {
    const lane = i & 3;
    const square = ((values[i] ?? 0) - (means[i] ?? 0)) ** 2;
    powers[lane] = (powers[lane] ?? 0) + square;
    powers[lane + 4] = (powers[lane + 4] ?? 0) + square * square;
  }
  const second = addLanes(powers, 0);
  return second === 0 ? 0 : (values.length * addLanes(powers, 4)) / second ** 2;
}
