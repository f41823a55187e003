import { sha256Hex } from '../../bytes/sha256.ts';

/** Headers below this are parsed again sooner than looked up. */
const LEAST_BYTES = 1 << 16;
/** Of kept headers, in bytes of their text: what they are parsed into takes about four times as much. */
const MOST_BYTES = 1 << 24;

interface Kept<T> {
  readonly byteLength: number;
  readonly header: T;
}

/**
 * Keeps what headers were parsed into for the next equal text: the checkpoints of one run state the same tensors, and one question opens each of them several
 * times. All of them then share one list of names and shapes.
 */
export class RecentHeaders<T> {
  /** By the hash of the text and the size of the file; what was used last comes last. */
  readonly #kept = new Map<string, Kept<T>>();

  /** What a text parses into, in a file of that size. @throws what `parse` throws. */
  parse(text: Uint8Array, fileByteLength: number, parse: () => T): T {
    if (text.byteLength < LEAST_BYTES) return parse();
    const key = `${fileByteLength}:${sha256Hex(text)}`;
    const header = this.#kept.get(key)?.header ?? parse();
    this.#kept.delete(key);
    this.#kept.set(key, { byteLength: text.byteLength, header });
    this.#dropOldest(key);
    return header;
  }

  #dropOldest(newest: string): void {
    let total = 0;
    for (const { byteLength } of this.#kept.values()) total += byteLength;
    for (const [key, { byteLength }] of this.#kept) {
      if (total <= MOST_BYTES || key === newest) return;
      this.#kept.delete(key);
      total -= byteLength;
    }
  }
}
