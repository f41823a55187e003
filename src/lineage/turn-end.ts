import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { fitReading, GLIMPSE } from './fit-movement.ts';
import type { Arm } from './movement-edges.ts';
import { LENGTH_ERROR } from './order.ts';
import { LEAST_ODDS } from './reread-arms.ts';

/** Checkpoints of a chain that are looked at: what lies beyond them is the same in all readings. */
const WINDOW = 12;
/** What a chain may be longer by, in errors of the sketches, and still be as short. */
const WITHIN = 3;

function natsOf(arms: readonly Omit<Arm, 'follows'>[], distances: Distances): number {
  const reading = fitReading(
    arms.map((arm) => ({ ...arm, follows: false })),
    distances,
    GLIMPSE,
  );
  return reading?.nats ?? Number.NEGATIVE_INFINITY;
}

/** Whether it is as far from a checkpoint to one of two as to the other, as sketches tell. */
function isAsFar(from: number, to: number, other: number, { length }: Distances): boolean {
  const [old, fresh] = [length(from, to), length(from, other)];
  return fresh - old < WITHIN * LENGTH_ERROR * Math.hypot(old, fresh);
}

/** How far along its training each checkpoint says that it is. */
type Progress = ArrayLike<number> | undefined;

/** Whether each checkpoint says that it is further along than the one before it. */
function isAscending(nodes: Chain, declared: Progress): boolean {
  if (declared === undefined) return false;
  return nodes.every((node, i) => i === 0 || (declared[nodes[i - 1] ?? 0] ?? 0) < (declared[node] ?? 0));
}

/**
 * Turns the last checkpoints of a chain round where that makes the chain no longer, as far as sketches tell, and its steps much likelier by the model of how
 * trajectories move. When the learning rate falls, a network settles nearer to where it came from: the way back to the last checkpoint before that is as
 * short as the way on, but steps that are a twentieth of the others and then grow are not how networks train. Where the model leaves it open, what the
 * checkpoints say of their progress decides.
 */
export function turnEnd(chain: Chain, distances: Distances, declared?: Progress): Chain {
  const before = chain.slice(0, -WINDOW);
  const window = chain.slice(-WINDOW);
  const last = window.at(-1) ?? 0;
  let own: number | undefined;
  let best = { nodes: window, gain: LEAST_ODDS };
  for (let at = 2; at + 1 < window.length; at++) {
    if (!isAsFar(window[at - 1] ?? 0, window[at] ?? 0, last, distances)) continue;
    own ??= natsOf([{ nodes: window, parent: undefined }], distances);
    const nodes = [...window.slice(0, at), ...window.slice(at).reverse()];
    const said = isAscending(nodes.slice(at - 1), declared) ? 2 * LEAST_ODDS : 0;
    const gain = natsOf([{ nodes, parent: undefined }], distances) - own + said;
    if (gain > best.gain) best = { nodes, gain };
  }
  return [...before, ...best.nodes];
}

/**
 * The same in the middle of a run that went on at the lower rate: a branch that leads back to where its trunk was before. The trunk with the branch in it, turned
 * round; undefined where the two are likelier apart.
 */
export function takeInTurned(trunk: Chain, branch: Chain, parent: number, distances: Distances): Chain | undefined {
  const at = trunk.indexOf(parent);
  const before = trunk[at - 1];
  if (before === undefined || branch.length > WINDOW / 2) return undefined;
  const turned = branch.toReversed();
  if (!isAsFar(before, parent, turned[0] ?? 0, distances)) return undefined;
  const [early, late] = [trunk.slice(Math.max(0, at - WINDOW / 2), at), trunk.slice(at, at + WINDOW / 2)];
  const apart = [
    { nodes: [...early, ...late], parent: undefined },
    { nodes: branch, parent },
  ];
  const joined = [{ nodes: [...early, ...turned, ...late], parent: undefined }];
  if (natsOf(joined, distances) <= natsOf(apart, distances) + LEAST_ODDS) return undefined;
  return [...trunk.slice(0, at), ...turned, ...trunk.slice(at)];
}
