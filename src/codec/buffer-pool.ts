/** Smaller buffers cost nothing to make. */
const MIN_BYTES = 256 * 1024;

/** Kept at most, in bytes: for each of two threads two tasks of a block and three ancestors of 2 MiB (f32), the usual largest. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

/**
 * Buffers on their way between threads, used again and again. The allocator does not use again what one thread took and another gave back: without
 * the pool a process that codes gigabytes grew by a third.
 */
export class BufferPool {
  readonly #free: ArrayBuffer[] = [];
  #byteLength = 0;

  /** A copy of bytes, in a buffer that may be larger. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.#take(bytes.byteLength), 0, bytes.byteLength);
    copy.set(bytes);
    return copy;
  }

  #take(byteLength: number): ArrayBuffer {
    if (byteLength < MIN_BYTES) return new ArrayBuffer(byteLength);
    const capacity = 2 ** Math.ceil(Math.log2(byteLength));
    const at = this.#free.findIndex((buffer) => buffer.byteLength === capacity);
    const [found] = at < 0 ? [] : this.#free.splice(at, 1);
    this.#byteLength -= found?.byteLength ?? 0;
    return found ?? new ArrayBuffer(capacity);
  }

  /** Takes buffers back. */
  give(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      if (buffer.byteLength < MIN_BYTES || this.#byteLength + buffer.byteLength > MAX_KEPT_BYTES) continue;
      this.#free.push(buffer);
      this.#byteLength += buffer.byteLength;
    }
  }
}
