import { describe, expect, it } from 'vitest';
import { type CanonicalValue, decodeCanonical, encodeCanonical } from '../../src/objects/canonical.ts';
import { asMap } from '../../src/objects/fields.ts';
import { decodePrunedRecord, encodePrunedRecord } from '../../src/objects/pruned-record.ts';
import { samplePruned } from './samples.ts';

/** The sample's stored form with one key replaced. */
function forge(key: string, value: CanonicalValue): Uint8Array {
  return encodeCanonical({ ...asMap(decodeCanonical(encodePrunedRecord(samplePruned)), 'the sample'), [key]: value });
}

const id = new Uint8Array(32);

describe('the record of pruned checkpoints', () => {
  it('does not depend on the order of its checkpoints', () => {
    const [first] = samplePruned.checkpoints;
    if (first === undefined) throw new Error('the sample has one');
    const other = { ...first, id: samplePruned.trajectories[0]?.members[0]?.id ?? first.id };
    const [a, b] = [
      [first, other],
      [other, first],
    ].map((checkpoints) => encodePrunedRecord({ ...samplePruned, checkpoints }));
    expect(a).toEqual(b);
  });

  it.each<[string, string, CanonicalValue]>([
    ['a key it does not know', 'extra', 1],
    ['a pruning that is not listed', 'checkpoints', [[id, 1, []]]],
    ['a short id', 'checkpoints', [[new Uint8Array(31), 0, []]]],
    ['a file without a hash', 'checkpoints', [[id, 0, [['', 1]]]]],
    ['a time that is no number', 'prunings', [['now', 'x']]],
    [
      'a direction it does not know',
      'trajectories',
      [{ members: [], isOrdered: true, orderConfidence: 1, direction: 'up' }],
    ],
    [
      'a position that is no number',
      'trajectories',
      [{ members: [[id, null]], isOrdered: true, orderConfidence: 1, direction: 'unknown' }],
    ],
    ['an edge without a weight', 'edges', [[id, id, 'next', 1]]],
  ])('is refused with %s', (_case, key, value) => {
    expect(() => decodePrunedRecord(forge(key, value))).toThrowError(expect.objectContaining({ code: 'corrupt' }));
  });

  it('keeps how sure a fork is, exactly and within one, and reads records that have only the first', () => {
    const [first] = samplePruned.trajectories;
    if (first === undefined) throw new Error('the sample has one');
    const id = first.members[0]?.id ?? samplePruned.edges[0]?.parent;
    if (id === undefined) throw new Error('the sample has members');
    for (const forkedFrom of [
      { id, confidence: 0.5, confidenceWithinOne: 0.75 },
      { id, confidence: 0.5 },
    ]) {
      const record = { ...samplePruned, trajectories: [{ ...first, forkedFrom }] };
      expect(decodePrunedRecord(encodePrunedRecord(record)).trajectories[0]?.forkedFrom).toEqual(forkedFrom);
    }
  });

  it('of a newer wsvc is told as that', () => {
    expect(() => decodePrunedRecord(forge('version', 2))).toThrowError(
      expect.objectContaining({ code: 'format-version' }),
    );
  });
});
