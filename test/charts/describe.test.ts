import { describe, expect, it } from 'vitest';
import { describePlace, formatConfidence } from '../../src/charts/describe.ts';

describe('formatConfidence', () => {
  it.each([
    [1, '>99.99 %'],
    [0.9999, '>99.99 %'],
    [0.99989, '99.99 %'],
    [0.9996, '99.96 %'],
    [0.999, '99.9 %'],
    [0.98, '98 %'],
    [0.8, '80 %'],
    [0.1234, '12.3 %'],
    [0.02, '2 %'],
  ])('%d is %s', (confidence, text) => {
    expect(formatConfidence(confidence)).toBe(text);
  });
});

describe('describePlace', () => {
  const start = { trajectory: 'run-1', position: 0, parent: null, relation: 'unrelated', confidence: 1 };

  it.each([
    ['run-1 at 0, a new trajectory', { ...start, isNewTrajectory: true }],
    // The first by position of a trajectory that was there before: nothing that it comes from, and not unrelated to it.
    ['run-1 at 0, its start', { ...start, isNewTrajectory: false }],
    ['run-1 at 2, next', { ...start, position: 2, parent: 'a'.repeat(40), relation: 'next', isNewTrajectory: false }],
    ['no weights, no place', { ...start, trajectory: null, isNewTrajectory: false }],
  ])('says %s', (phrase, placement) => {
    expect(describePlace(placement)).toBe(phrase);
  });
});
