import type { Member } from '../../src/lineage/model.ts';
import { type MonitorFlag, monitorTrajectory, shiftScore } from '../../src/lineage/monitor.ts';
import { describeSteps } from '../../src/lineage/trajectory-geometry.ts';
import { formatAuroc } from './auroc.ts';
import type { Trained } from './lineage-forest.ts';
import { toMembers } from './members.ts';
import { type BenchTable, formatShare } from './table.ts';
import { FORK_KINDS, type ForkKind, trainPlan } from './zoo.ts';

/** Trunks up to each of their checkpoints, beginning with the fewest that a step can be judged by. */
function quietPasts({ zoo, members }: Trained): readonly (readonly Member[])[] {
  const trunks = zoo.runs.flatMap(({ from }, run) => (from === undefined ? [run] : []));
  return trunks.flatMap((run) => {
    const own = members.filter((member) => member.run === run).map(({ entry }) => entry);
    return own.map((_, i) => own.slice(0, i + 1));
  });
}

/** For every fork of a kind, its trunk up to where it leaves, and its first checkpoint. */
function forkedPasts({ zoo, members }: Trained, kind: string): readonly (readonly Member[])[] {
  return zoo.runs.flatMap(({ from, fork }, run) => {
    if (from === undefined || fork !== kind) return [];
    const past = members.filter((member) => member.run === from.run && member.checkpoint <= from.checkpoint);
    const first = members.filter((member) => member.run === run).slice(0, 1);
    return [[...past, ...first].map(({ entry }) => entry)];
  });
}

const scoresOf = (pasts: readonly (readonly Member[])[]): readonly number[] =>
  pasts.flatMap((past) => shiftScore(past) ?? []);

/** The reference: how much longer the last step is than the one before. */
function stepRatios(pasts: readonly (readonly Member[])[]): readonly number[] {
  return pasts
    .filter((past) => shiftScore(past) !== undefined)
    .map((past) => {
      const [before, last] = describeSteps(past).slice(-2);
      return (last?.stepLength ?? 0) / Math.max(before?.stepLength ?? 0, 1e-30);
    });
}

/** Checkpoints of every trunk from which an epoch of something else is trained. */
const LEFT_AT = [5, 8, 11, 14];

/** Trunks up to where they are left, each with the checkpoint after one epoch of a kind of change. */
async function trainShifts({ zoo, members }: Trained, kind: ForkKind, seed: number) {
  const pasts: (readonly Member[])[] = [];
  for (const [run, { from }] of zoo.runs.entries()) {
    if (from !== undefined) continue;
    const trunk = members.filter((member) => member.run === run);
    for (const checkpoint of LEFT_AT) {
      const start = trunk[checkpoint]?.entry.weights;
      if (start === undefined) continue;
      const plan = {
        scene: zoo.scene,
        seed: 100_000 * seed + 40_000 + 100 * run + checkpoint,
        epochs: 1,
        start,
        fork: kind,
      };
      const first = await toMembers({ scene: zoo.scene, runs: [{ name: kind, checkpoints: await trainPlan(plan) }] });
      pasts.push([...trunk.slice(0, checkpoint + 1), ...first].map(({ entry }) => entry));
    }
  }
  return pasts;
}

async function scoreShiftsOf(trained: Trained, seed: number): Promise<readonly string[]> {
  const quiet = quietPasts(trained);
  const ratios = stepRatios(quiet);
  const after = new Map<ForkKind, readonly (readonly Member[])[]>();
  for (const kind of FORK_KINDS) after.set(kind, await trainShifts(trained, kind, seed));
  const pastsOf = (kind: ForkKind) => after.get(kind) ?? [];
  const isFalse = (past: readonly Member[]) => (shiftScore(past) ?? 0) >= 1;
  return [
    trained.zoo.scene.name,
    String(scoresOf(quiet).length),
    String(pastsOf('domain').length),
    formatShare(quiet.filter(isFalse).length, scoresOf(quiet).length),
    ...SCORED_KINDS.map((kind) => formatAuroc(scoresOf(pastsOf(kind)), scoresOf(quiet))),
    ...SHIFTS.map((kind) => formatAuroc(stepRatios(pastsOf(kind)), ratios)),
  ];
}

const SHIFTS = ['domain', 'labels'] as const satisfies readonly ForkKind[];
const SCORED_KINDS = [...SHIFTS, 'subset', 'rate'] as const satisfies readonly ForkKind[];

/** How well the first checkpoint after a change is told from quiet steps by one number, whatever the threshold. */
async function scoreShifts(zoos: readonly Trained[], seed: number): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  for (const trained of zoos) rows.push(await scoreShiftsOf(trained, seed));
  return {
    title: 'Lineage: monitoring, AUROC of the first checkpoint after a change against quiet steps',
    columns: [
      'zoo',
      'quiet steps',
      'changes of a kind',
      'quiet, score from 1',
      ...SCORED_KINDS,
      ...SHIFTS.map((kind) => `step ratio: ${kind}`),
    ],
    rows,
    notes: [
      'Every trunk is left at checkpoints 5, 8, 11 and 14 for one epoch with other images, labels, examples, or .3 of the rate; that last is no change of objective.',
    ],
  };
}

/** The flags of every step of a run that nothing happened to. */
function quietFlags({ zoo, members }: Trained): readonly (readonly MonitorFlag[])[] {
  const trunks = zoo.runs.flatMap(({ from }, run) => (from === undefined ? [run] : []));
  return trunks.flatMap((run) => {
    const own = members.filter((member) => member.run === run).map(({ entry }) => entry);
    return monitorTrajectory(own)
      .slice(1)
      .map(({ flags }) => flags);
  });
}

/** For every fork of a kind, the flags of its first checkpoint, seen as the next one of its trunk. */
function flagsAfter(trained: Trained, kind: string): readonly (readonly MonitorFlag[])[] {
  return forkedPasts(trained, kind).map((past) => monitorTrajectory(past).at(-1)?.flags ?? []);
}

function share(flags: readonly (readonly MonitorFlag[])[], isMeant: (flag: MonitorFlag) => boolean): string {
  return formatShare(flags.filter((of) => of.some(isMeant)).length, flags.length);
}

const isShift = (flag: MonitorFlag) => flag === 'shift';

/** What the monitor says of quiet runs, and of the first checkpoint after each kind of change. */
export async function benchMonitor(zoos: readonly Trained[], seed: number): Promise<readonly BenchTable[]> {
  return [flagShifts(zoos), await scoreShifts(zoos, seed)];
}

function flagShifts(zoos: readonly Trained[]): BenchTable {
  return {
    title: 'Lineage: monitoring, one checkpoint after a change',
    columns: [
      'zoo',
      'quiet steps',
      'called shift',
      'called anything',
      ...FORK_KINDS.map((kind) => `${kind}: shift`),
      'rate: slower',
    ],
    rows: zoos.map((trained) => {
      const quiet = quietFlags(trained);
      return [
        trained.zoo.scene.name,
        String(quiet.length),
        share(quiet, isShift),
        share(quiet, () => true),
        ...FORK_KINDS.map((kind) => share(flagsAfter(trained, kind), isShift)),
        share(flagsAfter(trained, 'rate'), (flag) => flag === 'slower'),
      ];
    }),
    notes: ['A jump of the learning rate (restarts) is no shift: any flag but “shift” is right there.'],
  };
}
