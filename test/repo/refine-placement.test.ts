import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/repo/finding-memo.ts';
import { type Placement, refinePlacement } from '../../src/repo/refine-placement.ts';
import { idOf } from '../lineage/pile.ts';

const [own, last, before] = ['own', 'last', 'before'].map(idOf) as [
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
];

const placement: Placement = {
  id: own,
  trajectory: 'run-1',
  position: 23,
  parents: [{ id: before, weight: 1 }],
  relation: 'between',
  confidence: 0.56,
  edge: 'inferred',
  isNewTrajectory: false,
};

const finding: Finding = {
  known: true,
  relation: 'fine-tuned',
  direction: 'forward',
  parents: [{ id: last, weight: 1 }],
  confidence: 0.986,
};

describe('a placement and what the comparison with single checkpoints says', () => {
  it('is as sure as the comparison where both name the same parent', () => {
    const parents = [{ id: before, weight: 1 }];
    expect(refinePlacement(placement, { ...finding, relation: 'next', parents })).toMatchObject({
      relation: 'between',
      confidence: 0.986,
    });
  });

  it('is not surer than half where they name different ones', () => {
    expect(refinePlacement(placement, finding)).toMatchObject({ relation: 'between', confidence: 0.5 });
    expect(refinePlacement({ ...placement, confidence: 0.3 }, finding).confidence).toBe(0.3);
  });

  it('follows the comparison where that shows an alteration', () => {
    expect(refinePlacement(placement, { ...finding, relation: 'cast' })).toMatchObject({
      relation: 'cast',
      parents: finding.parents,
      confidence: 0.986,
    });
  });
});
