import { isCastable } from './casts.ts';
import type { BlockContext } from './codec.ts';
import { numberWidth } from './differences.ts';
import { laneOf } from './lanes.ts';
import { fitMomentum } from './momentum.ts';
import { fitInverseStep } from './quantize.ts';
import type { Reference } from './reference.ts';
import { sampleBlock } from './sample.ts';

/** A block and its ancestors, or samples of them. */
export interface Candidates {
  readonly plain: Uint8Array;
  readonly context: BlockContext;
}

/** True when the context's base has as many numbers as the block. */
export function hasUsableBase(plain: Uint8Array, context: BlockContext): boolean {
  const { base, type, baseType = type } = context;
  return base !== undefined && base.length * numberWidth(type) === plain.length * numberWidth(baseType);
}

/** Samples a block and its ancestors at the same numbers. */
export function sampleCandidates(plain: Uint8Array, context: BlockContext): Candidates {
  const { type, base, baseType = type, baseOfBase } = context;
  return {
    plain: sampleBlock(plain, type),
    context: {
      type,
      baseType,
      ...(base === undefined ? {} : { base: sampleBlock(base, baseType) }),
      ...(baseOfBase === undefined ? {} : { baseOfBase: sampleBlock(baseOfBase, baseType) }),
    },
  };
}

/** References worth an estimate, found on a sample whose base is usable. */
export function listReferences({ plain, context }: Candidates): Reference[] {
  const { type, base, baseType = type, baseOfBase } = context;
  if (base === undefined) return [];
  if (type === baseType) return listSameType(plain, base, baseOfBase, context);
  if (isCastable(type) && isCastable(baseType)) {
    const narrows = laneOf(type).mantissaBits < laneOf(baseType).mantissaBits;
    const nearest: Reference = { kind: 'cast', rounding: 'nearest' };
    return narrows ? [nearest, { kind: 'cast', rounding: 'truncate' }] : [nearest];
  }
  if (!isCastable(baseType) || (type !== 'i8' && type !== 'u8')) return [];
  const inverseStep = fitInverseStep(plain, base, type, baseType);
  return inverseStep === undefined ? [] : [{ kind: 'quantized', inverseStep }];
}

function listSameType(
  plain: Uint8Array,
  base: Uint8Array,
  before: Uint8Array | undefined,
  { type }: BlockContext,
): Reference[] {
  const references: Reference[] = [{ kind: 'base' }];
  if (!isCastable(type) || before === undefined || before.length !== base.length) return references;
  const momentum = fitMomentum(plain, base, before, type);
  if (momentum !== undefined) references.push({ kind: 'predicted', momentum });
  return references;
}
