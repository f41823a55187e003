/** What the steps of a chain take on average: one of `first`, and the `further` ones that find room after it, of `next` each. */
export const meanOfChain = (first: number, further: number, next: number): number =>
  (first + further * next) / (further + 1);
