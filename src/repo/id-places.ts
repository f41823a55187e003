/** Slots for each id: half of them stay free, so that a search ends soon. */
const SLOTS_AN_ID = 2;

/** The place of each of many ids in a list, found by the bytes of the id: thousands are looked up without being written as text. */
export class IdPlaces {
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** The first eight bytes of each id, as two numbers: of SHA-256 that tells them apart. */
  readonly #first: Uint32Array;
  readonly #second: Uint32Array;

  /** @param ids - hexadecimal, each once. */
  constructor(ids: readonly string[]) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, SLOTS_AN_ID * ids.length)));
    this.#slots = new Int32Array(size).fill(-1);
    this.#mask = size - 1;
    this.#first = new Uint32Array(ids.length);
    this.#second = new Uint32Array(ids.length);
    ids.forEach((id, place) => {
      this.#first[place] = Number.parseInt(id.slice(0, 8), 16);
      this.#second[place] = Number.parseInt(id.slice(8, 16), 16);
      let slot = (this.#first[place] ?? 0) & this.#mask;
      while ((this.#slots[slot] ?? -1) >= 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = place;
    });
  }

  /** The place of the id whose bytes begin with these, each four of them as one big-endian number; -1 for another. */
  find(first: number, second: number): number {
    for (let slot = first & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = this.#slots[slot] ?? -1;
      if (place < 0 || (this.#first[place] === first && this.#second[place] === second)) return place;
    }
  }
}
