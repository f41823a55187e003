import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPointer, isPointer, parsePointer } from '../../src/objects/pointer.ts';
import { samplePointer } from './samples.ts';

const text = formatPointer(samplePointer);
const broken = (change: (lines: string[]) => void): string => {
  const lines = text.split('\n');
  change(lines);
  return lines.join('\n');
};

describe('a pointer', () => {
  it('reads back as it was written', () => {
    expect(parsePointer(text)).toEqual(samplePointer);
    expect(parsePointer(formatPointer({ ...samplePointer, tensors: [] }))).toEqual({ ...samplePointer, tensors: [] });
    expect(isPointer(text)).toBe(true);
    expect(isPointer('# My model\n')).toBe(false);
  });

  it('holds every name on one visible line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const [tensor] = samplePointer.tensors;
        const pointer = { ...samplePointer, tensors: tensor === undefined ? [] : [{ ...tensor, name }] };
        const written = formatPointer(pointer);
        expect(written.split(/[\n\r\u0085\u2028\u2029]/)).toHaveLength(9);
        expect(/\p{Cc}|[\u202a-\u202e]/u.test(written.replaceAll('\n', ''))).toBe(false);
        expect(parsePointer(written)).toEqual(pointer);
      }),
    );
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['another text', 'hello\n'],
    ['no line end', text.slice(0, -1)],
    ['a line end of another system', text.replaceAll('\n', '\r\n')],
    ['a line more', `${text}\n`],
    ['no blank line', broken((lines) => lines.splice(6, 1))],
    ['header lines in another order', broken((lines) => lines.splice(1, 2, lines[2] ?? '', lines[1] ?? ''))],
    ['a short id', text.replace(/manifest ./, 'manifest ')],
    ['an id in capitals', text.replace(/manifest .*/, (line) => line.toUpperCase().replace('MANIFEST', 'manifest'))],
    ['a number with a zero before it', text.replace('bytes 12', 'bytes 012')],
    ['a number with a sign', text.replace('bytes 12', 'bytes -12')],
    ['a number beyond counting', text.replace('bytes 12', 'bytes 9999999999999999')],
    ['two spaces', text.replace(' f32 ', '  f32 ')],
    ['an axis with a zero before it', text.replace('[2,1]', '[02,1]')],
    ['a name without quotes', text.replace('"step"', 'step')],
    ['a name with a needless escape', text.replace('"step"', '"\\u0073tep"')],
    ['a name with a broken escape', text.replace('"step"', '"\\xtep"')],
  ])('with %s is refused', (_name, wrong) => {
    expect(() => parsePointer(wrong)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it.each<[string, string]>([
    ['version', text.replace('checkpoint 1', 'checkpoint 2')],
    ['format', text.replace('format safetensors', 'format next-year')],
    ['element type', text.replace(' f32 ', ' f4 ')],
  ])('of a newer %s is told as newer', (_name, newer) => {
    expect(() => parsePointer(newer)).toThrow(expect.objectContaining({ code: 'format-version' }));
  });
});
