import { expect, test } from 'vitest';
import { inferFromNames } from '../../src/symmetry/names/infer-from-names.ts';

const layer = (path: string, out: number, into: number) => [
  { name: `${path}.weight`, shape: [out, into] },
  { name: `${path}.bias`, shape: [out] },
];
const conv = (path: string, out: number, into: number) => [{ name: `${path}.weight`, shape: [out, into, 3, 3] }];

/** What rules that look at pairs of layers would take many minutes for: each place by itself is as in a small model. */
test.each([
  ['a Sequential', (i: number) => layer(`net.${2 * i}`, 3 + (i % 2), 4 - (i % 2)), 59_997],
  ['blocks', (i: number) => [...layer(`blocks.${i}.fc1`, 8, 4), ...layer(`blocks.${i}.fc2`, 4, 8)], 60_000],
  ['convolutions in blocks', (i: number) => [...conv(`b.${i}.conv1`, 6, 4), ...conv(`b.${i}.conv2`, 4, 6)], 40_000],
] as const)('20,000 layers of one model are placed: %s', (_what, make, placedAxes) => {
  const { tensors } = inferFromNames(Array.from({ length: 20_000 }, (_, i) => make(i)).flat());
  const labels = [...tensors.values()].flatMap((axes) => axes.labels.filter((label) => label !== null));
  expect(labels.length).toBe(placedAxes);
});
