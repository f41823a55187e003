import type { Features } from './direction.ts';
import type { Member } from './model.ts';

/** Reads what changes with training off the summaries: the norm of the matrices and the kurtosis of the centred ones, as logarithms. */
export function readFeatures(members: readonly Member[]): Features {
  return [
    Float64Array.from(members, ({ summary }) => Math.log(summary.norm)),
    Float64Array.from(members, ({ summary }) => Math.log(summary.kurtosis)),
  ];
}
