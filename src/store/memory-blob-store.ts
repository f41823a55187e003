import { invariant } from '../assert.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import { WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import { type BlobBatch, type BlobStore, contentChanged } from './blob-store.ts';

class MemoryBatch implements BlobBatch {
  readonly #stored: Map<BlobId, Uint8Array>;
  readonly #pending: Map<BlobId, Uint8Array>;
  readonly #own = new Map<BlobId, Uint8Array>();
  #isOver = false;

  constructor(stored: Map<BlobId, Uint8Array>, pending: Map<BlobId, Uint8Array>) {
    this.#stored = stored;
    this.#pending = pending;
  }

  async put(id: BlobId, plain: Uint8Array): Promise<{ storedBytes: number; isNew: boolean }> {
    invariant(!this.#isOver, 'a batch that was committed or discarded takes nothing more');
    if (sha256Hex(plain) !== id) throw contentChanged();
    if (this.#stored.has(id) || this.#own.has(id)) return { storedBytes: 0, isNew: false };
    this.#own.set(id, plain.slice());
    this.#pending.set(id, plain.slice());
    return { storedBytes: plain.byteLength, isNew: true };
  }

  async commit(): Promise<void> {
    invariant(!this.#isOver, 'a batch is committed once');
    for (const [id, plain] of this.#own) this.#stored.set(id, plain);
    await this.discard();
  }

  async discard(): Promise<void> {
    this.#isOver = true;
    for (const id of this.#own.keys()) this.#pending.delete(id);
  }
}

/** Blobs in memory: for tests of the layers above, and as the oracle of the contract suite. */
export function createMemoryBlobStore(): BlobStore {
  const stored = new Map<BlobId, Uint8Array>();
  const pending = new Map<BlobId, Uint8Array>();
  const find = (id: BlobId): Uint8Array => {
    const plain = stored.get(id) ?? pending.get(id);
    if (plain === undefined) throw new WsvcError('not-found', `No blob ${id} is stored.`);
    return plain;
  };
  return {
    has: async (id) => stored.has(id) || pending.has(id),
    read: async (id) => find(id).slice(),
    view: async (id) => find(id),
    storedByteLength: async (id) => find(id).byteLength,
    async *list() {
      yield* [...stored.keys()];
    },
    beginBatch: async () => new MemoryBatch(stored, pending),
  };
}
