import { expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive } from '../../src/lineage/model.ts';
import { prune } from './alter.ts';
import { reorderUnits } from './reorder-units.ts';
import { graphOf, idOf, membersOf, queryOf, trainRun } from './small-zoo.ts';

const trunk = trainRun({ seed: 31, epochs: 8 });
const fork = trainRun({ seed: 32, epochs: 4, start: trunk[5] ?? new Map(), data: 2 });

/** An archive in which a reordered copy's invariants and statistics only ever name checkpoints of one run: of a pruned copy both are rough. */
function namingOnly(archive: Archive, run: string): Archive {
  const isNamed = (key: string) => archive.members.find(({ id }) => id === key)?.trajectory === run;
  const others = archive.members.filter(({ trajectory }) => trajectory !== 'run-0');
  return {
    ...archive,
    spaces: () => new Map([...archive.spaces().keys()].map((space) => [space, others])),
    neighbors: (kind, query, k) =>
      kind === 'invariants'
        ? archive
            .neighbors(kind, query, archive.members.length)
            .filter(({ key }) => isNamed(key))
            .slice(0, k)
        : archive.neighbors(kind, query, k),
  };
}

it('goes from a fork that the invariants name to the trunk that a reordered and pruned checkpoint comes from', async () => {
  const others = await Promise.all([40, 41, 42, 43].map((seed, i) => membersOf(2 + i, trainRun({ seed, epochs: 3 }))));
  const entries = [...(await membersOf(0, trunk)), ...(await membersOf(1, fork)), ...others.flat()];
  const archive = memoryArchive(entries.map((entry) => ({ ...entry, graph: graphOf(entry.weights) })));
  const stored = trunk[3] ?? new Map();
  const query = prune(reorderUnits(stored, graphOf(stored), { seed: 3 }), 0.6);
  const answer = await identifyCheckpoint(
    await queryOf(query),
    namingOnly(archive, entries[trunk.length]?.trajectory ?? ''),
  );
  expect(answer).toMatchObject({ known: true, relation: 'permuted+pruned' });
  expect(answer.nearest?.id).toBe(idOf(0, 3));
});
