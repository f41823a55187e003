import { type MonitorFlag, monitorTrajectory } from '../../src/lineage/monitor.ts';
import type { Trained } from './lineage-forest.ts';
import { type BenchTable, formatShare } from './table.ts';
import { FORK_KINDS } from './zoo.ts';

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
function flagsAfter({ zoo, members }: Trained, kind: string): readonly (readonly MonitorFlag[])[] {
  return zoo.runs.flatMap(({ from, fork }, run) => {
    if (from === undefined || fork !== kind) return [];
    const past = members.filter((member) => member.run === from.run && member.checkpoint <= from.checkpoint);
    const first = members.filter((member) => member.run === run).slice(0, 1);
    const steps = monitorTrajectory([...past, ...first].map(({ entry }) => entry));
    return [steps.at(-1)?.flags ?? []];
  });
}

function share(flags: readonly (readonly MonitorFlag[])[], isMeant: (flag: MonitorFlag) => boolean): string {
  return formatShare(flags.filter((of) => of.some(isMeant)).length, flags.length);
}

const isShift = (flag: MonitorFlag) => flag === 'shift';

/** What the monitor says of quiet runs, and of the first checkpoint after each kind of change. */
export function benchMonitor(zoos: readonly Trained[]): BenchTable {
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
