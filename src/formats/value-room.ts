/** More values than this have memory of their own. */
const SMALL = 4096;
/** Values of the memory that several small tensors share: a hundred thousand pieces of their own would cost more than they hold. */
const SHARED = 1 << 16;

/** Gives memory for the values of tensors, one after the other. */
export class ValueRoom {
  #shared = new Float32Array(0);
  #used = 0;
  #left: number;

  /** @param total values that are taken in all: no more memory than they need. */
  constructor(total: number) {
    this.#left = total;
  }

  /** Room for so many values, all 0. */
  take(count: number): Float32Array {
    const left = this.#left;
    this.#left -= count;
    if (count > SMALL) return new Float32Array(count);
    if (this.#used + count > this.#shared.length) {
      this.#shared = new Float32Array(Math.max(count, Math.min(SHARED, left)));
      this.#used = 0;
    }
    this.#used += count;
    return this.#shared.subarray(this.#used - count, this.#used);
  }
}
