import { describe, expect, it } from 'vitest';
import { type InkKey, readKeys } from '../../src/tui/read-keys.ts';

const NONE: InkKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageUp: false,
  pageDown: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  tab: false,
  backspace: false,
  delete: false,
  ctrl: false,
};

describe('readKeys', () => {
  it.each<[string, Partial<InkKey>, unknown]>([
    ['j', {}, [{ character: 'j' }]],
    ['', { upArrow: true }, [{ name: 'up' }]],
    ['\r', { return: true }, [{ name: 'enter' }]],
    ['', { delete: true }, [{ name: 'backspace' }]],
    ['c', { ctrl: true }, [{ name: 'interrupt' }]],
    ['u', { ctrl: true }, [{ name: 'clear-line' }]],
    ['f', { ctrl: true }, [{ name: 'page-down' }]],
    ['z', { ctrl: true }, []],
    ['jj', {}, [{ character: 'j' }, { character: 'j' }]],
    ['a\r', {}, [{ character: 'a' }, { name: 'enter' }]],
    ['\u0003', {}, [{ name: 'interrupt' }]],
    ['🚀', {}, [{ character: '🚀' }]],
    ['\u0000', {}, []],
    ['', {}, []],
  ])('reads %j with %j', (input, flags, expected) => {
    expect(readKeys(input, { ...NONE, ...flags })).toEqual(expected);
  });
});
