import { expect, it } from 'vitest';
import { createContentIndex, tellingTensors } from '../../src/lineage/contents.ts';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import { mapTensors } from './alter.ts';
import { membersOf, trainRun } from './small-zoo.ts';

it('answers the same from its tables as by looking at every member', async () => {
  const [a, b] = [21, 22].map((seed) => trainRun({ seed, epochs: 4 }));
  // Shares the first tensor of each with the others: some hold one content, some many.
  const mixed = (a ?? []).map((weights, i) => new Map([...weights, ...[...(b?.[i] ?? [])].slice(0, 2)]));
  const twice = (b ?? []).map((weights) => mapTensors(weights, ({ data }) => data.slice()));
  const members: MemoryEntry[] = [];
  for (const [run, weights] of [a, b, mixed, twice].entries()) members.push(...(await membersOf(run, weights ?? [])));
  const asked = createContentIndex(members);
  // Enough questions to make its tables.
  for (const { summary } of members) asked.findEqual(summary);
  for (const { summary } of members) {
    const fresh = createContentIndex(members);
    const wanted = new Set(tellingTensors(summary).map(({ content }) => content));
    const held = fresh.findHolders(wanted);
    expect([...held.values()].every((holders) => holders.length > 0)).toBe(true);
    expect([...asked.findHolders(wanted)]).toEqual([...held]);
    const equal = fresh.findEqual(summary);
    expect(equal.withWeights.length).toBeGreaterThan(0);
    expect(asked.findEqual(summary)).toEqual(equal);
  }
});
