/** Whether a part of a name is a bare number, as the children of a Sequential or a list have it. */
export function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** Orders names as people count: `layer2` before `layer10`. */
export function compareNaturally(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.match(/\d+|\D+/g) ?? []);
  for (let i = 0; i < Math.min(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = compareParts(left?.[i] ?? '', right?.[i] ?? '');
    if (difference !== 0) return difference;
  }
  return (left?.length ?? 0) - (right?.length ?? 0);
}

function compareParts(a: string, b: string): number {
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}
