import { type ForkKind, SCENES, trainPlan } from '../bench/zoo.ts';
import { toEntry } from './pile.ts';

export type { ForkKind } from '../bench/zoo.ts';

/** Which checkpoints of a run are left. */
const KEPT = {
  all: () => true,
  second: (at: number) => at % 2 === 0,
  four: (at: number, last: number) => [0, 1, 2, 3].some((k) => at === Math.round((k * last) / 3)),
} as const;

export interface Family {
  readonly zoo: string;
  readonly fork: ForkKind;
  /** Of the run, after which the branch leaves. */
  readonly epoch: number;
  readonly seed: number;
  readonly keeps: keyof typeof KEPT;
}

/** Some checkpoints of a run and of a branch that leaves it at some epoch. */
export async function trainFamily({ zoo, fork, epoch, seed, keeps }: Family) {
  const scene = SCENES.find((candidate) => candidate.name === zoo);
  if (scene === undefined) throw new Error(`There is no zoo ${zoo}.`);
  const trunk = await trainPlan({ scene, seed, epochs: 16 });
  const branch = await trainPlan({ scene, seed: seed + 500, epochs: 6, start: trunk[epoch] ?? new Map(), fork });
  const keep = async (run: string, checkpoints: typeof trunk) => {
    const kept = [...checkpoints.entries()].filter(([at]) => KEPT[keeps](at, checkpoints.length - 1));
    return Promise.all(kept.map(([at, weights]) => toEntry(`${run}/${String(at).padStart(2, '0')}`, weights)));
  };
  return { trunk: await keep('trunk', trunk), branch: await keep('branch', branch) };
}
