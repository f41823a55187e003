import type { BlockContext, BlockType } from '../codec/codec.ts';
import { gatherBase } from '../codec/gather.ts';
import type { BlobId } from '../objects/ids.ts';
import { codeUnit } from '../tensors/code-form.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import type { BaseHint, BlobHint } from './blob-store.ts';
import { type Based, encodeBased, makeBased } from './chosen-code.ts';
import {
  type FindRow,
  findBase,
  findBaseOfBase,
  MAX_CHAIN_DEPTH,
  readBase,
  readParts,
  widening,
} from './find-bases.ts';
import type { PackHost } from './pack-host.ts';
import { MAX_BASES } from './pack-record.ts';

/** Elements that so many bytes hold, of a type or as codes. */
function elementsOf({ type, form }: Pick<BlobHint, 'type' | 'form'>, byteLength: number): number {
  if (form === undefined) return byteLength / (type === 'bytes' ? 1 : elementByteLength(type));
  const unit = codeUnit(form);
  return (byteLength / unit.byteLength) * unit.elements;
}

/** What the codec is told of a block and its base. */
function contextOf({ type, form, row: matrix, rowFactor }: BlobHint, base: BasePlain): BlockContext {
  return {
    type,
    base: base.plain,
    baseType: base.type,
    ...(base.before === undefined ? {} : { baseOfBase: base.before }),
    ...(base.rowFactor === undefined ? {} : { rowFactor: base.rowFactor }),
    ...(rowFactor === 'new' ? { sharesFactor: true } : {}),
    ...(form === undefined ? {} : { form }),
    ...(matrix === undefined ? {} : { rowLength: matrix.length, rowOffset: matrix.offset }),
    ...(matrix?.last === undefined ? {} : { lastAxis: matrix.last }),
  };
}

/** A base as the codec sees it. */
interface BasePlain {
  readonly plain: Uint8Array;
  readonly type: BlockType;
  readonly before?: Uint8Array;
  readonly rowFactor?: Uint8Array;
}

/** A way to code a blob against others, before it is tried. */
export interface Candidate {
  readonly context: BlockContext;
  encode(): Promise<Based | undefined>;
}

async function openSingle(
  store: PackHost,
  plain: Uint8Array,
  hint: BlobHint,
  id: BlobId | undefined,
  find: FindRow,
  restoreLimit: number,
): Promise<Candidate | undefined> {
  const base = await findBase(store, id, plain.byteLength, find, restoreLimit);
  if (base === undefined) return undefined;
  if (elementsOf(hint, plain.byteLength) !== elementsOf(base.blob, base.row.byteLength)) return undefined;
  const before = await findBaseOfBase(store, base, find);
  const { rowFactor: named } = hint;
  const rowFactor = named === undefined || named === 'new' ? undefined : await readBase(store, named, find);
  const context = contextOf(hint, {
    ...base.blob,
    ...(before === undefined ? {} : { before: before.blob.plain }),
    ...(rowFactor === undefined ? {} : { rowFactor: rowFactor.blob.plain }),
  });
  return { context, encode: () => encodeBased(store, plain, context, base, { before, rowFactor }) };
}

/**
 * A base that is gathered from parts of a stored tensor. All chunks of the new tensor take from the same parts, so each answers for its
 * share of what reading them costs.
 */
async function openGathered(
  store: PackHost,
  plain: Uint8Array,
  hint: BlobHint,
  { blobs, gather }: BaseHint,
  find: FindRow,
  restoreLimit: number,
): Promise<Candidate | undefined> {
  const { encodeGathered } = store.coder;
  const parts = blobs.length > MAX_BASES ? undefined : await readParts(store, blobs, find);
  const [first] = parts ?? [];
  if (parts === undefined || first === undefined || gather === undefined || encodeGathered === undefined)
    return undefined;
  const type = first.blob.type;
  const all = new Uint8Array(Buffer.concat(parts.map(({ blob }) => blob.plain)));
  const count = elementsOf(hint, plain.byteLength);
  const restore = parts.reduce((sum, { row }) => sum + row.restoreByteLength, 0);
  const depth = parts.reduce((most, { row }) => Math.max(most, row.depth), 0);
  const share = Math.min(1, count / elementsOf({ type }, all.byteLength));
  const shared = (restore * share) / widening(all.byteLength * share, plain.byteLength);
  if (depth >= MAX_CHAIN_DEPTH || shared > restoreLimit) return undefined;
  const base = gatherBase(all, gather, count, type === 'bytes' ? 1 : elementByteLength(type));
  const context = contextOf(hint, { plain: base, type });
  const below = { ids: parts.map(({ row }) => row.id), depth, restoreByteLength: restore };
  return {
    context,
    async encode() {
      const encoded = await encodeGathered(plain, context, gather);
      if (encoded === undefined) return undefined;
      return { code: makeBased(plain, hint.type, type, encoded, below), work: encoded.payload.length + shared };
    },
  };
}

/** Bases that a blob may be coded against, opened: each within the bounds of its chain. */
export async function openCandidates(
  store: PackHost,
  plain: Uint8Array,
  hint: BlobHint,
  find: FindRow,
  restoreLimit: number,
): Promise<readonly Candidate[]> {
  const hints = [...(hint.base === undefined ? [] : [{ blobs: [hint.base] }]), ...(hint.others ?? [])];
  const opened: Candidate[] = [];
  for (const one of hints) {
    const candidate =
      one.gather === undefined
        ? await openSingle(store, plain, hint, one.blobs[0], find, restoreLimit)
        : await openGathered(store, plain, hint, one, find, restoreLimit);
    if (candidate !== undefined) opened.push(candidate);
  }
  return opened;
}
