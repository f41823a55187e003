import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutEnd, cutStart, displayWidth, padEnd, padStart, toPrintable } from '../../src/tui/text-width.ts';

describe('text width', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['模型', 4],
    ['モデル', 6],
    ['한글', 4],
    ['🚀', 2],
    ['👩‍👩‍👧', 2],
    ['█▏', 2],
  ])('%j takes %i cells', (text, cells) => {
    expect(displayWidth(text)).toBe(cells);
  });

  it.each([
    [cutEnd, 'abcdef', 6, 'abcdef'],
    [cutEnd, 'abcdef', 4, 'abc…'],
    [cutEnd, '模型模型', 4, '模…'],
    [cutEnd, 'abc', 0, ''],
    [cutStart, 'a/b/c.pt', 5, '…c.pt'],
    [cutStart, 'abc', -3, ''],
    [padEnd, '模', 3, '模 '],
    [padStart, 'a', 3, '  a'],
  ] as const)('%o of %j in %i cells is %j', (act, text, cells, expected) => {
    expect(act(text, cells)).toBe(expected);
  });

  it('never takes more cells than there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, cells) => {
        expect(displayWidth(cutEnd(text, cells))).toBeLessThanOrEqual(cells);
        expect(displayWidth(cutStart(text, cells))).toBeLessThanOrEqual(cells);
      }),
    );
  });

  it('lets no control character of a file name reach the screen', () => {
    expect(toPrintable('a\u001b[31mb\nc\u202ed')).toBe('a\ufffd[31mb\ufffdc\ufffdd');
  });
});
