import type { OpenCheckpoint } from '../formats/format.ts';
import type { BlobId } from '../objects/ids.ts';
import { type BaseHint, type BlobBatch, type BlobHint, contentChanged } from '../store/blob-store.ts';
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

  constructor(findBase: FindBase) {
    this.#findBase = findBase;
  }

  list({ chunk }: PlannedBlob): readonly FoundHint[] {
    if (chunk === undefined) return [];
    const found = this.#findBase(chunk.tensor, chunk.index);
    const chosen = this.#chosen.get(chunk.tensor);
    return chosen === undefined ? found : found.filter(({ from }) => from === chosen);
  }

  remember({ chunk }: PlannedBlob, listed: readonly FoundHint[], bases: readonly BlobId[] = []): void {
    const used = listed.find(({ blobs }) => blobs.some((id) => bases.includes(id)));
    if (chunk !== undefined && used !== undefined) this.#chosen.set(chunk.tensor, used.from);
  }
}

function hintOf({ type, form, row }: PlannedBlob, others: readonly BaseHint[]): BlobHint {
  return {
    type,
    ...(others.length === 0 ? {} : { others }),
    ...(form === undefined ? {} : { form }),
    ...(row === undefined ? {} : { row }),
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
  const choices = new BaseChoices(options.findBase);
  for (const blob of plan.blobs) {
    if (!(await options.has(blob.id))) {
      const listed = choices.list(blob);
      const put = await batch.put(blob.id, await readPlanned(checkpoint, blob), hintOf(blob, listed));
      choices.remember(blob, listed, put.bases);
      storedBytes += put.isNew ? put.storedBytes : 0;
    }
    options.onBytes?.(blob.byteLength);
  }
  const manifest = await batch.put(plan.id, plan.encodedManifest, { type: 'bytes' });
  return storedBytes + (manifest.isNew ? manifest.storedBytes : 0);
}
