import type { FileSet } from '../../src/bytes/source.ts';
import { findProblem } from './files.ts';

/** A generator of whole numbers below a bound (mulberry32): the same for the same seed. */
export function seededNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff];

/** The bytes with one to four of them changed, to extremes or by a bit. */
export function mutate(bytes: Uint8Array, random: (bound: number) => number): Uint8Array {
  const changed = new Uint8Array(bytes);
  for (let left = 1 + random(4); left > 0; left -= 1) {
    const at = random(changed.byteLength);
    const old = changed[at] ?? 0;
    changed[at] = random(2) === 0 ? (EXTREMES[random(EXTREMES.length)] ?? 0) : old ^ (1 << random(8));
  }
  return changed;
}

/** Opens and reads mutants; errors that are no `BadFileError` come through. Returns how many were refused. */
export async function refuseMutants(
  bytes: Uint8Array,
  count: number,
  toFiles: (mutant: Uint8Array) => FileSet,
): Promise<number> {
  const random = seededNumbers(20_061_0424);
  let refused = 0;
  for (let i = 0; i < count; i += 1) {
    if ((await findProblem(toFiles(mutate(bytes, random)))) !== undefined) refused += 1;
  }
  return refused;
}
