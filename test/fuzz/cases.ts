import type { FormatName } from '../../src/formats/format.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateStructure } from './mutate-structure.ts';
import { pick, type Random, randomFor } from './random.ts';
import type { Files, Seed } from './seeds/seed.ts';

/** A mutant: files, and what they were made of. */
export interface FuzzCase {
  readonly format: FormatName;
  readonly seedName: string;
  readonly files: Files;
}

/** All cases of a run, by number: the same for the same seed and corpus. */
export interface CasePlan {
  /** How many cases there are before chance has its say: every truncation of every seed. */
  readonly truncations: number;
  makeCase(index: number): FuzzCase;
}

/** HDF5 runs in a worker of its own, a hundred times slower than the rest: one case of so many is one of its. */
const SLOW: ReadonlySet<FormatName> = new Set(['hdf5', 'keras']);
const SLOW_SHARE = 24;
/** Seeds longer than this are cut at every so many bytes. */
const EVERY_BYTE_UP_TO = 3000;

interface Truncation {
  readonly seed: Seed;
  readonly first: number;
  readonly step: number;
}

const primaryOf = (seed: Seed): readonly [string, Uint8Array] =>
  Object.entries(seed.files)[0] ?? ['', new Uint8Array(0)];

function planTruncations(seeds: readonly Seed[]): { readonly list: readonly Truncation[]; readonly count: number } {
  const list: Truncation[] = [];
  let count = 0;
  for (const seed of seeds) {
    const length = primaryOf(seed)[1].byteLength;
    const step = SLOW.has(seed.format) ? 16 : Math.max(1, Math.ceil(length / EVERY_BYTE_UP_TO));
    list.push({ seed, first: count, step });
    count += Math.ceil(length / step);
  }
  return { list, count };
}

function withPrimary(seed: Seed, bytes: Uint8Array): FuzzCase {
  const [name] = primaryOf(seed);
  return { format: seed.format, seedName: seed.name, files: { ...seed.files, [name]: bytes } };
}

/** Mostly the primary is changed, now and then a file beside it. */
function mutateSeed(seed: Seed, random: Random): FuzzCase {
  const names = Object.keys(seed.files);
  const [primary = ''] = names;
  const name = names.length > 1 && random(3) === 0 ? pick(random, names.slice(1)) : primary;
  const bytes = seed.files[name] ?? new Uint8Array(0);
  const mutant = mutateStructure(bytes, name, random);
  const changed = random(8) === 0 ? mutateBytes(mutant, random) : mutant;
  return { format: seed.format, seedName: seed.name, files: { ...seed.files, [name]: changed } };
}

/** Plans a run over these seeds. */
export function planCases(byFormat: ReadonlyMap<FormatName, readonly Seed[]>, seed: number): CasePlan {
  const { list, count } = planTruncations([...byFormat.values()].flat());
  const slow = [...byFormat.keys()].filter((format) => SLOW.has(format));
  const fast = [...byFormat.keys()].filter((format) => !SLOW.has(format));
  return {
    truncations: count,
    makeCase(index) {
      if (index < count) {
        const cut = list.findLast(({ first }) => first <= index);
        if (cut === undefined) throw new Error('there are no seeds');
        return withPrimary(cut.seed, primaryOf(cut.seed)[1].slice(0, (index - cut.first) * cut.step));
      }
      const random = randomFor(seed, index);
      const isSlow = fast.length === 0 || (slow.length > 0 && random(SLOW_SHARE) === 0);
      return mutateSeed(pick(random, byFormat.get(pick(random, isSlow ? slow : fast)) ?? []), random);
    },
  };
}
