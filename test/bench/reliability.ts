import type { BenchTable } from './table.ts';

/** One stated confidence, and whether what it was stated of is right. */
export interface Stated {
  /** What is stated: a word for the table. */
  readonly what: string;
  readonly confidence: number;
  readonly isRight: boolean;
}

/** Lower ends of the bins. */
const BINS = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / Math.max(values.length, 1);

function describeBin(inside: readonly Stated[]): string {
  if (inside.length === 0) return '-';
  const stated = mean(inside.map(({ confidence }) => confidence));
  const right = mean(inside.map(({ isRight }) => (isRight ? 1 : 0)));
  return `${stated.toFixed(2)}: ${right.toFixed(2)} of ${inside.length}`;
}

/** The mean squared difference of what was stated and 1 or 0 (Brier, 1950). */
export function brierScore(stated: readonly Stated[]): number {
  return mean(stated.map(({ confidence, isRight }) => (confidence - (isRight ? 1 : 0)) ** 2));
}

/** The weighted mean over the bins of how far stated and right are apart (expected calibration error). */
export function calibrationError(stated: readonly Stated[]): number {
  const gaps = BINS.map((_, bin) => {
    const inside = inBin(stated, bin);
    const gap = mean(inside.map(({ confidence }) => confidence)) - mean(inside.map(({ isRight }) => (isRight ? 1 : 0)));
    return Math.abs(gap) * inside.length;
  });
  return gaps.reduce((sum, x) => sum + x, 0) / Math.max(stated.length, 1);
}

function inBin(stated: readonly Stated[], bin: number): readonly Stated[] {
  const [from = 0, to = Number.POSITIVE_INFINITY] = [BINS[bin], BINS[bin + 1]];
  return stated.filter(({ confidence }) => confidence >= from && confidence < to);
}

/** What every kind of confidence is worth: mean stated, and share that is right, by what was stated. */
export function tabulateReliability(stated: readonly Stated[]): BenchTable {
  const kinds = [...new Set(stated.map(({ what }) => what))];
  return {
    title: 'Lineage: what was stated, and how much of it is right',
    columns: [
      'confidence in',
      'n',
      'stated',
      'right',
      ...BINS.map((from, i) => (i + 1 < BINS.length ? `${from} to ${BINS[i + 1]}` : `from ${from}`)),
      'calibration error',
      'Brier',
    ],
    rows: kinds.map((kind) => {
      const own = stated.filter(({ what }) => what === kind);
      return [
        kind,
        String(own.length),
        mean(own.map(({ confidence }) => confidence)).toFixed(3),
        mean(own.map(({ isRight }) => (isRight ? 1 : 0))).toFixed(3),
        ...BINS.map((_, bin) => describeBin(inBin(own, bin))),
        calibrationError(own).toFixed(3),
        brierScore(own).toFixed(3),
      ];
    }),
    notes: [
      'Each cell: mean stated, share right, of how many. An identification is right where base and word are; an order where each checkpoint comes from the one before it, with others left out between or not; an edge where it names the true parent.',
    ],
  };
}
