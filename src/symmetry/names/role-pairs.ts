import { type ModuleTree, modulesUnder } from './module-tree.ts';
import { joinPath, type Module } from './modules.ts';
import { touches } from './numbered.ts';
import type { Proposal, Refuse } from './proposal.ts';

interface Role {
  readonly producers: readonly string[];
  readonly consumer: string;
  /** Names whose presence means a gate: the plain pair is then no pair. */
  readonly unless?: readonly string[];
}

const THIRD = ['w3', 'gate_proj', 'wi_1', 'fc3', 'lin3', 'linear3', 'fc1_g', 'fc21', 'fc0'];

/** The two layers of a feed-forward block, under the names that well-known implementations give them. */
const ROLES: readonly Role[] = [
  { producers: ['fc1'], consumer: 'fc2', unless: THIRD },
  { producers: ['linear1'], consumer: 'linear2', unless: THIRD },
  { producers: ['lin1'], consumer: 'lin2', unless: THIRD },
  { producers: ['c_fc'], consumer: 'c_proj', unless: THIRD },
  { producers: ['up_proj', 'gate_proj'], consumer: 'down_proj' },
  { producers: ['w1', 'w3'], consumer: 'w2' },
  { producers: ['wi_0', 'wi_1'], consumer: 'wo' },
  { producers: ['wi'], consumer: 'wo', unless: THIRD },
  { producers: ['fc_in'], consumer: 'fc_out', unless: THIRD },
  { producers: ['dense_h_to_4h'], consumer: 'dense_4h_to_h', unless: THIRD },
  { producers: ['intermediate.dense'], consumer: 'output.dense', unless: THIRD },
  { producers: ['ff1'], consumer: 'ff2', unless: THIRD },
  { producers: ['mlp_up'], consumer: 'mlp_down', unless: THIRD },
];

/** Names that say "feed-forward" so clearly that, in a repeated block, equal sizes do not matter. */
const CLEAR = /^(fc1|linear1|lin1|c_fc|up_proj|w1)$/;

/** Rule R3: layers whose names tell their roles. */
export function proposeRolePairs(tree: ModuleTree, refuse: Refuse): Proposal[] {
  const paths = new Set([...tree.children.keys()]);
  return [...paths].flatMap((path) => ROLES.flatMap((role) => proposeRole(tree, path, role, refuse) ?? []));
}

function proposeRole(tree: ModuleTree, path: string, role: Role, refuse: Refuse): Proposal | undefined {
  const producers = role.producers.map((name) => tree.modules.get(joinPath(path, name)));
  const consumer = tree.modules.get(joinPath(path, role.consumer));
  const [first] = producers;
  if (!first || !consumer || !isPair(producers, consumer)) return undefined;
  if (role.unless?.some((name) => tree.modules.has(joinPath(path, name)))) return undefined;
  const reason = objection(
    tree,
    path,
    producers.flatMap((m) => m ?? []),
    consumer,
  );
  if (reason !== undefined) {
    refuse(path, reason);
    return undefined;
  }
  const others = producers.slice(1).flatMap((m) => m ?? []);
  const axes = producers.flatMap((m) => m?.outAxes ?? []);
  const link = { producer: first, consumer, axes, passed: others, fold: 1 };
  return { rule: 'role', parent: path, link, isMerge: false, isGated: others.length > 0 };
}

function isPair(producers: readonly (Module | undefined)[], consumer: Module): boolean {
  const isLayer = (m: Module | undefined) => m?.kind === 'linear' || m?.kind === 'conv';
  const fits = producers.every(
    (m) => m !== undefined && m.writes === consumer.reads && m.reads === producers[0]?.reads,
  );
  return isLayer(consumer) && producers.every(isLayer) && fits && consumer.reads > 1;
}

function objection(tree: ModuleTree, path: string, producers: readonly Module[], consumer: Module): string | undefined {
  const size = consumer.reads;
  if (!tree.repeated.has(path) && consumer.writes === 1) return 'a pair of layers with one output may be two heads';
  const near = modulesUnder(tree, path).filter((m) => path !== '' || !m.path.includes('.'));
  const other = near.find(
    (m) => m !== consumer && !producers.includes(m) && (touches(m, size) || touches(m, 2 * size)),
  );
  if (other) return `${other.path} may touch the units between ${producers[0]?.path} and ${consumer.path}`;
  const [first] = producers;
  const isSquare = first?.reads === size && consumer.writes === size;
  const isClear = CLEAR.test(first?.path.slice(path === '' ? 0 : path.length + 1) ?? '') && tree.repeated.has(path);
  return isSquare && !isClear ? 'all sizes of the pair are equal' : undefined;
}
