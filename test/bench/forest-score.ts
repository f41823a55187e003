import type { Forest, RecoveredTrajectory } from '../../src/lineage/model.ts';
import type { ManifestId } from '../../src/objects/ids.ts';
import type { TrueMember } from './members.ts';
import type { Stated } from './reliability.ts';
import type { Zoo } from './zoo.ts';

/** What became of one true run. */
export interface RunScore {
  readonly name: string;
  /** All of it in one trajectory, in the order of training or its reverse. */
  readonly isExact: boolean;
  /** Kendall's tau of the order found with the true one: -1 to 1. */
  readonly tau: number;
  readonly isDirectionClaimed: boolean;
  /** Signed distance of the fork point found from the true one, in checkpoints; absent where another run or none was named. */
  readonly forkOffset?: number;
  readonly isFork: boolean;
}

export interface ForestScore {
  readonly found: number;
  readonly ari: number;
  readonly runs: readonly RunScore[];
  readonly parentsRight: number;
  readonly members: number;
  /** What the forest states of orders, edges and fork points. */
  readonly stated: readonly Stated[];
  /** Sentences: every run and fork that went wrong. */
  readonly wrong: readonly string[];
}

const pairs = (n: number): number => (n * (n - 1)) / 2;

/** Adjusted Rand index of two partitions (Hubert and Arabie, 1985). */
export function adjustedRand(a: readonly number[], b: readonly number[]): number {
  const count = (keys: readonly string[]): number => {
    const sizes = new Map<string, number>();
    for (const key of keys) sizes.set(key, (sizes.get(key) ?? 0) + 1);
    return [...sizes.values()].reduce((sum, size) => sum + pairs(size), 0);
  };
  const together = count(a.map((x, i) => `${x} ${b[i]}`));
  const [inA, inB] = [count(a.map(String)), count(b.map(String))];
  const expected = (inA * inB) / pairs(a.length);
  const most = (inA + inB) / 2;
  return most === expected ? 1 : (together - expected) / (most - expected);
}

/** Kendall's tau of a sequence of numbers with rising order. */
export function kendallTau(sequence: readonly number[]): number {
  let balance = 0;
  for (let i = 0; i < sequence.length; i++) {
    for (let j = i + 1; j < sequence.length; j++) balance += Math.sign((sequence[j] ?? 0) - (sequence[i] ?? 0));
  }
  return sequence.length < 2 ? 1 : balance / pairs(sequence.length);
}

/** A forest beside the truth. */
class Comparison {
  readonly zoo: Zoo;
  readonly forest: Forest;
  readonly byId: ReadonlyMap<ManifestId, TrueMember>;

  constructor(zoo: Zoo, members: readonly TrueMember[], forest: Forest) {
    this.zoo = zoo;
    this.forest = forest;
    this.byId = new Map(members.map((member) => [member.entry.id, member]));
  }

  /** The checkpoints of a run in a trajectory, in the order found. */
  sequence({ members }: RecoveredTrajectory, run: number): readonly number[] {
    return members.flatMap(({ id }) => {
      const member = this.byId.get(id);
      return member?.run === run ? [member.checkpoint] : [];
    });
  }

  /** The trajectory that holds most of a run. */
  trajectoryOf(run: number): RecoveredTrajectory | undefined {
    const sizes = this.forest.trajectories.map((trajectory) => this.sequence(trajectory, run).length);
    return this.forest.trajectories[sizes.indexOf(Math.max(...sizes))];
  }

  scoreRun(run: number): RunScore {
    const { name = '', checkpoints = [], from } = this.zoo.runs[run] ?? {};
    const trajectory = this.trajectoryOf(run);
    const sequence = trajectory === undefined ? [] : this.sequence(trajectory, run);
    const tau = kendallTau(sequence);
    const base = trajectory?.forkedFrom && this.byId.get(trajectory.forkedFrom.id);
    const offset = from !== undefined && base?.run === from.run ? base.checkpoint - from.checkpoint : undefined;
    return {
      name,
      isExact: sequence.length === checkpoints.length && Math.abs(tau) === 1,
      tau,
      isDirectionClaimed: trajectory !== undefined && trajectory.direction !== 'unknown' && sequence.length > 1,
      isFork: from !== undefined,
      ...(offset === undefined ? {} : { forkOffset: offset }),
    };
  }

  /** Whether one checkpoint is of the other's past. */
  isAncestor(early: TrueMember, late: TrueMember): boolean {
    let { run, checkpoint } = late;
    if (early.run === run) return early.checkpoint < checkpoint;
    for (let from = this.zoo.runs[run]?.from; from !== undefined; from = this.zoo.runs[run]?.from) {
      ({ run, checkpoint } = from);
      if (run === early.run) return early.checkpoint <= checkpoint;
    }
    return false;
  }

  isInOrder({ members }: RecoveredTrajectory): boolean {
    const path = members.flatMap(({ id }) => this.byId.get(id) ?? []);
    const goesOn = (sequence: readonly TrueMember[]) =>
      sequence.slice(1).every((late, i) => this.isAncestor(sequence[i] ?? late, late));
    return goesOn(path) || goesOn(path.toReversed());
  }

  stated(): readonly Stated[] {
    const orders = this.forest.trajectories
      .filter(({ members }) => members.length > 2)
      .map((found) => ({ what: 'order', confidence: found.orderConfidence, isRight: this.isInOrder(found) }));
    const edges = this.forest.edges.flatMap(({ child, parent, confidence, relation }) => {
      const [own, base] = [this.byId.get(child), this.byId.get(parent)];
      if (own === undefined || base === undefined) return [];
      const isRight = this.trueParent(own) === `${base.run} ${base.checkpoint}`;
      return [{ what: relation === 'next' ? 'next in a run' : 'parent of a branch', confidence, isRight }];
    });
    return [...orders, ...edges, ...this.forest.trajectories.flatMap((found) => this.statedOfFork(found))];
  }

  statedOfFork({ members, forkedFrom }: RecoveredTrajectory): readonly Stated[] {
    const [first] = members;
    const own = first && this.byId.get(first.id);
    const base = forkedFrom && this.byId.get(forkedFrom.id);
    const from = own && this.zoo.runs[own.run]?.from;
    if (!base || !forkedFrom || own?.checkpoint !== 0 || from === undefined) return [];
    const isRight = base.run === from.run && Math.abs(base.checkpoint - from.checkpoint) <= 1;
    const confidence = forkedFrom.confidenceWithinOne ?? forkedFrom.confidence;
    return [{ what: 'fork point, give or take one', confidence, isRight }];
  }

  trueParent({ run, checkpoint }: TrueMember): string {
    const from = this.zoo.runs[run]?.from;
    if (checkpoint > 0) return `${run} ${checkpoint - 1}`;
    return from === undefined ? 'none' : `${from.run} ${from.checkpoint}`;
  }

  countRightParents(): number {
    const found = new Map<ManifestId, string>();
    for (const { child, parent } of this.forest.edges) {
      const member = this.byId.get(parent);
      found.set(child, `${member?.run} ${member?.checkpoint}`);
    }
    return [...this.byId].filter(([id, member]) => (found.get(id) ?? 'none') === this.trueParent(member)).length;
  }

  describe({ name, isExact, tau, isDirectionClaimed, isFork, forkOffset }: RunScore, run: number): readonly string[] {
    const { from, fork } = this.zoo.runs[run] ?? {};
    const label = `${this.zoo.scene.name}: ${name}${fork === undefined ? '' : ` (${fork}, from ${from?.run}@${from?.checkpoint})`}`;
    const trajectory = this.trajectoryOf(run);
    const pieces = this.forest.trajectories.filter((other) => this.sequence(other, run).length > 0).length;
    const guests = (trajectory?.members.length ?? 0) - (trajectory ? this.sequence(trajectory, run).length : 0);
    const words = [
      ...(isExact ? [] : [`in ${pieces} trajectories, |tau| ${Math.abs(tau).toFixed(3)}`]),
      ...(guests > 0 ? [`shares its trajectory with ${guests} checkpoints of others`] : []),
      ...(isDirectionClaimed && tau < 0 ? ['direction wrong'] : []),
      ...(isFork && forkOffset !== 0 ? [this.describeBase(trajectory, forkOffset)] : []),
    ];
    return words.length === 0 ? [] : [`${label}: ${words.join('; ')}.`];
  }

  describeBase(trajectory: RecoveredTrajectory | undefined, offset: number | undefined): string {
    if (offset !== undefined) return `fork point off by ${offset > 0 ? '+' : ''}${offset}`;
    const base = trajectory?.forkedFrom && this.byId.get(trajectory.forkedFrom.id);
    return base ? `forked from ${base.run}@${base.checkpoint} instead` : 'no fork point';
  }

  score(): ForestScore {
    const runs = this.zoo.runs.map((_, run) => this.scoreRun(run));
    const labels = this.forest.trajectories.flatMap(({ members }, t) =>
      members.map(({ id }) => ({ found: t, true: this.byId.get(id)?.run ?? -1 })),
    );
    return {
      found: this.forest.trajectories.length,
      ari: adjustedRand(
        labels.map((label) => label.found),
        labels.map((label) => label.true),
      ),
      runs,
      parentsRight: this.countRightParents(),
      members: this.byId.size,
      stated: this.stated(),
      wrong: runs.flatMap((run, i) => this.describe(run, i)),
    };
  }
}

/** Scores a forest against what was trained. */
export function scoreForest(zoo: Zoo, members: readonly TrueMember[], forest: Forest): ForestScore {
  return new Comparison(zoo, members, forest).score();
}
