import type { Chain } from './chains.ts';
import type { Arm } from './movement-edges.ts';

type Arms = readonly Arm[];

/** Pieces that are cut out of an arm have up to this many checkpoints. */
const LONGEST_PIECE = 6;

/** The arms without those that a change has emptied. */
function replace(arms: Arms, changed: ReadonlyMap<number, Arm>, added: Arms = []): Arms {
  return [...arms.map((arm, i) => changed.get(i) ?? arm), ...added].filter(({ nodes }) => nodes.length > 0);
}

function* exchangeTails(arms: Arms): Iterable<Arms> {
  for (const [i, branch] of arms.entries()) {
    const host = arms.findIndex(({ nodes }) => branch.parent !== undefined && nodes.includes(branch.parent));
    const trunk = arms[host];
    if (trunk === undefined || branch.parent === undefined) continue;
    const until = trunk.nodes.indexOf(branch.parent) + 1;
    const rest = trunk.nodes.slice(until);
    if (rest.length === 0) continue;
    const joined = { ...trunk, nodes: [...trunk.nodes.slice(0, until), ...branch.nodes] };
    yield replace(
      arms,
      new Map([
        [host, joined],
        [i, { ...branch, nodes: rest }],
      ]),
    );
  }
}

function* turnRound(arms: Arms): Iterable<Arms> {
  for (const [i, branch] of arms.entries()) {
    if (branch.parent === undefined || branch.nodes.length < 2) continue;
    yield replace(arms, new Map([[i, { ...branch, nodes: branch.nodes.toReversed() }]]));
  }
}

/** Every branch on every checkpoint. */
function* hangElsewhere(arms: Arms): Iterable<Arms> {
  for (const [i, branch] of arms.entries()) {
    if (branch.parent === undefined) continue;
    for (const parent of arms.flatMap(({ nodes }) => nodes)) {
      if (parent === branch.parent || branch.nodes.includes(parent)) continue;
      yield replace(arms, new Map([[i, { ...branch, parent }]]));
    }
  }
}

/** Branches become part of another arm. */
function* takeIn(arms: Arms): Iterable<Arms> {
  for (const [i, branch] of arms.entries()) {
    if (branch.parent === undefined) continue;
    for (const [k, host] of arms.entries()) {
      if (k === i) continue;
      for (const nodes of branch.nodes.length > 1 ? [branch.nodes, branch.nodes.toReversed()] : [branch.nodes]) {
        for (let at = 1; at <= host.nodes.length; at++) {
          const joined = { ...host, nodes: [...host.nodes.slice(0, at), ...nodes, ...host.nodes.slice(at)] };
          yield replace(
            arms,
            new Map([
              [k, joined],
              [i, { ...branch, nodes: [] }],
            ]),
          );
        }
      }
    }
  }
}

/** One checkpoint goes to another place, of its arm or of another one. */
function* moveOne(arms: Arms): Iterable<Arms> {
  for (const [i, { nodes }] of arms.entries()) {
    for (const [place, node] of nodes.entries()) {
      if (i === 0 && place === 0) continue;
      const left = nodes.filter((other) => other !== node);
      const before = nodes[place - 1] ?? arms[i]?.parent;
      const without = arms.map((arm, k) => {
        const kept = k === i ? { ...arm, nodes: left } : arm;
        return kept.parent === node && before !== undefined ? { ...kept, parent: before } : kept;
      });
      for (const [k, host] of without.entries()) {
        for (let at = k === 0 ? 1 : 0; at <= host.nodes.length; at++) {
          if (k === i && at === place) continue;
          yield replace(
            without,
            new Map([[k, { ...host, nodes: [...host.nodes.slice(0, at), node, ...host.nodes.slice(at)] }]]),
          );
        }
      }
    }
  }
}

function* cutPiece(arms: Arms, i: number, from: number, to: number): Iterable<Arms> {
  const arm = arms[i];
  const parent = arm?.nodes[from - 1];
  if (arm === undefined || parent === undefined) return;
  const piece: Chain = arm.nodes.slice(from, to);
  const left = { ...arm, nodes: [...arm.nodes.slice(0, from), ...arm.nodes.slice(to)] };
  for (const nodes of piece.length > 1 ? [piece, piece.toReversed()] : [piece]) {
    yield replace(arms, new Map([[i, left]]), [{ nodes, parent, follows: false }]);
  }
}

/** Checkpoints in the middle of an arm become a branch of it, as does its end elsewhere. */
function* cutOut(arms: Arms): Iterable<Arms> {
  for (const [i, arm] of arms.entries()) {
    for (let from = 1; from < arm.nodes.length; from++) {
      for (let to = from + 1; to < Math.min(arm.nodes.length, from + LONGEST_PIECE + 1); to++) {
        yield* cutPiece(arms, i, from, to);
      }
      for (let place = 0; place < from; place++) {
        const parent = arm.nodes[place];
        if (parent === undefined) continue;
        const piece = { nodes: arm.nodes.slice(from), parent, follows: false };
        yield replace(arms, new Map([[i, { ...arm, nodes: arm.nodes.slice(0, from) }]]), [piece]);
      }
    }
  }
}

/** Every reading that is one change away. Some do not hang together. */
export function* changeArms(arms: Arms): Iterable<Arms> {
  yield* exchangeTails(arms);
  yield* turnRound(arms);
  yield* hangElsewhere(arms);
  yield* takeIn(arms);
  yield* moveOne(arms);
  yield* cutOut(arms);
}

/** The reading with one branch's pace changed, each in turn: it follows its trunk now, or no longer. */
export function* changePace(arms: Arms): Iterable<Arms> {
  for (const [i, arm] of arms.entries()) {
    if (arm.parent !== undefined) yield replace(arms, new Map([[i, { ...arm, follows: !arm.follows }]]));
  }
}
