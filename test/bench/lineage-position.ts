import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Trained } from './lineage-forest.ts';
import { askAbout, placeTruly } from './members.ts';
import type { Stated } from './reliability.ts';
import { projectOnSegment } from './standard-methods.ts';
import { type BenchTable, formatShare } from './table.ts';
import { medianOf } from './timing.ts';

/** How many checkpoints in a row are left out; the middle one is asked about. */
const GAPS = [1, 3];

interface Answer {
  readonly isBetween: boolean;
  readonly error: number;
  readonly projectionError: number;
  readonly relation: string;
  readonly confidence: number;
  readonly asked: string;
}

async function ask({ zoo, members }: Trained, run: number, checkpoint: number, gap: number): Promise<Answer> {
  const reach = (gap + 1) / 2;
  const kept = members.filter((member) => member.run !== run || Math.abs(member.checkpoint - checkpoint) >= reach);
  const placed = placeTruly(kept);
  const weightsAt = (at: number) => zoo.runs[run]?.checkpoints[at] ?? new Map();
  const answer = await identifyCheckpoint(await askAbout(weightsAt(checkpoint)), memoryArchive(placed));
  // Stored ones are numbered without a gap: the one before the gap keeps its number, the one after it gets the next.
  const before = checkpoint - reach;
  const share = (answer.position ?? Number.NaN) - before;
  const isBetween = answer.trajectory === `run-${run}` && share >= 0 && share <= 1;
  const projected = projectOnSegment(weightsAt(checkpoint), weightsAt(before), weightsAt(checkpoint + reach));
  return {
    isBetween,
    error: isBetween ? Math.abs(share - 0.5) * 2 * reach : Number.NaN,
    projectionError: Math.abs(projected - 0.5) * 2 * reach,
    relation: answer.relation,
    confidence: answer.confidence,
    asked: `${zoo.scene.name}: ${run}@${checkpoint}, gap ${gap}: “${answer.relation}”, ${answer.trajectory ?? 'no trajectory'} at ${answer.position?.toFixed(2) ?? '?'}`,
  };
}

/** Checkpoints of the trunks that have room for the widest gap around them. */
function choose({ zoo }: Trained, count: number): readonly (readonly [number, number])[] {
  const trunks = zoo.runs.flatMap((run, at) => (run.from === undefined ? [at] : []));
  return Array.from({ length: count }, (_, i) => {
    const run = trunks[i % trunks.length] ?? 0;
    const room = (zoo.runs[run]?.checkpoints.length ?? 0) - 6;
    return [run, 3 + ((i * 7) % room)] as const;
  });
}

/** Asks where held-out checkpoints lie; adds what the answers state of themselves to `stated`. */
export async function benchPosition(
  zoos: readonly Trained[],
  count: number,
  stated: Stated[] = [],
): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  const notes: string[] = [];
  for (const trained of zoos) {
    for (const gap of GAPS) {
      const answers: Answer[] = [];
      for (const [run, checkpoint] of choose(trained, count)) answers.push(await ask(trained, run, checkpoint, gap));
      for (const { isBetween, relation, confidence } of answers) {
        const isRight = isBetween && relation === 'between';
        stated.push({ what: 'place of a held-out one', confidence, isRight });
      }
      const right = answers.filter(({ isBetween }) => isBetween);
      const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
      rows.push([
        trained.zoo.scene.name,
        String(gap),
        String(answers.length),
        formatShare(right.length, answers.length),
        formatShare(answers.filter(({ relation }) => relation === 'between').length, answers.length),
        right.length === 0 ? '-' : medianOf(right.map(({ error }) => error)).toFixed(3),
        right.length === 0 ? '-' : mean(right.map(({ error }) => error)).toFixed(3),
        mean(answers.map(({ projectionError }) => projectionError)).toFixed(3),
      ]);
      notes.push(
        ...answers
          .filter(({ isBetween, relation }) => !isBetween || relation !== 'between')
          .map(({ asked }) => `${asked}.`),
      );
    }
  }
  return {
    title: 'Lineage: a held-out checkpoint, placed between its neighbours',
    columns: [
      'zoo',
      'gap',
      'asked',
      'between the right two',
      'the word “between”',
      'error, median',
      'error, mean',
      'projection, neighbours told: mean',
    ],
    rows,
    notes: ['Errors are in epochs; a gap of 3 leaves out the checkpoints before and after too.', ...notes],
  };
}
