import { codeUnit, isBlockForm, isHeadedForm } from '../tensors/code-form.ts';
import { isCastable, toFloat32Bits } from './casts.ts';
import type { BlockContext } from './codec.ts';
import { numberWidth } from './differences.ts';
import { fitCodes } from './fit-codes.ts';
import { laneOf } from './lanes.ts';
import { fitMomentum } from './momentum.ts';
import type { Reference } from './reference.ts';
import { BLOCK_ROUNDINGS, roundToBlocks } from './round-blocks.ts';
import { sampleBlock } from './sample.ts';
import type { Slices } from './scaled-codes.ts';

/** Blocks that tell one way of rounding from another: 65,536 numbers, of which each way rounds some tens differently. */
const SAMPLED_BLOCKS = 2048;

/** A block and its ancestors, or samples of them. */
export interface Candidates {
  readonly plain: Uint8Array;
  readonly context: BlockContext;
}

/** True when the context's base has as many numbers as the block. */
export function hasUsableBase(plain: Uint8Array, context: BlockContext): boolean {
  const { base, type, baseType = type, form } = context;
  if (base !== undefined && form !== undefined && isBlockForm(form)) {
    const unit = codeUnit(form);
    const blocks = plain.length / unit.byteLength;
    return type === 'bytes' && isCastable(baseType) && base.length === blocks * unit.elements * numberWidth(baseType);
  }
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
  return [];
}

/** Roundings of a float base to codes of 8 bits, by what may share a factor: all numbers, a row, a place along the last axis. */
export function listScaled(plain: Uint8Array, context: BlockContext): Reference[] {
  const { type, base, baseType = type, rowLength = plain.length, rowOffset = 0, lastAxis = rowLength } = context;
  if (base === undefined || !isCastable(baseType) || (type !== 'i8' && type !== 'u8')) return [];
  const values = new Float32Array(toFloat32Bits(base, baseType).buffer);
  const codes = Int16Array.from(type === 'i8' ? new Int8Array(plain) : plain);
  const numbers = plain.length;
  const rows = Math.ceil((rowOffset + numbers) / rowLength);
  const layouts: Slices[] = [{ run: numbers, count: 1, offset: 0 }];
  if (rows > 1) layouts.push({ run: rowLength, count: rows, offset: rowOffset });
  if (lastAxis > 1 && lastAxis < numbers) layouts.push({ run: 1, count: lastAxis, offset: rowOffset % lastAxis });
  return layouts.flatMap((slices): Reference[] => {
    const fitted = fitCodes(codes, values, slices, type === 'i8');
    return fitted === undefined ? [] : [{ kind: 'scaled', codes: fitted }];
  });
}

/** The rounding to blocks that leaves the fewest bytes of a sample of blocks different. */
export function findBlockRounding(plain: Uint8Array, context: BlockContext): Reference | undefined {
  const { base, type, baseType = type, form } = context;
  if (base === undefined || form === undefined || !isBlockForm(form) || isHeadedForm(form)) return undefined;
  const unit = codeUnit(form);
  const blocks = Math.min(SAMPLED_BLOCKS, plain.length / unit.byteLength);
  const sample = plain.subarray(0, blocks * unit.byteLength);
  const values = new Float32Array(
    toFloat32Bits(base.subarray(0, blocks * unit.elements * numberWidth(baseType)), baseType).buffer,
  );
  let best: { readonly reference: Reference; readonly differing: number } | undefined;
  for (const rounding of BLOCK_ROUNDINGS) {
    const differing = countDiffering(sample, roundToBlocks(values, form, rounding));
    if (best === undefined || differing < best.differing)
      best = { reference: { kind: 'blocks', form, rounding }, differing };
    if (differing === 0) break;
  }
  return best?.reference;
}

function countDiffering(a: Uint8Array, b: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count;
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
