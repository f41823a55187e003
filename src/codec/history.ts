import type { BlockType } from './codec.ts';
import { classesOfBlock, numberWidth } from './differences.ts';
import { laneOf, widenNumbers } from './lanes.ts';
import { toOrdered } from './ordered.ts';
import { sampleBlock } from './sample.ts';

/** Exponents and sizes of steps that are told apart (docs/format-codecs.md, section "Continued"). */
const MOST_EXPONENT = 31;
const MOST_SIZE = 7;
/** A step's length of at most 32 bits, and a class. */
export const MAX_ORIGIN = 32 + 255;

/** Which exponents and sizes of last steps have contexts of their own. */
export interface ContextWindow {
  /** The class that counts as exponent 0. */
  readonly first: number;
  /** The length of a step plus its number's class that counts as size 0. */
  readonly origin: number;
}

/** What a block's base went through last. */
export interface History extends ContextWindow {
  readonly base: Uint8Array;
  readonly before: Uint8Array;
}

/** A context for each number, and whether its last step went down. */
export interface NumberContexts {
  readonly contexts: Uint8Array;
  readonly signs: Uint8Array;
}

function lastSteps(base: Uint8Array, before: Uint8Array, type: BlockType): Int32Array {
  const [here, last] = [base, before].map((bytes) => {
    const numbers = widenNumbers(bytes, numberWidth(type));
    toOrdered(numbers, laneOf(type));
    return numbers;
  });
  const steps = new Int32Array(here?.length ?? 0);
  for (let i = 0; i < steps.length; i++) steps[i] = (here?.[i] ?? 0) - (last?.[i] ?? 0);
  return steps;
}

/** Length of a step in bits. */
function lengthOf(step: number): number {
  const sign = step >>> 31;
  return 32 - Math.clz32((step ^ -sign) + sign);
}

/** Finds contexts for each number; the module's function of that name does the same. */
export function findContexts(reference: Uint8Array, type: BlockType, history: History): NumberContexts {
  const { base, before, first, origin } = history;
  const classes = classesOfBlock(reference, type);
  const steps = lastSteps(base, before, type);
  const signs = new Uint8Array(classes.length);
  const contexts = classes.map((c, i) => {
    const step = steps[i] ?? 0;
    const length = lengthOf(step);
    signs[i] = step >>> 31;
    const exponent = Math.min(MOST_EXPONENT, Math.max(0, c - first));
    const size = length === 0 ? 0 : Math.min(MOST_SIZE, Math.max(1, length + c - origin));
    return exponent * (MOST_SIZE + 1) + size;
  });
  return { contexts, signs };
}

/** Turns the sign of each difference that is none of zero where the last step went down, in place: it then says whether the number went on. */
export function turnSigns(symbols: Uint8Array, signs: Uint8Array): void {
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    if (symbol > 3) symbols[i] = symbol ^ (signs[i] ?? 0);
  }
}

/** The window that tells apart most numbers of a sample. */
export function findWindow(
  reference: Uint8Array,
  base: Uint8Array,
  before: Uint8Array,
  type: BlockType,
): ContextWindow {
  const [r, b, p] = [reference, base, before].map((bytes) => sampleBlock(bytes, type));
  const classes = classesOfBlock(r ?? reference, type);
  const steps = lastSteps(b ?? base, p ?? before, type);
  const sizes = new Uint32Array(MAX_ORIGIN + MOST_SIZE + 1);
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] ?? 0;
    if (step === 0) continue;
    const size = lengthOf(step) + (classes[i] ?? 0);
    sizes[size] = (sizes[size] ?? 0) + 1;
  }
  let best = { origin: 0, count: -1 };
  for (let origin = 0; origin < MAX_ORIGIN; origin++) {
    const count = sizes.subarray(origin + 1, origin + MOST_SIZE + 1).reduce((sum, n) => sum + n, 0);
    if (count > best.count) best = { origin, count };
  }
  const largest = classes.reduce((most, c) => Math.max(most, c), 0);
  return { first: Math.max(0, largest - MOST_EXPONENT), origin: best.origin };
}
