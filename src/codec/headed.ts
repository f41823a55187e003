import { codeUnit, type HeadedForm } from '../tensors/code-form.ts';
import { decodeChanges, encodeChanges } from './adaptive.ts';
import { isCastable, toFloat32Bits } from './casts.ts';
import type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { numberWidth } from './differences.ts';
import { type Heads, headByteLengths, roundWithHeads, splitHeads } from './headed-blocks.ts';
import { type DecodeInner, type EncodeInner, readNested, writeNested } from './nested.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';

/** Forms by the numbers that stand for them in payloads. */
const FORMS: readonly HeadedForm[] = ['q4_k', 'q5_k', 'q6_k'];

const valuesOf = (base: Uint8Array, type: BlockType): Float32Array =>
  new Float32Array(toFloat32Bits(base, type).buffer);

/** What is known of each byte before it is coded: what the scales and the base make it. */
const knownBytes = (reference: Uint8Array) => ({ reference, steps: new Uint8Array(reference.length) });

/** Codes blocks whose codes follow from a float base and their scales: the scales, and the bytes that are others all the same. */
export function encodeHeaded(
  plain: Uint8Array,
  base: Uint8Array,
  baseType: BlockType,
  form: HeadedForm,
  encode: EncodeInner,
): EncodedBlock {
  const heads = splitHeads(plain, form);
  const writer = new PayloadWriter();
  writer.byte(FORMS.indexOf(form));
  writeNested(writer, heads.halves, { type: 'f16' }, encode);
  writeNested(writer, heads.scales, { type: 'bytes' }, encode);
  const expected = roundWithHeads(valuesOf(base, baseType), form, heads);
  writer.bytes(encodeChanges(plain, 'bytes', knownBytes(expected)));
  return { codec: CODEC.headed, payload: writer.finish(), ancestors: 1 };
}

/** Decodes what {@link encodeHeaded} made. */
export function decodeHeaded(
  payload: Uint8Array,
  byteLength: number,
  { type, base, baseType = type }: BlockContext,
  decode: DecodeInner,
): Uint8Array {
  const reader = new PayloadReader(payload);
  const form = FORMS[reader.byte()];
  check(form !== undefined && type === 'bytes', 'its blocks are of no known form');
  const unit = codeUnit(form);
  const blocks = byteLength / unit.byteLength;
  check(Number.isInteger(blocks) && base !== undefined && isCastable(baseType), 'it rounds what are no floats');
  check(base.length === blocks * unit.elements * numberWidth(baseType), 'its base has another number of elements');
  const lengths = headByteLengths(form, blocks);
  const heads: Heads = {
    halves: readNested(reader, lengths.halves, { type: 'f16' }, decode),
    scales: readNested(reader, lengths.scales, { type: 'bytes' }, decode),
  };
  return decodeChanges(reader.rest(), 'bytes', knownBytes(roundWithHeads(valuesOf(base, baseType), form, heads)));
}
