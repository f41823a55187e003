import type { OpenCheckpoint } from '../formats/format.ts';
import type { BlobId } from '../objects/ids.ts';
import { type BaseHint, type BlobBatch, type BlobHint, contentChanged, type PutResult } from '../store/blob-store.ts';
import type { CheckpointPlan, PlannedBlob } from './plan-checkpoint.ts';

/** A stored base that a chunk may be coded against; chunks of one tensor that name one `from` are coded against one thing. */
export interface FoundHint extends BaseHint {
  readonly from: string;
}

/** Names what a chunk of the new checkpoint may be coded against, the likeliest first. */
export type FindBase = (tensor: string, chunkIndex: number) => readonly FoundHint[];

/** Remembers, tensor by tensor, which base the first chunk was best coded against: the others take the same. */
class BaseChoices {
  readonly #findBase: FindBase;
  readonly #chosen = new Map<string, string>();
  /** Row factors of updates: those made so far, and whether the chunks to come will want one. */
  readonly #rowFactors = new Map<string, BlobId | 'new'>();

  constructor(findBase: FindBase, blobs: readonly PlannedBlob[]) {
    this.#findBase = findBase;
    for (const { chunk } of blobs)
      if (chunk !== undefined && chunk.index > 0) this.#rowFactors.set(chunk.tensor, 'new');
  }

  rowFactor({ chunk }: PlannedBlob): BlobId | 'new' | undefined {
    return chunk === undefined ? undefined : this.#rowFactors.get(chunk.tensor);
  }

  list({ chunk }: PlannedBlob): readonly FoundHint[] {
    if (chunk === undefined) return [];
    const found = this.#findBase(chunk.tensor, chunk.index);
    const chosen = this.#chosen.get(chunk.tensor);
    return chosen === undefined ? found : found.filter(({ from }) => from === chosen);
  }

  remember({ chunk }: PlannedBlob, listed: readonly FoundHint[], { bases = [], rowFactor }: PutResult): void {
    if (chunk === undefined) return;
    const used = listed.find(({ blobs }) => blobs.some((id) => bases.includes(id)));
    if (used !== undefined) this.#chosen.set(chunk.tensor, used.from);
    if (rowFactor !== undefined) this.#rowFactors.set(chunk.tensor, rowFactor);
  }
}

function hintOf(
  { type, form, row }: PlannedBlob,
  others: readonly BaseHint[],
  rowFactor: BlobHint['rowFactor'],
): BlobHint {
  return {
    type,
    ...(others.length === 0 ? {} : { others }),
    ...(form === undefined ? {} : { form }),
    ...(row === undefined ? {} : { row }),
    ...(rowFactor === undefined ? {} : { rowFactor }),
  };
}

/** The bytes where a blob was; that they are still the same is what the batch checks. */
async function readPlanned(checkpoint: OpenCheckpoint, blob: PlannedBlob): Promise<Uint8Array> {
  const source = checkpoint.files[blob.file]?.source;
  if (source === undefined) throw contentChanged();
  return source.read(blob.offset, blob.byteLength);
}

/**
 * Puts a planned checkpoint's blobs, then its manifest, into a batch. They become visible when the batch is committed.
 *
 * @returns what the repository grows by, in bytes.
 */
export async function storeCheckpoint(
  batch: BlobBatch,
  checkpoint: OpenCheckpoint,
  plan: CheckpointPlan,
  options: { readonly has: (id: BlobId) => Promise<boolean>; readonly findBase: FindBase; onBytes?(n: number): void },
): Promise<number> {
  let storedBytes = 0;
  const choices = new BaseChoices(options.findBase, plan.blobs);
  for (const blob of plan.blobs) {
    if (!(await options.has(blob.id))) {
      const listed = choices.list(blob);
      const put = await batch.put(
        blob.id,
        await readPlanned(checkpoint, blob),
        hintOf(blob, listed, choices.rowFactor(blob)),
      );
      choices.remember(blob, listed, put);
      storedBytes += put.isNew ? put.storedBytes : 0;
    }
    options.onBytes?.(blob.byteLength);
  }
  const manifest = await batch.put(plan.id, plan.encodedManifest, { type: 'bytes' });
  return storedBytes + (manifest.isNew ? manifest.storedBytes : 0);
}
