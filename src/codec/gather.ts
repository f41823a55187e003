import { viewNumbers } from './lanes.ts';
import { check, type PayloadReader, type PayloadWriter } from './payload.ts';

/**
 * Where a block's base lies in a tensor that is stored in another order: the tensor is seen with these sizes (row-major), its
 * axes are put in this order, and the base is a run of the result.
 */
export interface Gather {
  /** Sizes of the axes as they are stored. */
  readonly sizes: readonly number[];
  /** `order[i]` is the axis that becomes axis i. */
  readonly order: readonly number[];
  /** Elements of the reordered tensor before the base. */
  readonly start: number;
  /** Elements of the stored tensor before the parts that are at hand. */
  readonly skipped: number;
}

const MAX_AXES = 8;
const MAX_ELEMENTS = 2 ** 40;

const elementsOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

/** Steps between neighbours along each axis of the reordered tensor, in elements of the stored one. */
function stepsOf({ sizes, order }: Gather): number[] {
  const steps = new Array<number>(sizes.length).fill(1);
  for (let axis = sizes.length - 2; axis >= 0; axis--) steps[axis] = (steps[axis + 1] ?? 1) * (sizes[axis + 1] ?? 1);
  return order.map((axis) => steps[axis] ?? 1);
}

/** Walks over `count` places of the reordered tensor. */
class Walk {
  readonly sizes: number[];
  readonly steps: number[];
  readonly places: number[];
  offset = 0;

  constructor(gather: Gather) {
    this.sizes = gather.order.map((axis) => gather.sizes[axis] ?? 1);
    this.steps = stepsOf(gather);
    this.places = new Array<number>(this.sizes.length).fill(0);
    let rest = gather.start;
    for (let i = this.sizes.length - 1; i >= 0; i--) {
      const size = this.sizes[i] ?? 1;
      this.places[i] = rest % size;
      this.offset += (rest % size) * (this.steps[i] ?? 1);
      rest = Math.floor(rest / size);
    }
  }

  /** Moves on to the beginning of the next run along the last axis. */
  nextRun(): void {
    const last = this.sizes.length - 1;
    this.offset -= (this.places[last] ?? 0) * (this.steps[last] ?? 1);
    this.places[last] = 0;
    for (let i = last - 1; i >= 0; i--) {
      const place = (this.places[i] ?? 0) + 1;
      this.offset += this.steps[i] ?? 1;
      if (place < (this.sizes[i] ?? 1)) {
        this.places[i] = place;
        return;
      }
      this.offset -= place * (this.steps[i] ?? 1);
      this.places[i] = 0;
    }
  }

  /** How many places are left in this run. */
  get left(): number {
    const last = this.sizes.length - 1;
    return (this.sizes[last] ?? 1) - (this.places[last] ?? 0);
  }

  get step(): number {
    return this.steps[this.sizes.length - 1] ?? 1;
  }
}

/** First and last element of the stored tensor that a base of `count` elements takes. */
export function gatheredRange(gather: Gather, count: number): { readonly first: number; readonly last: number } {
  const walk = new Walk(gather);
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (let done = 0; done < count; walk.nextRun()) {
    const run = Math.min(walk.left, count - done);
    first = Math.min(first, walk.offset);
    last = Math.max(last, walk.offset + (run - 1) * walk.step);
    done += run;
  }
  return { first, last };
}

/** Copies `run` elements that stand `step` apart. An element is one word, or several. */
function copyRun<W extends ReturnType<typeof viewNumbers>>(
  from: W,
  offset: number,
  step: number,
  to: W,
  at: number,
  run: number,
  words: number,
): void {
  if (words === 1) {
    for (let i = 0, source = offset; i < run; i++, source += step) to[at + i] = from[source] ?? 0;
    return;
  }
  for (let i = 0; i < run; i++) {
    for (let k = 0; k < words; k++) to[words * (at + i) + k] = from[words * (offset + i * step) + k] ?? 0;
  }
}

/**
 * Takes a base of `count` elements of `width` bytes out of the parts that are at hand, one after the other.
 *
 * @throws CorruptError when an element lies outside the parts.
 */
export function gatherBase(parts: Uint8Array, gather: Gather, count: number, width: number): Uint8Array {
  check(gather.start + count <= elementsOf(gather.sizes), 'its base lies outside the tensor');
  const out = new Uint8Array(count * width);
  const from = viewNumbers(parts, Math.min(4, width));
  const to = viewNumbers(out, Math.min(4, width));
  const words = Math.max(1, width >> 2);
  const walk = new Walk(gather);
  const elements = parts.length / width;
  for (let done = 0; done < count; walk.nextRun()) {
    const run = Math.min(walk.left, count - done);
    const offset = walk.offset - gather.skipped;
    check(offset >= 0 && offset + (run - 1) * walk.step < elements, 'its base lies outside what is at hand');
    copyRun(from, offset, walk.step, to, done, run, words);
    done += run;
  }
  return out;
}

/** Writes sizes, order, start and what is skipped. */
export function writeGather(writer: PayloadWriter, { sizes, order, start, skipped }: Gather): void {
  writer.byte(sizes.length);
  for (const size of sizes) writer.varint(size);
  for (const axis of order) writer.byte(axis);
  writer.varint(start);
  writer.varint(skipped);
}

/** Reads what {@link writeGather} wrote. */
export function readGather(reader: PayloadReader): Gather {
  const rank = reader.byte();
  check(rank > 0 && rank <= MAX_AXES, 'its base has a senseless number of axes');
  const sizes = Array.from({ length: rank }, () => reader.varint(MAX_ELEMENTS));
  const elements = elementsOf(sizes);
  check(elements > 0 && elements <= MAX_ELEMENTS, 'its base has a senseless size');
  const order = Array.from({ length: rank }, () => reader.byte());
  check(
    [...order].sort((a, b) => a - b).every((axis, i) => axis === i),
    'its axes are not put in an order',
  );
  return { sizes, order, start: reader.varint(elements), skipped: reader.varint(elements) };
}
