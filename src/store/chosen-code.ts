import { sha256Hex } from '../bytes/sha256.ts';
import type { BlockContext, BlockType, EncodedBlock } from '../codec/codec.ts';
import { hasRowFactor } from '../codec/index.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import type { Base } from './base.ts';
import type { PackRow } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';
import { encodeRecord } from './pack-record.ts';
import { widening } from './restore-work.ts';

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

/** A code, and the bytes that count as read for it. */
export interface Based {
  readonly code: ChosenCode;
  readonly restoreByteLength: number;
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

/** What lies below a record: its bases, and how far from bytes that stand alone. */
interface Below {
  readonly ids: readonly BlobId[];
  readonly depth: number;
  readonly restoreByteLength: number;
}

/** A block's code as a record against others. */
export function makeBased(
  plain: Uint8Array,
  type: BlockType,
  baseType: BlockType,
  encoded: EncodedBlock,
  below: Below,
) {
  const { codec, payload } = encoded;
  const { ids, depth } = below;
  const bytes = encodeRecord({ codec, type, byteLength: plain.byteLength, bases: ids, baseType, payload });
  const recordByteLength = bytes.byteLength;
  const restoreByteLength = recordByteLength + below.restoreByteLength;
  const row = { recordByteLength, restoreByteLength, codec, type, depth: depth + 1, ancestors: ids.length };
  return { bytes, bases: ids, row };
}

/** The ancestors of a block besides its base. */
export interface BaseOthers {
  /** The base's own base: it is below the base already, so it costs nothing more. */
  readonly before?: Base | undefined;
  readonly rowFactor?: Base | undefined;
}

/** Coded against one blob, and perhaps what that is coded against; the codec may find that it is better off without. */
export async function encodeBased(
  store: PackHost,
  plain: Uint8Array,
  context: BlockContext,
  base: Base,
  others: BaseOthers,
): Promise<Based> {
  const encoded = await store.coder.encodeBlock(plain, context);
  if (encoded.ancestors === 0) return { code: makeAlone(plain, context.type, encoded), restoreByteLength: 0 };
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
  return {
    code: made === undefined ? code : { ...code, rowFactor: made.factor },
    restoreByteLength: code.row.restoreByteLength / widening(base.row.byteLength, plain.byteLength),
  };
}

async function makeFactor(store: PackHost, plain: Uint8Array) {
  const id = parseBlobId(sha256Hex(plain));
  const code = await encodeAlone(store, plain, 'i32');
  return { factor: { id, plain, code }, row: { id, restoreByteLength: code.row.restoreByteLength } };
}
