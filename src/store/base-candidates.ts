import type { BlockContext, BlockType } from '../codec/codec.ts';
import { gatherBase } from '../codec/gather.ts';
import type { BlobId } from '../objects/ids.ts';
import { codeUnit } from '../tensors/code-form.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import type { FindRow } from './base.ts';
import type { BaseHint, BlobHint } from './blob-store.ts';
import { type Based, type BaseOthers, encodeBased, makeBased } from './chosen-code.ts';
import { findBaseOfBase, findBases, type MeasuredBase, readBase, readParts } from './find-bases.ts';
import type { PackHost } from './pack-host.ts';
import { MAX_BASES } from './pack-record.ts';
import { bytesLeftOn, MAX_CHAIN_DEPTH, MAX_RESTORE_WORK, measureWork, widening } from './restore-work.ts';

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
  /** How many blobs may follow its base one after the other; 0 where the chain is at its bounds, so that it is only asked. */
  readonly room: number;
  /** Bytes that may be read for the blobs that follow its base, beside what is read for the base. */
  readonly bytesLeft: number;
  /** @returns `undefined` where it does not help, or restoring would be too much work. */
  encode(): Promise<Based | undefined>;
}

/** What candidates are opened for. */
export interface Wanted {
  readonly plain: Uint8Array;
  readonly hint: BlobHint;
  readonly find: FindRow;
  /** Bytes that restoring may read. */
  readonly restoreLimit: number;
}

async function openSingle(store: PackHost, wanted: Wanted, id: BlobId | undefined): Promise<readonly Candidate[]> {
  const { plain, hint, find, restoreLimit } = wanted;
  const blob = { type: hint.type, byteLength: plain.byteLength, restoreLimit };
  const found = await findBases(store, id, blob, find);
  const { rowFactor: named } = hint;
  const rowFactor = named === undefined || named === 'new' ? undefined : await readBase(store, named, find);
  const opened: Candidate[] = [];
  for (const measured of found) {
    const { base } = measured;
    if (elementsOf(hint, plain.byteLength) !== elementsOf(base.blob, base.row.byteLength)) continue;
    opened.push(openBase(store, wanted, measured, { before: await findBaseOfBase(store, base, find), rowFactor }));
  }
  return opened;
}

function openBase(
  store: PackHost,
  { plain, hint, restoreLimit }: Wanted,
  { base, room }: MeasuredBase,
  others: BaseOthers,
): Candidate {
  const { before, rowFactor } = others;
  const context = contextOf(hint, {
    ...base.blob,
    ...(before === undefined ? {} : { before: before.blob.plain }),
    ...(rowFactor === undefined ? {} : { rowFactor: rowFactor.blob.plain }),
  });
  return {
    context,
    room: room.count,
    bytesLeft: bytesLeftOn(base.row, { byteLength: plain.byteLength, restoreLimit }),
    async encode() {
      const based = await encodeBased(store, plain, context, base, others);
      const { work } = store.coder;
      const { row } = based.code;
      const isFree = work === undefined || row.ancestors === 0 || work.isUpdate(row);
      return isFree || work.decode({ ...row, byteLength: plain.byteLength }) <= room.work ? based : undefined;
    },
  };
}

/**
 * A base that is gathered from parts of a stored tensor. All chunks of the new tensor take from the same parts, so each answers for its
 * share of what reading them costs.
 */
async function openGathered(
  store: PackHost,
  { plain, hint, find, restoreLimit }: Wanted,
  { blobs, gather }: BaseHint,
): Promise<Candidate | undefined> {
  const { encodeGathered, work } = store.coder;
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
  // It stands one step above what its parts may take.
  const below = await measureWork(
    store,
    parts.map(({ row, blob }) => ({ row, bases: blob.bases })),
    find,
  );
  if (work !== undefined && below > MAX_RESTORE_WORK * work.alone(type, all.byteLength)) return undefined;
  const base = gatherBase(all, gather, count, type === 'bytes' ? 1 : elementByteLength(type));
  const context = contextOf(hint, { plain: base, type });
  const ancestors = { ids: parts.map(({ row }) => row.id), depth, restoreByteLength: restore };
  return {
    context,
    room: 1,
    bytesLeft: restoreLimit - shared,
    async encode() {
      const encoded = await encodeGathered(plain, context, gather);
      if (encoded === undefined) return undefined;
      const code = makeBased(plain, hint.type, type, encoded, ancestors);
      return { code, restoreByteLength: encoded.payload.length + shared };
    },
  };
}

/** Bases that a blob may be coded against, opened; of chains at their bounds also the ends. */
export async function openCandidates(store: PackHost, wanted: Wanted): Promise<readonly Candidate[]> {
  const { hint } = wanted;
  const hints: readonly BaseHint[] = [
    ...(hint.base === undefined ? [] : [{ blobs: [hint.base] }]),
    ...(hint.others ?? []),
  ];
  const opened: Candidate[] = [];
  for (const one of hints) {
    if (one.gather === undefined) opened.push(...(await openSingle(store, wanted, one.blobs[0])));
    else opened.push(...[(await openGathered(store, wanted, one)) ?? []].flat());
  }
  return opened;
}
