import { BinaryDecoder, BinaryEncoder, Probabilities } from './binary-coder.ts';
import type { BlockContext, BlockType } from './codec.ts';
import type { DifferencePlan } from './dense.ts';
import { classesOfBlock, numberWidth } from './differences.ts';
import { decodeChangesFast, encodeChangesFast, findStepsFast, type Known } from './kernels/change-kernels.ts';
import { laneOf, narrowNumbers, widenNumbers } from './lanes.ts';
import { fromOrdered, laneMask, toOrdered } from './ordered.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { buildReference, readReference, writeReference } from './reference.ts';

/** Lengths of the last step that are told apart: 0 to 6 bits, and more. */
export const STEPS = 8;
/** Of these the lengths of changes see: none, one bit, more. */
const COARSE_STEPS = 3;
/** A magnitude has at most 32 bits. */
const LENGTHS = 33;
/** Most numbers stay as they are where this codec is used. */
const FIRST_CHANGE = 1 / 32;

/** What is learned about the changes of a block. */
interface Model {
  /** Whether a number changes, by its class and the last step's length. */
  readonly changes: Probabilities;
  /** The change's sign, by the last step's length and sign. */
  readonly signs: Probabilities;
  /** Whether the change's length ends here, by class and coarse step. */
  readonly lengths: Probabilities;
  /** The bit below the highest, by length. */
  readonly seconds: Probabilities;
}

function createModel(): Model {
  return {
    changes: new Probabilities(256 * STEPS, FIRST_CHANGE),
    signs: new Probabilities(2 * STEPS),
    lengths: new Probabilities(256 * COARSE_STEPS * LENGTHS),
    seconds: new Probabilities(LENGTHS),
  };
}

/** Numbers of a block in the order of their values. */
function orderedOf(bytes: Uint8Array, type: BlockType): Uint32Array<ArrayBuffer> {
  const numbers = widenNumbers(bytes, numberWidth(type));
  toOrdered(numbers, laneOf(type));
  return numbers;
}

/** Length of the last step of each number, twice, plus one where it went down; 0 without a step. */
function stepsOf(base: Uint8Array, before: Uint8Array | undefined, type: BlockType): Uint8Array {
  const fast = before === undefined ? undefined : findStepsFast(base, before, type);
  if (fast !== undefined) return fast;
  const steps = new Uint8Array(base.length / numberWidth(type));
  if (before === undefined) return steps;
  const [here, last] = [orderedOf(base, type), orderedOf(before, type)];
  for (let i = 0; i < steps.length; i++) {
    const step = ((here[i] ?? 0) - (last[i] ?? 0)) | 0;
    const sign = step >>> 31;
    const length = 32 - Math.clz32((step ^ -sign) + sign);
    steps[i] = (length < STEPS ? length : STEPS - 1) * 2 + sign;
  }
  return steps;
}

function encodeChange(coder: BinaryEncoder, model: Model, difference: number, lengthsAt: number, step: number): void {
  const sign = difference >>> 31;
  const magnitude = ((difference ^ -sign) + sign) >>> 0;
  const length = 32 - Math.clz32(magnitude);
  coder.code(sign, model.signs, step);
  for (let k = 1; k <= length && k < 32; k++) coder.code(k === length ? 1 : 0, model.lengths, lengthsAt + k);
  if (length > 1) coder.code((magnitude >>> (length - 2)) & 1, model.seconds, length);
  if (length > 2) coder.raw(magnitude, length - 2);
}

function decodeChange(coder: BinaryDecoder, model: Model, lengthsAt: number, step: number): number {
  const sign = coder.decode(model.signs, step);
  let length = 1;
  while (length < 32 && coder.decode(model.lengths, lengthsAt + length) === 0) length++;
  let magnitude = 1;
  if (length > 1) magnitude = 2 | coder.decode(model.seconds, length);
  if (length > 2) magnitude = (magnitude << (length - 2)) | coder.raw(length - 2);
  return (magnitude ^ -sign) + sign;
}

const lengthsPlace = (c: number, step: number): number =>
  (c * COARSE_STEPS + Math.min(step >> 1, COARSE_STEPS - 1)) * LENGTHS;

/** Codes by how much a block's numbers differ from known ones, as learned decisions. */
export function encodeChanges(plain: Uint8Array, type: BlockType, known: Known): Uint8Array {
  return encodeChangesFast(plain, type, known) ?? encodePlainly(plain, type, known);
}

function encodePlainly(plain: Uint8Array, type: BlockType, { reference, steps }: Known): Uint8Array {
  const [values, numbers] = [orderedOf(plain, type), orderedOf(reference, type)];
  const classes = classesOfBlock(reference, type);
  const [coder, model] = [new BinaryEncoder(), createModel()];
  for (let i = 0; i < values.length; i++) {
    const difference = ((values[i] ?? 0) - (numbers[i] ?? 0)) | 0;
    const [c, step] = [classes[i] ?? 0, steps[i] ?? 0];
    coder.code(difference === 0 ? 0 : 1, model.changes, c * STEPS + (step >> 1));
    if (difference !== 0) encodeChange(coder, model, difference, lengthsPlace(c, step), step);
  }
  return coder.finish();
}

/** Decodes what {@link encodeChanges} made. @throws CorruptError */
export function decodeChanges(decisions: Uint8Array, type: BlockType, known: Known): Uint8Array {
  return decodeChangesFast(decisions, type, known) ?? decodePlainly(decisions, type, known);
}

function decodePlainly(decisions: Uint8Array, type: BlockType, { reference, steps }: Known): Uint8Array {
  const mask = laneMask(laneOf(type));
  const numbers = orderedOf(reference, type);
  const classes = classesOfBlock(reference, type);
  const [coder, model] = [new BinaryDecoder(decisions), createModel()];
  for (let i = 0; i < numbers.length; i++) {
    const [c, step] = [classes[i] ?? 0, steps[i] ?? 0];
    if (coder.decode(model.changes, c * STEPS + (step >> 1)) === 0) continue;
    numbers[i] = ((numbers[i] ?? 0) + decodeChange(coder, model, lengthsPlace(c, step), step)) & mask;
  }
  coder.finish();
  fromOrdered(numbers, laneOf(type));
  return narrowNumbers(numbers, numberWidth(type));
}

/**
 * Codes changes of few numbers, one decision a number. Which number changes depends on its exponent, and on whether it moved last
 * time; nothing is stated, all is learned, so that a block of few changes pays for no tables.
 *
 * @param before the base's own base; absent where it is not to be looked at.
 */
export function encodeAdaptive(
  plain: Uint8Array,
  type: BlockType,
  plan: DifferencePlan,
  before?: Uint8Array,
): Uint8Array {
  const known = { reference: plan.base, steps: stepsOf(plan.base, before, type) };
  const writer = new PayloadWriter();
  writeReference(writer, plan.reference);
  writer.byte(before === undefined ? 0 : 1);
  writer.bytes(encodeChanges(plain, type, known));
  return writer.finish();
}

/** Decodes what {@link encodeAdaptive} made. */
export function decodeAdaptive(payload: Uint8Array, byteLength: number, context: BlockContext): Uint8Array {
  const { type } = context;
  const width = numberWidth(type);
  check(byteLength % width === 0 && width < 8, 'the block is no whole number of elements of at most 32 bits');
  const reader = new PayloadReader(payload);
  const reference = buildReference(readReference(reader, byteLength / width), context, byteLength);
  const steps = stepsOf(reference, readBefore(reader, context, byteLength), type);
  return decodeChanges(reader.rest(), type, { reference, steps });
}

function readBefore(reader: PayloadReader, { baseOfBase }: BlockContext, byteLength: number): Uint8Array | undefined {
  const flag = reader.byte();
  check(flag < 2, 'its history is of no known kind');
  if (flag === 0) return undefined;
  check(baseOfBase !== undefined && baseOfBase.length === byteLength, 'it needs the base of its base');
  return baseOfBase;
}
