import type { BlockType } from '../codec/codec.ts';
import type { BlobId } from '../objects/ids.ts';

/** A decoded blob that has been checked against its id. */
export interface PlainBlob {
  readonly plain: Uint8Array;
  readonly type: BlockType;
  /** What it is stored against. */
  readonly bases: readonly BlobId[];
}

/** Keeps the blobs used last, up to a number of plain bytes: a chain of deltas is then decoded once. */
export class PlainCache {
  readonly #limit: number;
  readonly #blobs = new Map<BlobId, PlainBlob>();
  /** Blobs that have served their purpose: they go first. */
  readonly #spent = new Set<BlobId>();
  #byteLength = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  find(id: BlobId): PlainBlob | undefined {
    const blob = this.#blobs.get(id);
    if (blob !== undefined) {
      this.#spent.delete(id);
      // A Map keeps the order of insertion: the first is the one used longest ago.
      this.#blobs.delete(id);
      this.#blobs.set(id, blob);
    }
    return blob;
  }

  add(id: BlobId, blob: PlainBlob): void {
    this.remove(id);
    this.#blobs.set(id, blob);
    this.#byteLength += blob.plain.byteLength;
    for (const ids of [this.#spent, this.#blobs.keys()]) {
      for (const oldest of ids) {
        if (this.#byteLength <= this.#limit) return;
        this.remove(oldest);
      }
    }
  }

  /** Says that a blob will hardly be asked for again: a base once what stands against it is stored. */
  spend(id: BlobId): void {
    if (this.#blobs.has(id)) this.#spent.add(id);
  }

  remove(id: BlobId): void {
    const blob = this.#blobs.get(id);
    if (blob === undefined) return;
    this.#byteLength -= blob.plain.byteLength;
    this.#blobs.delete(id);
    this.#spent.delete(id);
  }
}
