import { BAD_TEXTS, mutateBytes } from './mutate-bytes.ts';
import { pick, type Random } from './random.ts';

const EDGES: readonly unknown[] = [
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  1e308,
  null,
  true,
  [],
  {},
  '',
  [[]],
  [-1],
  [2 ** 40, 2 ** 40],
];

function nested(random: Random): unknown {
  let value: unknown = pick(random, EDGES);
  for (let depth = pick(random, [3, 100, 2000]); depth > 0; depth -= 1)
    value = depth % 2 === 0 ? [value] : { a: value };
  return value;
}

function edge(random: Random): unknown {
  const choice = random(5);
  if (choice === 0) return pick(random, BAD_TEXTS);
  return choice === 1 ? nested(random) : pick(random, EDGES);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Changes one value somewhere below. */
function changeValue(value: unknown, random: Random): unknown {
  if (Array.isArray(value) && value.length > 0 && random(4) > 0) {
    const at = random(value.length);
    if (random(5) === 0) return [...value, ...value.slice(at)];
    return value.map((item: unknown, i) => (i === at ? changeValue(item, random) : item));
  }
  if (isObject(value) && Object.keys(value).length > 0 && random(4) > 0) return changeObject(value, random);
  return edge(random);
}

function changeObject(value: Readonly<Record<string, unknown>>, random: Random): unknown {
  const key = pick(random, Object.keys(value));
  const choice = random(8);
  const entries = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    if (name !== key) return [[name, member]];
    if (choice === 0) return [];
    if (choice === 1) return [[pick(random, BAD_TEXTS), member]];
    return [[name, changeValue(member, random)]];
  });
  return Object.fromEntries(entries);
}

/** Changes one value of a JSON text, or its bytes. */
export function mutateJson(bytes: Uint8Array, random: Random): Uint8Array {
  if (random(3) === 0) return mutateBytes(bytes, random);
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return Buffer.from(JSON.stringify(changeValue(value, random)));
  } catch {
    return mutateBytes(bytes, random);
  }
}
