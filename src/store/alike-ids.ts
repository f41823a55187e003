/** A text that is so much like one id, and like no other, was that id: two ids agree by chance in 2.5 of 40 digits. */
const LEAST_AGREEING = 12;
const LEAST_SHARE = 0.75;

function agreeing(a: string, b: string): number {
  let same = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] === b[i]) same += 1;
  return same;
}

/** The one candidate that a damaged text was. */
export function findAlike<T extends string>(text: string, candidates: Iterable<T>): T | undefined {
  const least = Math.max(LEAST_AGREEING, Math.ceil(LEAST_SHARE * text.length));
  const alike = [...candidates].filter((candidate) => agreeing(text, candidate) >= least);
  return alike.length === 1 ? alike[0] : undefined;
}
