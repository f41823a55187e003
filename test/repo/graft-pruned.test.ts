import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Forest, LineageEdge, Member, RecoveredTrajectory } from '../../src/lineage/model.ts';
import { type ManifestId, parseManifestId } from '../../src/objects/ids.ts';
import type { FrozenTrajectory, PrunedRecord } from '../../src/objects/pruned-record.ts';
import { graftPruned } from '../../src/repo/graft-pruned.ts';

const idOf = (name: string): ManifestId => parseManifestId(createHash('sha256').update(name).digest('hex'));
const CERTAIN = { isOrdered: true, orderConfidence: 1, direction: 'inferred' } as const;

function trajectory(names: readonly string[], trunk?: string): RecoveredTrajectory & FrozenTrajectory {
  const members = names.map((name, position) => ({ id: idOf(name), position }));
  return { ...CERTAIN, members, ...(trunk === undefined ? {} : { forkedFrom: { id: idOf(trunk), confidence: 0.9 } }) };
}

const edge = (child: string, parent: string): LineageEdge => ({
  child: idOf(child),
  parent: idOf(parent),
  relation: 'next',
  confidence: 1,
  weight: 1,
});

/** Checkpoints whose sketches stand in a line. */
function membersOf(names: readonly string[]): readonly Member[] {
  return names.map((name, place) => {
    const summary = { centred: Float32Array.of(place) } as unknown as Member['summary'];
    return { id: idOf(name), summary, source: name };
  });
}

const record = (trajectories: readonly FrozenTrajectory[], edges: PrunedRecord['edges'] = []): PrunedRecord => ({
  checkpoints: [],
  trajectories,
  edges,
});

function graft(found: Forest, frozen: PrunedRecord, names: readonly string[]): Forest {
  return graftPruned(found, frozen, membersOf(names));
}

describe('graftPruned', () => {
  it('makes no trajectory a fork of what was put into it', () => {
    const found = { trajectories: [trajectory(['a0', 'n']), trajectory(['a2'], 'n')], edges: [] };
    const { trajectories } = graft(found, record([trajectory(['a0', 'a1', 'a2'])]), ['a0', 'a1', 'a2', 'n']);
    expect(trajectories).toHaveLength(1);
    expect(trajectories[0]?.forkedFrom).toBeUndefined();
  });

  it('makes no trajectory a fork of its own branch', () => {
    const branch = trajectory(['n'], 'a0');
    const found = { trajectories: [trajectory(['a0']), branch, trajectory(['a2'], 'n')], edges: [] };
    const { trajectories } = graft(found, record([trajectory(['a0', 'a1', 'a2'])]), ['a0', 'a1', 'a2', 'n']);
    expect(trajectories).toEqual([trajectory(['a0', 'a1', 'a2']), branch]);
  });

  it('takes from a later recovery where a run came from that has arrived since', () => {
    const found = { trajectories: [trajectory(['n', 'm']), trajectory(['a0', 'a2'], 'n')], edges: [] };
    const { trajectories } = graft(found, record([trajectory(['a0', 'a1', 'a2'])]), ['a0', 'a1', 'a2', 'n', 'm']);
    expect(trajectories).toEqual([trajectory(['a0', 'a1', 'a2'], 'n'), trajectory(['n', 'm'])]);
  });

  it('lets stand how frozen trajectories descend from each other', () => {
    const frozen = record([trajectory(['a0', 'a1']), trajectory(['b0', 'b1'], 'a0')], [edge('b0', 'a0')]);
    const found = {
      trajectories: [trajectory(['b0', 'b1']), trajectory(['a0'], 'b0')],
      edges: [edge('a0', 'b0'), edge('b1', 'b0')],
    };
    const { trajectories, edges } = graft(found, frozen, ['a0', 'a1', 'b0', 'b1']);
    expect(trajectories).toEqual(frozen.trajectories);
    expect(edges).toEqual(frozen.edges);
  });
});
