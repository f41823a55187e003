/** Makes names unique, in order: the second "a" becomes "a#2", or the next that is free. Unique names stay as they are. */
export function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  // Where to go on for a name, so that a million equal names take a million steps.
  const nextCopy = new Map<string, number>();
  return names.map((name) => {
    let unique = name;
    for (let copy = nextCopy.get(name) ?? 2; seen.has(unique); copy += 1) {
      unique = taken.has(`${name}#${copy}`) ? name : `${name}#${copy}`;
      nextCopy.set(name, copy + 1);
    }
    seen.add(unique);
    return unique;
  });
}
