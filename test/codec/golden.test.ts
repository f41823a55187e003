import { describe, expect, it } from 'vitest';
import { encodeAdaptive } from '../../src/codec/adaptive.ts';
import { encodeContinued, encodeDense } from '../../src/codec/dense.ts';
import { gatherBase } from '../../src/codec/gather.ts';
import { encodeHeaded } from '../../src/codec/headed.ts';
import { decodeBlock, encodeBlock, encodeGathered } from '../../src/codec/index.ts';
import { buildReference } from '../../src/codec/reference.ts';
import { encodeSparse } from '../../src/codec/sparse.ts';
import { encodeBytes, encodeFloats } from '../../src/codec/standalone.ts';
import { encodeUpdated } from '../../src/codec/updated.ts';
import { GOLDEN, type GoldenBlock } from './golden-blocks.ts';

function encode({ codec, plain, context, reference, gather, product }: GoldenBlock): Uint8Array {
  if (product !== undefined)
    return encodeUpdated(plain, context, product, context.rowFactor !== undefined, encodeBlock).payload;
  if (gather !== undefined && context.parts !== undefined) {
    const base = gatherBase(context.parts, gather, plain.length / 4, 4);
    return encodeGathered(plain, { ...context, base }, gather)?.payload ?? new Uint8Array(0);
  }
  if (codec === 10 && context.base !== undefined && context.form === 'q4_k')
    return encodeHeaded(plain, context.base, 'f32', context.form, encodeBlock).payload;
  if (codec === 2) return encodeFloats(plain, context.type);
  if (codec === 3 || reference === undefined) return encodeBytes(plain);
  const plan = { reference, base: buildReference(reference, context, plain.length) };
  const { base, baseOfBase } = context;
  if (codec === 9 && base !== undefined && baseOfBase !== undefined)
    return encodeContinued(plain, context.type, plan, { base, before: baseOfBase });
  if (codec === 7) return encodeAdaptive(plain, context.type, plan, context.baseOfBase);
  return (codec === 4 ? encodeDense : encodeSparse)(plain, context.type, plan);
}

describe.each(GOLDEN)('docs/format-codecs.md: $name', (golden) => {
  it('decodes the payload that the format fixes', () => {
    const payload = Buffer.from(golden.payload, 'hex');
    const decoded = decodeBlock({ codec: golden.codec, payload }, golden.plain.length, golden.context);
    expect(Buffer.from(decoded).toString('hex')).toBe(Buffer.from(golden.plain).toString('hex'));
  });

  it('makes the same payload again', () => {
    expect(Buffer.from(encode(golden)).toString('hex')).toBe(golden.payload);
  });
});
