/** Area under the receiver operating characteristic: how often a positive scores higher than a negative; a tie counts half (Mann and Whitney, 1947). */
export function auroc(positives: readonly number[], negatives: readonly number[]): number {
  const all = [
    ...positives.map((score) => ({ score, isPositive: true })),
    ...negatives.map((score) => ({ score, isPositive: false })),
  ].sort((a, b) => a.score - b.score);
  let wins = 0;
  let below = 0;
  for (let at = 0; at < all.length; ) {
    let end = at;
    while (end < all.length && all[end]?.score === all[at]?.score) end++;
    const tied = all.slice(at, end);
    const own = tied.filter(({ isPositive }) => isPositive).length;
    wins += own * (below + (tied.length - own) / 2);
    below += tied.length - own;
    at = end;
  }
  return wins / (positives.length * negatives.length);
}

export const formatAuroc = (positives: readonly number[], negatives: readonly number[]): string =>
  positives.length === 0 || negatives.length === 0 ? '-' : auroc(positives, negatives).toFixed(3);
