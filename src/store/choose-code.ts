import type { BlockContext, BlockType, EncodedBlock } from '../codec/codec.ts';
import { WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import type { BlobHint } from './blob-store.ts';
import type { PackRow } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';
import { encodeRecord } from './pack-record.ts';
import type { PlainBlob } from './plain-cache.ts';

/**
 * Longest chain of deltas. With it a dense f32 series still gains all but a few percent of what longer chains would, and
 * the sparse 16-bit series, which decode at the speed of memory, stay cheap to restore (storage.md, T8).
 */
export const MAX_CHAIN_DEPTH = 8;

/** How many times its own standalone code a blob may have to read and decode before it is restored. */
export const MAX_RESTORE_FACTOR = 4;

/** What an estimate from a sample may be too high by; where a delta is not this much smaller, both are coded and compared. */
const ESTIMATE_SAFETY = 0.9;

/** A blob's record as it will be stored, and what the index says of it. */
export interface ChosenCode {
  readonly bytes: Uint8Array;
  readonly bases: readonly BlobId[];
  readonly row: Pick<PackRow, 'recordByteLength' | 'restoreByteLength' | 'codec' | 'type' | 'depth' | 'ancestors'>;
}

/** A stored blob that may be a base. */
export interface FoundBase {
  readonly row: Pick<PackRow, 'id' | 'depth' | 'byteLength' | 'restoreByteLength'>;
  /** What it is stored against; what its record says by default. */
  readonly bases?: readonly BlobId[];
}

type FindRow = (id: BlobId) => Promise<FoundBase | undefined>;

/** An ancestor that a blob may be coded against, with what lies below it. */
interface Base {
  readonly row: FoundBase['row'];
  readonly blob: PlainBlob;
}

const elementsOf = (type: BlockType, byteLength: number): number =>
  byteLength / (type === 'bytes' ? 1 : elementByteLength(type));

/** A block's code as a record without a base. */
function makeAlone(plain: Uint8Array, type: BlockType, { codec, payload }: EncodedBlock): ChosenCode {
  const bytes = encodeRecord({ codec, type, byteLength: plain.byteLength, bases: [], payload });
  const recordByteLength = bytes.byteLength;
  const row = { recordByteLength, restoreByteLength: recordByteLength, codec, type, depth: 0, ancestors: 0 };
  return { bytes, bases: [], row };
}

const encodeAlone = (store: PackHost, plain: Uint8Array, type: BlockType): ChosenCode =>
  makeAlone(plain, type, store.coder.encodeBlock(plain, { type }));

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

/** The hinted base, or the nearest of its ancestors on which the chain stays within its bounds. */
async function findBase(
  store: PackHost,
  hint: BlobHint,
  find: FindRow,
  restoreLimit: number,
): Promise<Base | undefined> {
  let id = hint.base;
  while (id !== undefined) {
    const base = await readBase(store, id, find);
    if (base === undefined) return undefined;
    if (base.row.depth < MAX_CHAIN_DEPTH && base.row.restoreByteLength < restoreLimit) return base;
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

/** Codes a block that may use a base; the codec may find that it is better off without. */
function encodeBased(
  store: PackHost,
  plain: Uint8Array,
  { type, row: matrix }: BlobHint,
  base: Base,
  baseOfBase: Base | undefined,
): ChosenCode {
  const baseType = base.blob.type;
  const context: BlockContext = {
    type,
    base: base.blob.plain,
    baseType,
    ...(baseOfBase === undefined ? {} : { baseOfBase: baseOfBase.blob.plain }),
    ...(matrix === undefined ? {} : { rowLength: matrix.length, rowOffset: matrix.offset }),
  };
  const encoded = store.coder.encodeBlock(plain, context);
  const { codec, payload, ancestors } = encoded;
  if (ancestors === 0) return makeAlone(plain, type, encoded);
  const bases = [base, ...(ancestors === 2 && baseOfBase !== undefined ? [baseOfBase] : [])].map(({ row }) => row.id);
  const bytes = encodeRecord({ codec, type, byteLength: plain.byteLength, bases, baseType, payload });
  const recordByteLength = bytes.byteLength;
  // The base's base is below the base already, so it costs nothing more.
  const restoreByteLength = recordByteLength + base.row.restoreByteLength;
  const row = { recordByteLength, restoreByteLength, codec, type, depth: base.row.depth + 1, ancestors: bases.length };
  return { bytes, bases, row };
}

/** What the blob takes by itself: coded when asked, for the codec's estimate from a sample decides most cases. */
class Alone {
  readonly #encode: () => ChosenCode;
  readonly #estimate: number | undefined;
  #code: ChosenCode | undefined;

  constructor(store: PackHost, plain: Uint8Array, type: BlockType) {
    this.#encode = () => encodeAlone(store, plain, type);
    const estimate = store.coder.estimateAlone?.(plain, type);
    this.#estimate = estimate === undefined ? undefined : estimate * ESTIMATE_SAFETY;
  }

  get code(): ChosenCode {
    this.#code ??= this.#encode();
    return this.#code;
  }

  /** Bytes that the record takes, or fewer. */
  get byteLength(): number {
    return this.#estimate ?? this.code.bytes.byteLength;
  }

  /** True when a delta is clearly better, without coding the blob by itself. */
  isBeatenBy({ bytes, row }: ChosenCode): boolean {
    const { byteLength } = this;
    return bytes.byteLength < byteLength && row.restoreByteLength <= MAX_RESTORE_FACTOR * byteLength;
  }

  /** The same, exactly. */
  isReallyBeatenBy({ bytes, row }: ChosenCode): boolean {
    const { byteLength } = this.code.bytes;
    return bytes.byteLength < byteLength && row.restoreByteLength <= MAX_RESTORE_FACTOR * byteLength;
  }
}

/**
 * Codes a blob in the fewest bytes: by itself, or against the hinted base (or an ancestor of it) where that is smaller
 * and restoring stays within {@link MAX_CHAIN_DEPTH} and {@link MAX_RESTORE_FACTOR}.
 */
export async function chooseCode(
  store: PackHost,
  plain: Uint8Array,
  hint: BlobHint,
  find: FindRow,
): Promise<ChosenCode> {
  if (hint.base === undefined) return encodeAlone(store, plain, hint.type);
  const alone = new Alone(store, plain, hint.type);
  const base = await findBase(store, hint, find, MAX_RESTORE_FACTOR * alone.byteLength);
  if (base === undefined) return alone.code;
  if (elementsOf(hint.type, plain.byteLength) !== elementsOf(base.blob.type, base.row.byteLength)) return alone.code;
  const based = encodeBased(store, plain, hint, base, await findBaseOfBase(store, base, find));
  if (based.row.ancestors === 0 || alone.isBeatenBy(based)) return based;
  return alone.isReallyBeatenBy(based) ? based : alone.code;
}
