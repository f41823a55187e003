import { isHeadedForm } from '../tensors/code-form.ts';
import { encodeAdaptive } from './adaptive.ts';
import {
  type Candidates,
  findBlockRounding,
  hasUsableBase,
  listReferences,
  listScaled,
  sampleCandidates,
} from './candidates.ts';
import { isCastable } from './casts.ts';
import type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { encodeContinued, encodeDense, isContinuable } from './dense.ts';
import { numberWidth } from './differences.ts';
import { type Estimate, estimateBytes, estimateDifferences, estimateFloats } from './estimate.ts';
import { encodeHeaded } from './headed.ts';
import { laneOf } from './lanes.ts';
import { encodeDeflate, estimateDeflate } from './raw.ts';
import { continueUpdate, recoverUpdate } from './recover-update.ts';
import { ancestorsOf, buildReference, type Reference, referenceByteLength } from './reference.ts';
import { sampleBlock } from './sample.ts';
import { encodeSparse } from './sparse.ts';
import { encodeBytes, encodeFloats } from './standalone.ts';
import { encodeUpdated, isUpdatable } from './updated.ts';

/** Numbers of 64 bits: above this share of changed ones, each gets a symbol: a change takes two. Between a quarter and a half either would do; not tuned. */
const MAX_SPARSE_SHARE = 0.4;
/**
 * With more changes in a block than this they are coded by tables, which decode several times as fast as what is learned; with fewer the tables cost more:
 * 5 % in a bf16 tensor of 100,000 weights with 5,000 changes.
 */
const MANY_CHANGES = 8192;
/** Bytes that naming a second ancestor takes in a record; in large payloads they do not count. */
const NAME_BYTES = 34;
const SMALL_PAYLOAD = 4096;
/** A block that would save less than the rest stays raw: a judgement that so little is not worth decoding. */
const WORTHWHILE_RATIO = 0.98;

/** Numbers are deflated only where that saves clearly more: it is slower than their own codecs. The margin is a judgement. */
const DEFLATE_HANDICAP = 1.03;

/** Below this no update is searched for: factors of 300 x 300 numbers at rank 4 alone take .03 of an f32 block. A judgement, not derived. */
const MIN_RATIO_FOR_SEARCH = 0.08;

interface Option {
  readonly estimate: Estimate;
  encode(): EncodedBlock;
}

function differenceOption(sample: Candidates, plain: Uint8Array, context: BlockContext, reference: Reference): Option {
  const sampleBase = buildReference(reference, sample.context, sample.plain.length);
  const estimate = estimateDifferences(sample.plain, sampleBase, context.type);
  return { estimate, encode: () => encodeDifferences(plain, context, reference, estimate.changed) };
}

function encodeDifferences(
  plain: Uint8Array,
  context: BlockContext,
  reference: Reference,
  changed: number,
): EncodedBlock {
  const { type } = context;
  const plan = { reference, base: buildReference(reference, context, plain.length) };
  const ancestors = ancestorsOf(reference);
  const width = numberWidth(type);
  const before = historyOf(plain, context, reference);
  if (changed > MAX_SPARSE_SHARE || (width < 8 && (changed * plain.length) / width >= MANY_CHANGES)) {
    const dense = () => ({ codec: CODEC.dense, payload: encodeDense(plain, type, plan), ancestors });
    if (before === undefined) return dense();
    const continued = { codec: CODEC.continued, payload: encodeContinued(plain, type, plan, before), ancestors: 2 };
    return ancestors === 2 ? continued : worthItsName(continued, dense);
  }
  if (width === 8 || Buffer.compare(plain, plan.base) === 0)
    return { codec: CODEC.sparse, payload: encodeSparse(plain, type, plan), ancestors };
  const adaptive = (last?: Uint8Array) => ({
    codec: CODEC.adaptive,
    payload: encodeAdaptive(plain, type, plan, last),
    ancestors: last === undefined ? ancestors : 2,
  });
  if (before === undefined || ancestors === 2) return adaptive(before?.before);
  return worthItsName(adaptive(before.before), adaptive);
}

/** A small block with two ancestors, or with one, where what the second saves is less than naming it takes. */
function worthItsName(block: EncodedBlock, encodeWithout: () => EncodedBlock): EncodedBlock {
  if (block.payload.length > SMALL_PAYLOAD) return block;
  const without = encodeWithout();
  return without.payload.length <= block.payload.length + NAME_BYTES ? without : block;
}

/** The ancestors of a block whose base moved before, where that says something of how it moved on. */
function historyOf(plain: Uint8Array, { type, base, baseType = type, baseOfBase }: BlockContext, { kind }: Reference) {
  if (!isContinuable(type) || type !== baseType || (kind !== 'base' && kind !== 'predicted')) return undefined;
  if (base?.length !== plain.length || baseOfBase?.length !== plain.length) return undefined;
  return { base, before: baseOfBase };
}

/** The difference as an update of low rank; not estimated on strips but tried, as the search tells whether it is there. */
function lowRankOption(plain: Uint8Array, context: BlockContext): Option | undefined {
  const { type, base, baseType = type, rowLength, rowOffset = 0, rowFactor, sharesFactor = false } = context;
  if (base === undefined || rowLength === undefined || type !== baseType || !isUpdatable(type)) return undefined;
  if (base.length !== plain.length || !Number.isInteger(rowLength) || rowOffset < 0 || rowOffset >= rowLength)
    return undefined;
  const view = { rowLength, rowOffset };
  const shared = rowFactor === undefined ? undefined : continueUpdate(plain, base, type, view, rowFactor);
  const product = shared ?? recoverUpdate(plain, base, type, view);
  if (product === undefined) return undefined;
  const isShared = shared !== undefined || (rowFactor === undefined && sharesFactor);
  const coded = encodeUpdated(plain, context, product, isShared, encodeInner);
  return { estimate: { ratio: coded.payload.length / plain.length, changed: 1 }, encode: () => coded };
}

const encodeInner = (plain: Uint8Array, context: BlockContext): EncodedBlock =>
  chooseCoding(plain, context) ?? { codec: CODEC.raw, payload: plain, ancestors: 0 };

/** How a block of that type is coded without a base. */
function standaloneOption(sample: Candidates, plain: Uint8Array, context: BlockContext): Option {
  const { type } = context;
  if (numberWidth(type) === 1) {
    const estimate = estimateBytes(sample.plain);
    return { estimate, encode: () => ({ codec: CODEC.bytes, payload: encodeBytes(plain), ancestors: 0 }) };
  }
  if (laneOf(type).exponentBits === 0) return differenceOption(sample, plain, context, { kind: 'none' });
  const estimate = estimateFloats(sample.plain, type);
  return { estimate, encode: () => ({ codec: CODEC.floats, payload: encodeFloats(plain, type), ancestors: 0 }) };
}

function deflateOption(sample: Candidates, plain: Uint8Array, context: BlockContext): Option {
  return {
    estimate: { ratio: estimateDeflate(sample.plain) * (context.type === 'bytes' ? 1 : DEFLATE_HANDICAP), changed: 1 },
    encode: () => ({ codec: CODEC.deflate, payload: encodeDeflate(plain), ancestors: 0 }),
  };
}

/** True when the bytes are a whole number of numbers; others are coded as bytes. */
function isWhole(plain: Uint8Array, type: BlockType): boolean {
  return plain.length % numberWidth(type) === 0;
}

/** About how many bytes a block takes without a base, from a sample; `undefined` for bytes that are no whole number of numbers. */
export function estimateAlone(plain: Uint8Array, type: BlockType): number | undefined {
  if (plain.length === 0 || !isWhole(plain, type)) return undefined;
  const context: BlockContext = { type };
  const sample = sampleCandidates(plain, context);
  const options = [standaloneOption(sample, plain, context), deflateOption(sample, plain, context)];
  return Math.min(1, ...options.map((option) => option.estimate.ratio)) * plain.length;
}

/** True for codes of 8 bits whose base are floats. */
function isCodeOf({ type, baseType = type }: BlockContext): boolean {
  return (type === 'i8' || type === 'u8') && isCastable(baseType);
}

/** Differences from the rounding of a base to codes; estimated on the whole block, as most often nothing differs. */
function roundedOptions(plain: Uint8Array, context: BlockContext): Option[] {
  const { base, type, baseType = type, form } = context;
  if (form !== undefined && isHeadedForm(form)) {
    if (base === undefined) return [];
    const coded = encodeHeaded(plain, base, baseType, form, encodeInner);
    return [{ estimate: { ratio: coded.payload.length / plain.length, changed: 1 }, encode: () => coded }];
  }
  const blocks = findBlockRounding(plain, context);
  const references = blocks === undefined ? listScaled(plain, context) : [blocks];
  return references.map((reference) => {
    const base = buildReference(reference, context, plain.length);
    const estimate = estimateDifferences(
      sampleBlock(plain, context.type),
      sampleBlock(base, context.type),
      context.type,
    );
    const ratio = estimate.ratio + referenceByteLength(reference) / plain.length;
    return {
      estimate: { ...estimate, ratio },
      encode: () => encodeDifferences(plain, context, reference, estimate.changed),
    };
  });
}

/** Ways to code a block, but for those that take a search. */
function listOptions(plain: Uint8Array, context: BlockContext): Option[] {
  const sample = sampleCandidates(plain, context);
  const isUsable = hasUsableBase(plain, context);
  const isRounded = isUsable && (context.form !== undefined || isCodeOf(context));
  const references = isUsable && !isRounded ? listReferences(sample) : [];
  return [
    ...(isRounded ? roundedOptions(plain, context) : []),
    ...references.map((reference) => differenceOption(sample, plain, context, reference)),
    standaloneOption(sample, plain, context),
    deflateOption(sample, plain, context),
  ];
}

/** About which share of its bytes a block takes with the context's base, or without where that is less. */
export function estimateBased(plain: Uint8Array, context: BlockContext): number {
  if (plain.length === 0 || !isWhole(plain, context.type)) return 1;
  return Math.min(1, ...listOptions(plain, context).map(({ estimate }) => estimate.ratio));
}

/** Codes a block in the way that a sample says is smallest; `undefined` when none is worth its time. */
export function chooseCoding(plain: Uint8Array, context: BlockContext): EncodedBlock | undefined {
  if (plain.length === 0) return undefined;
  if (!isWhole(plain, context.type)) return deflateOption({ plain, context }, plain, context).encode();
  const options = listOptions(plain, context);
  const lowRank =
    MIN_RATIO_FOR_SEARCH < Math.min(...options.map((option) => option.estimate.ratio))
      ? lowRankOption(plain, context)
      : undefined;
  if (lowRank !== undefined) options.push(lowRank);
  const best = options.reduce((a, b) => (b.estimate.ratio < a.estimate.ratio ? b : a));
  return best.estimate.ratio < WORTHWHILE_RATIO ? best.encode() : undefined;
}
