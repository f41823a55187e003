import { sha256Hex } from '../bytes/sha256.ts';
import type { BlockContext, BlockType, EncodedBlock } from '../codec/codec.ts';
import { gatherBase } from '../codec/gather.ts';
import { hasRowFactor } from '../codec/index.ts';
import { WsvcError } from '../errors.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import { codeUnit } from '../tensors/code-form.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import type { BaseHint, BlobHint } from './blob-store.ts';
import type { PackRow } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';
import { encodeRecord, MAX_BASES } from './pack-record.ts';
import type { PlainBlob } from './plain-cache.ts';

/**
 * Longest chain of deltas. With it a dense f32 series still gains all but a few percent of what longer chains would, and
 * the sparse 16-bit series, which decode at the speed of memory, stay cheap to restore (storage.md, T8).
 */
export const MAX_CHAIN_DEPTH = 8;

/** How many times its own standalone code a blob may have to read and decode before it is restored. */
export const MAX_RESTORE_FACTOR = 4;

/** A blob's record as it will be stored, and what the index says of it. */
export interface ChosenCode {
  readonly bytes: Uint8Array;
  readonly bases: readonly BlobId[];
  readonly row: Pick<PackRow, 'recordByteLength' | 'restoreByteLength' | 'codec' | 'type' | 'depth' | 'ancestors'>;
  /** A row factor that must be stored before it. */
  readonly rowFactor?: NewFactor;
}

/** A row factor that becomes a blob of its own. */
export interface NewFactor {
  readonly id: BlobId;
  readonly plain: Uint8Array;
  readonly code: ChosenCode;
}

/** A stored blob that may be a base. */
export interface FoundBase {
  readonly row: Pick<PackRow, 'id' | 'depth' | 'byteLength' | 'restoreByteLength'>;
  /** What it is stored against; what its record says by default. */
  readonly bases?: readonly BlobId[];
}

export type FindRow = (id: BlobId) => Promise<FoundBase | undefined>;

/** An ancestor that a blob may be coded against, with what lies below it. */
interface Base {
  readonly row: FoundBase['row'];
  readonly blob: PlainBlob;
}

/** Elements that so many bytes hold, of a type or as codes. */
function elementsOf({ type, form }: Pick<BlobHint, 'type' | 'form'>, byteLength: number): number {
  if (form === undefined) return byteLength / (type === 'bytes' ? 1 : elementByteLength(type));
  const unit = codeUnit(form);
  return (byteLength / unit.byteLength) * unit.elements;
}

/** A block's code as a record without a base. */
function makeAlone(plain: Uint8Array, type: BlockType, { codec, payload }: EncodedBlock): ChosenCode {
  const bytes = encodeRecord({ codec, type, byteLength: plain.byteLength, bases: [], payload });
  const recordByteLength = bytes.byteLength;
  const row = { recordByteLength, restoreByteLength: recordByteLength, codec, type, depth: 0, ancestors: 0 };
  return { bytes, bases: [], row };
}

/** Codes a block as a record without a base. */
export const encodeAlone = async (store: PackHost, plain: Uint8Array, type: BlockType): Promise<ChosenCode> =>
  makeAlone(plain, type, await store.coder.encodeBlock(plain, { type }));

/** A base that cannot be read is no base: the blob is then stored by itself, and fsck tells of the other. */
async function readBase(store: PackHost, id: BlobId, find: FindRow): Promise<Base | undefined> {
  const found = await find(id);
  if (found === undefined) return undefined;
  try {
    const blob = await store.readPlain(id);
    return { row: found.row, blob: found.bases === undefined ? blob : { ...blob, bases: found.bases } };
  } catch (error) {
    if (error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'not-found')) return undefined;
    throw error;
  }
}

/**
 * How many times the blob's bytes its base has. Codes and casts are smaller than what they were made from: their bound is what the
 * base's own type would have.
 */
const widening = (baseByteLength: number, byteLength: number): number => Math.max(1, baseByteLength / byteLength);

/** A base, or the nearest of its ancestors on which the chain stays within its bounds. */
async function findBase(
  store: PackHost,
  first: BlobId | undefined,
  byteLength: number,
  find: FindRow,
  restoreLimit: number,
): Promise<Base | undefined> {
  let id = first;
  while (id !== undefined) {
    const base = await readBase(store, id, find);
    if (base === undefined) return undefined;
    const limit = restoreLimit * widening(base.row.byteLength, byteLength);
    if (base.row.depth < MAX_CHAIN_DEPTH && base.row.restoreByteLength < limit) return base;
    id = base.blob.bases[0];
  }
  return undefined;
}

/** The base's own base, when prediction may use it: of the same type and length as the base. */
async function findBaseOfBase(store: PackHost, base: Base, find: FindRow): Promise<Base | undefined> {
  const [id] = base.blob.bases;
  const found = id === undefined ? undefined : await readBase(store, id, find);
  const isAlike = found?.blob.type === base.blob.type && found.blob.plain.byteLength === base.blob.plain.byteLength;
  return isAlike ? found : undefined;
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

/** A code, and the bytes that count as the work of restoring it. */
export interface Based {
  readonly code: ChosenCode;
  readonly work: number;
}

/** A way to code a blob against others, before it is tried. */
export interface Candidate {
  readonly context: BlockContext;
  encode(): Promise<Based | undefined>;
}

interface Below {
  readonly ids: readonly BlobId[];
  readonly depth: number;
  readonly restoreByteLength: number;
}

function makeBased(plain: Uint8Array, type: BlockType, baseType: BlockType, encoded: EncodedBlock, below: Below) {
  const { codec, payload } = encoded;
  const { ids, depth } = below;
  const bytes = encodeRecord({ codec, type, byteLength: plain.byteLength, bases: ids, baseType, payload });
  const recordByteLength = bytes.byteLength;
  const restoreByteLength = recordByteLength + below.restoreByteLength;
  const row = { recordByteLength, restoreByteLength, codec, type, depth: depth + 1, ancestors: ids.length };
  return { bytes, bases: ids, row };
}

/** The ancestors of a block besides its base. */
interface Others {
  /** The base's own base: it is below the base already, so it costs nothing more. */
  readonly before?: Base | undefined;
  readonly rowFactor?: Base | undefined;
}

/** Coded against one blob, and perhaps what that is coded against; the codec may find that it is better off without. */
async function encodeBased(
  store: PackHost,
  plain: Uint8Array,
  context: BlockContext,
  base: Base,
  others: Others,
): Promise<Based> {
  const encoded = await store.coder.encodeBlock(plain, context);
  if (encoded.ancestors === 0) return { code: makeAlone(plain, context.type, encoded), work: 0 };
  const made = encoded.rowFactor === undefined ? undefined : await makeFactor(store, encoded.rowFactor);
  const factor = hasRowFactor(encoded) ? (others.rowFactor?.row ?? made?.row) : undefined;
  const second = encoded.ancestors === 2 ? (factor ?? others.before?.row) : undefined;
  const restoreByteLength = base.row.restoreByteLength + (factor?.restoreByteLength ?? 0);
  const ids = [base.row.id, ...(second === undefined ? [] : [second.id])];
  const code = makeBased(plain, context.type, base.blob.type, encoded, {
    ids,
    depth: base.row.depth,
    restoreByteLength,
  });
  const work = code.row.restoreByteLength / widening(base.row.byteLength, plain.byteLength);
  return { code: made === undefined ? code : { ...code, rowFactor: made.factor }, work };
}

async function makeFactor(store: PackHost, plain: Uint8Array) {
  const id = parseBlobId(sha256Hex(plain));
  const code = await encodeAlone(store, plain, 'i32');
  return { factor: { id, plain, code }, row: { id, restoreByteLength: code.row.restoreByteLength } };
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

async function readParts(store: PackHost, ids: readonly BlobId[], find: FindRow): Promise<readonly Base[] | undefined> {
  const parts: Base[] = [];
  for (const id of ids) {
    const part = await readBase(store, id, find);
    if (part === undefined || part.blob.type !== (parts[0]?.blob.type ?? part.blob.type)) return undefined;
    parts.push(part);
  }
  return parts;
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
