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
    if (rowFactor === undefined) this.#rowFactors.delete(chunk.tensor);
    else this.#rowFactors.set(chunk.tensor, rowFactor);
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

/** Blobs that are coded at the same time: what they hold, and their bases, is all the memory that storing takes. */
const AT_ONCE = 2;

/** The next tensor's first chunk comes before the further chunks of one: they wait for what its first is coded against. */
function workOrder(blobs: readonly PlannedBlob[]): readonly PlannedBlob[] {
  const ordered: PlannedBlob[] = [];
  let further: PlannedBlob[] = [];
  for (const blob of blobs) {
    if (blob.chunk !== undefined && blob.chunk.index > 0) {
      further.push(blob);
    } else {
      ordered.push(blob, ...further);
      further = [];
    }
  }
  return [...ordered, ...further];
}

/** Puts blobs, several at once; those of a tensor once it is known what its first is coded against. */
class Puts {
  readonly #batch: BlobBatch;
  readonly #checkpoint: OpenCheckpoint;
  readonly #choices: BaseChoices;
  readonly #running = new Set<Promise<void>>();
  readonly #firsts = new Map<string, Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  storedBytes = 0;

  constructor(batch: BlobBatch, checkpoint: OpenCheckpoint, choices: BaseChoices) {
    this.#batch = batch;
    this.#checkpoint = checkpoint;
    this.#choices = choices;
  }

  /** Begins to put a blob when there is room. @throws what an earlier put threw. */
  async begin(blob: PlannedBlob): Promise<void> {
    while (this.#running.size >= AT_ONCE) await Promise.race(this.#running);
    const tensor = blob.chunk?.tensor;
    const first = tensor === undefined ? undefined : this.#firsts.get(tensor);
    await first;
    const plain = await readPlanned(this.#checkpoint, blob);
    this.#expectNoFailure();
    const put = this.#put(blob, plain, first === undefined);
    const running = put
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    if (tensor !== undefined && first === undefined) this.#firsts.set(tensor, running);
  }

  async #put(blob: PlannedBlob, plain: Uint8Array, isFirst: boolean): Promise<void> {
    const listed = this.#choices.list(blob);
    const put = await this.#batch.put(blob.id, plain, hintOf(blob, listed, this.#choices.rowFactor(blob)));
    if (isFirst) this.#choices.remember(blob, listed, put);
    if (put.isNew) this.storedBytes += put.storedBytes;
  }

  /** Waits for all. @throws what the first that failed threw. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    this.#expectNoFailure();
  }

  #expectNoFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
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
  const puts = new Puts(batch, checkpoint, new BaseChoices(options.findBase, plan.blobs));
  try {
    for (const blob of workOrder(plan.blobs)) {
      if (!(await options.has(blob.id))) await puts.begin(blob);
      options.onBytes?.(blob.byteLength);
    }
  } finally {
    await puts.end();
  }
  const manifest = await batch.put(plan.id, plan.encodedManifest, { type: 'bytes' });
  return puts.storedBytes + (manifest.isNew ? manifest.storedBytes : 0);
}
