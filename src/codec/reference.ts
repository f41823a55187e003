import { unreachable } from '../assert.ts';
import { codeUnit, type RoundedForm } from '../tensors/code-form.ts';
import { castBlock, fromFloat32Bits, isCastable, type Rounding, toFloat32Bits } from './casts.ts';
import type { BlockContext } from './codec.ts';
import { numberWidth } from './differences.ts';
import { type MovedBase, predictFast } from './kernels/dense-kernels.ts';
import { alignBytes } from './lanes.ts';
import { addLowRank, type LowRank, readLowRank, writeLowRank } from './low-rank.ts';
import { check, damaged, type PayloadReader, PayloadWriter } from './payload.ts';
import { BLOCK_ROUNDINGS, type BlockRounding, roundingNumber, roundToBlocks } from './round-blocks.ts';
import { readScaledCodes, roundToCodes, type ScaledCodes, writeScaledCodes } from './scaled-codes.ts';

/** Forms by the numbers that stand for them in payloads. */
const BLOCK_FORMS: readonly RoundedForm[] = ['q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1'];

/** What a block is coded against, made from its ancestors. */
export type Reference =
  /** Zeros. */
  | { readonly kind: 'none' }
  /** The base as it stands. */
  | { readonly kind: 'base' }
  /** The base, cast from its own float type. */
  | { readonly kind: 'cast'; readonly rounding: Rounding }
  /** The base, and its last step again: base + momentum * (base - its base). */
  | { readonly kind: 'predicted'; readonly momentum: number }
  /** A float base divided by a step and rounded to 8-bit integers. */
  | { readonly kind: 'quantized'; readonly inverseStep: number }
  /** The base and an update of low rank. */
  | { readonly kind: 'low-rank'; readonly update: LowRank }
  /** A float base rounded to blocks. */
  | { readonly kind: 'blocks'; readonly form: RoundedForm; readonly rounding: BlockRounding }
  /** A float base rounded to 8-bit codes, slice by slice. */
  | { readonly kind: 'scaled'; readonly codes: ScaledCodes };

/** Ancestors that a reference needs. */
export function ancestorsOf(reference: Reference): 0 | 1 | 2 {
  if (reference.kind === 'none') return 0;
  return reference.kind === 'predicted' ? 2 : 1;
}

/** Writes a reference: its kind, then its parameters. */
export function writeReference(writer: PayloadWriter, reference: Reference): void {
  switch (reference.kind) {
    case 'none':
      writer.byte(0);
      break;
    case 'base':
      writer.byte(1);
      break;
    case 'cast':
      writer.byte(reference.rounding === 'nearest' ? 2 : 3);
      break;
    case 'predicted':
      writer.byte(4);
      writer.float32(reference.momentum);
      break;
    case 'quantized':
      writer.byte(5);
      writer.float32(reference.inverseStep);
      break;
    case 'low-rank':
      writer.byte(6);
      writeLowRank(writer, reference.update);
      break;
    case 'blocks':
      writer.byte(7);
      writer.byte(BLOCK_FORMS.indexOf(reference.form));
      writer.byte(roundingNumber(reference.rounding));
      break;
    case 'scaled':
      writer.byte(8);
      writeScaledCodes(writer, reference.codes);
      break;
    default:
      unreachable(reference);
  }
}

/** Bytes that a reference takes. */
export function referenceByteLength(reference: Reference): number {
  const writer = new PayloadWriter();
  writeReference(writer, reference);
  return writer.finish().length;
}

/** Reads what {@link writeReference} wrote, for a block of so many numbers. */
export function readReference(reader: PayloadReader, count: number): Reference {
  switch (reader.byte()) {
    case 0:
      return { kind: 'none' };
    case 1:
      return { kind: 'base' };
    case 2:
      return { kind: 'cast', rounding: 'nearest' };
    case 3:
      return { kind: 'cast', rounding: 'truncate' };
    case 4:
      return { kind: 'predicted', momentum: reader.float32() };
    case 5:
      return { kind: 'quantized', inverseStep: reader.float32() };
    case 6:
      return { kind: 'low-rank', update: readLowRank(reader, count) };
    case 7:
      return readBlocks(reader);
    case 8:
      return { kind: 'scaled', codes: readScaledCodes(reader, count) };
    default:
      throw damaged('its reference is of no known kind');
  }
}

function readBlocks(reader: PayloadReader): Reference {
  const form = BLOCK_FORMS[reader.byte()];
  const rounding = BLOCK_ROUNDINGS[reader.byte()];
  check(form !== undefined && rounding !== undefined, 'its blocks are of no known form');
  return { kind: 'blocks', form, rounding };
}

/** The base's bytes, when it has as many numbers as the block. */
function baseOf(context: BlockContext, byteLength: number): { bytes: Uint8Array; type: BlockContext['type'] } {
  const type = context.baseType ?? context.type;
  const { base } = context;
  check(base !== undefined, 'it needs a base that is not there');
  check(
    base.length * numberWidth(context.type) === byteLength * numberWidth(type),
    'its base has another number of elements',
  );
  return { bytes: base, type };
}

/**
 * Builds the bytes that a block's differences are added to, in the block's type.
 *
 * @throws CorruptError when the ancestors are not what the reference needs.
 */
export function buildReference(reference: Reference, context: BlockContext, byteLength: number): Uint8Array {
  if (reference.kind === 'none') return new Uint8Array(byteLength);
  if (reference.kind === 'blocks') return buildBlocks(reference, context, byteLength);
  const base = baseOf(context, byteLength);
  if (reference.kind === 'quantized') return quantizeBlock(base.bytes, base.type, context.type, reference.inverseStep);
  if (reference.kind === 'scaled') {
    check(isCastable(base.type) && is8BitInteger(context.type), 'it rounds to what are no codes');
    const values = new Float32Array(toFloat32Bits(base.bytes, base.type).buffer);
    return roundToCodes(values, reference.codes, context.type === 'i8');
  }
  if (reference.kind === 'cast') {
    check(isCastable(base.type) && isCastable(context.type), 'it casts what is no float');
    return castBlock(base.bytes, base.type, context.type, reference.rounding);
  }
  check(base.type === context.type, 'its base is of another type');
  if (reference.kind === 'base') return base.bytes;
  check(isCastable(context.type), 'it predicts what is no float');
  if (reference.kind === 'low-rank') {
    check(context.type !== 'f64', 'its update is of a type that has none');
    return addLowRank(base.bytes, context.type, reference.update);
  }
  const before = context.baseOfBase;
  check(before !== undefined && before.length === base.bytes.length, 'it needs the base of its base');
  return predictBlock({ base: base.bytes, before, momentum: reference.momentum }, context.type);
}

function is8BitInteger(type: BlockContext['type']): boolean {
  return type === 'i8' || type === 'u8';
}

function buildBlocks(
  { form, rounding }: Extract<Reference, { kind: 'blocks' }>,
  { type, base, baseType = type }: BlockContext,
  byteLength: number,
): Uint8Array {
  const unit = codeUnit(form);
  check(base !== undefined && isCastable(baseType) && type === 'bytes', 'it rounds what are no floats');
  const isWhole = byteLength % unit.byteLength === 0;
  const elements = (byteLength / unit.byteLength) * unit.elements;
  check(isWhole && base.length === elements * numberWidth(baseType), 'its base has another number of elements');
  return roundToBlocks(new Float32Array(toFloat32Bits(base, baseType).buffer), form, rounding);
}

/** Moves the numbers of a base on by a share of its last step. */
export function predictBlock({ base, before, momentum }: MovedBase, type: BlockContext['type']): Uint8Array {
  if (type === 'f64') return predictFloat64(base, before, momentum);
  const moved = predictFast({ base, before, momentum }, type);
  if (moved !== undefined) return moved;
  const bits = toFloat32Bits(base, type);
  predictFloat32(bits, toFloat32Bits(before, type), momentum);
  return fromFloat32Bits(bits, type, 'nearest');
}

/** Adds a share of the last step to f32 numbers, in place; where that gives no finite number the base stays. */
function predictFloat32(bits: Uint32Array<ArrayBuffer>, beforeBits: Uint32Array<ArrayBuffer>, momentum: number): void {
  const values = new Float32Array(bits.buffer);
  const before = new Float32Array(beforeBits.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const next = Math.fround(value + Math.fround(momentum * Math.fround(value - (before[i] ?? 0))));
    // Infinity minus infinity and NaN minus NaN are NaN, which equals nothing.
    if (next - next === 0) values[i] = next;
  }
}

function predictFloat64(base: Uint8Array, beforeBytes: Uint8Array, momentum: number): Uint8Array {
  const values = new Float64Array(new Uint8Array(base).buffer);
  const aligned = alignBytes(beforeBytes);
  const before = new Float64Array(aligned.buffer, aligned.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const next = value + momentum * (value - (before[i] ?? 0));
    if (next - next === 0) values[i] = next;
  }
  return new Uint8Array(values.buffer);
}

/** Rounds base * inverseStep (both f32, product rounded to f32) to the nearest integer, even at half way, within the type's range. */
function quantizeBlock(
  base: Uint8Array,
  from: BlockContext['type'],
  to: BlockContext['type'],
  inverseStep: number,
): Uint8Array {
  check(isCastable(from) && (to === 'i8' || to === 'u8'), 'it quantises to what is no 8-bit integer');
  const values = new Float32Array(toFloat32Bits(base, from).buffer);
  const out = to === 'i8' ? new Int8Array(values.length) : new Uint8Array(values.length);
  const [lowest, highest] = to === 'i8' ? [-128, 127] : [0, 255];
  for (let i = 0; i < values.length; i++) {
    const scaled = Math.fround((values[i] ?? 0) * inverseStep);
    const bounded = scaled > lowest ? Math.min(scaled, highest) : lowest;
    // Adding and taking away 1.5 * 2^52 rounds to the nearest integer, even at half way.
    out[i] = bounded + 6755399441055744 - 6755399441055744;
  }
  return new Uint8Array(out.buffer);
}
