import { describe, expect, it } from 'vitest';
import { formatConfidence } from '../../src/charts/describe.ts';

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
