import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadFileError } from '../../../src/errors.ts';
import { asBytes, asTextMap, MAX_NODES, type PickleValue, readPickle } from '../../../src/formats/pickle/index.ts';
import { pythonHas, runPython } from '../../peers.ts';

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const read = (text: string) => readPickle(latin1(text)).value;

function brokenRule(text: string | Uint8Array): { rule: string; byteOffset: number | undefined } {
  try {
    readPickle(typeof text === 'string' ? latin1(text) : text);
  } catch (error) {
    if (error instanceof BadFileError) return { rule: error.broken.rule, byteOffset: error.broken.byteOffset };
    throw error;
  }
  throw new Error('The pickle was read.');
}

describe('values', () => {
  test.each<[string, string, PickleValue]>([
    ['None', 'N.', null],
    ['old booleans', 'I01\n.', true],
    ['decimal', 'I-42\n.', -42],
    ['long text', 'L123456789012345678901L\n.', 123456789012345678901n],
    ['long bytes', '\x8a\x01\xff.', -1],
    ['empty long', '\x8a\x00.', 0],
    ['long beyond a double', '\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.', 2n ** 64n],
    ['float text', 'F1.5e3\n.', 1500],
    ['infinite float', 'F-inf\n.', Number.NEGATIVE_INFINITY],
    ['float', 'G\x3f\xf8\x00\x00\x00\x00\x00\x00.', 1.5],
    ['quoted string', "S'a\\x41\\n\\\\'\n.", 'aA\n\\'],
    ['escaped text', 'V\\u65e5\xe9\n.', '日é'],
    ['old bytes that are no text', 'U\x02\xff\x00.', new Uint8Array([0xff, 0])],
    ['old bytes that may be text', 'U\x02ab.', 'ab'],
    ['bytes', 'C\x02\x00\x01.', new Uint8Array([0, 1])],
    ['duplicate', 'K\x072\x86.', { kind: 'tuple', items: [7, 7] }],
    ['pop of a mark', '(0N.', null],
    ['None from the memo', 'Nq\x00h\x00\x86.', { kind: 'tuple', items: [null, null] }],
    ['memo entries out of order', 'K\x01q\x01K\x02q\x000h\x00h\x01\x87.', { kind: 'tuple', items: [1, 2, 1] }],
    ['set', '\x8f(K\x01\x90.', { kind: 'set', items: [1] }],
    ['persistent id', 'Pabc\n.', { kind: 'persistent', id: 'abc' }],
  ])('%s', (_, text, value) => {
    expect(read(text)).toEqual(value);
  });

  test('a call is a record and nothing else', () => {
    const system = { kind: 'global', module: 'os', name: 'system' };
    const record = { kind: 'object', callee: system, args: ['rm -rf /'], items: [], entries: [] };
    expect(read("cos\nsystem\n(S'rm -rf /'\ntR.")).toEqual(record);
    expect(read("(cos\nsystem\nS'rm -rf /'\no.")).toEqual(record);
    expect(read("(S'rm -rf /'\nios\nsystem\n.")).toEqual(record);
  });

  test('keys of every name are only keys', () => {
    const value = read('}X\x09\x00\x00\x00__proto__K\x01s.');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(asTextMap(value)?.has('__proto__')).toBe(true);
  });

  test('what refers to itself ends', () => {
    const value = read(']q\x00h\x00a.');
    expect(value).toMatchObject({ kind: 'list' });
  });

  test('a million levels need no recursion', () => {
    expect(read(`${'('.repeat(1e6)}${'t'.repeat(1e6)}.`)).toMatchObject({ kind: 'tuple' });
    expect(read(`]${'\x85N0'.repeat(1e6)}.`)).toMatchObject({ kind: 'tuple' });
  });

  test('a long of a megabyte is read', () => {
    const digits = new Uint8Array(1 << 20).fill(0x11);
    // Quadratic conversion would take minutes, and end in the test's own limit.
    expect(readPickle(new Uint8Array([0x8b, 0, 0, 0x10, 0, ...digits, 0x2e]))).toBeDefined();
  }, 60_000);
});

describe('broken pickles', () => {
  test.each<[string, string, RegExp, number]>([
    ['no opcode', 'N\xff.', /0xff must be an opcode/, 1],
    ['too new', '\x80\x06N.', /the protocol must be at most 5/, 2],
    ['nothing to take', '0.', /hold what an operation takes/, 1],
    ['no value at the end', '.', /hold what an operation takes/, 1],
    ['two values at the end', 'NN.', /leave one value/, 3],
    ['a mark that was not set', 't.', /mark must have been set/, 1],
    ['below the mark', 'N(a.', /below the mark/, 3],
    ['memo before it is stored', 'h\x05.', /memo entry 5/, 2],
    ['odd dict', '(Nd.', /a value for every key/, 3],
    ['append to no list', 'NNa.', /find a list/, 3],
    ['append to a tuple', ')Na.', /appended to a list or set/, 3],
    ['store into no dict', ']NNs.', /stored into a dict/, 4],
    ['call without a tuple', 'cos\nsystem\nNR.', /arguments of a call must be a tuple/, 13],
    ['global without texts', 'NN\x93.', /global must be named by texts/, 3],
    ['state of no object', ']Nb.', /given to an object/, 3],
    ['object without a class', '(o.', /must have a class/, 2],
    ['string without quotes', 'Sabc\n.', /must be in quotes/, 1],
    ['integer that is none', 'I1x\n.', /decimal digits/, 1],
    ['float that is none', 'Fabc\n.', /float must be a number/, 1],
    ['negative length', '\x8b\xff\xff\xff\xff.', /length must not be negative/, 5],
    ['index that is none', 'N' + 'p-1\n.', /memo index/, 2],
    ['long text', `L${'9'.repeat(5000)}L\n.`, /more than 4300 digits/, 1],
    ['out-of-band buffer', '\x97.', /0x97 must be an opcode/, 0],
    ['bytes beyond the end', 'B\xff\xff\xff\x7fab', /must end before its bytes do/, 7],
    ['huge length', '\x8e\xff\xff\xff\xff\xff\xff\xff\xffab', /must end before its bytes do/, 11],
    ['frame beyond the end', '\x95\xff\x00\x00\x00\x00\x00\x00\x00N.', /must end before its bytes do/, 11],
  ])('%s', (_, text, rule, byteOffset) => {
    const broken = brokenRule(text);
    expect(broken.rule).toMatch(rule);
    expect(broken.byteOffset).toBe(byteOffset);
  });

  test('memory is bounded', () => {
    const nodes = new Uint8Array(MAX_NODES + 10).fill(0x7d);
    expect(brokenRule(nodes).rule).toMatch(/must not hold more than/);
    const memo = new Uint8Array(MAX_NODES + 10).fill(0x94);
    memo[0] = 0x4e;
    expect(brokenRule(memo).rule).toMatch(/^the memo .* must not hold more/);
  });

  test('random bytes are read or refused, never anything else', () => {
    const opcodes = [...'(.0125FIJKLMNPQRSTUVXabcdeghijlopqrstu)}]BC'].map((c) => c.charCodeAt(0));
    const byte = fc.oneof(
      fc.integer({ min: 0x80, max: 0x97 }),
      fc.constantFrom(...opcodes),
      fc.integer({ min: 0, max: 12 }),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (bytes) => {
        try {
          readPickle(new Uint8Array([...bytes, 0x2e]));
        } catch (error) {
          if (!(error instanceof BadFileError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });
});

/** Python's values as JSON, and their pickles in all protocols. */
const PEER = `
import json, pickle, collections
shared = [1, 2]
values = [None, True, 0, -1, 255, 256, 65536, -2**31, 2**53 - 1, 1.5, -0.25, 1e300, "", "abc", "日本", "é" * 300, "line\\nquote'\\\\", [], [1, [2, [3]]],
          {"a": 1, "b": {"c": [None, False]}}, [shared, shared], list(range(3000)), {str(i): i for i in range(2000)}]
print(json.dumps([[value, [pickle.dumps(value, p).hex() for p in range(6)]] for value in values]))
`;

function plain(value: PickleValue): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value.kind === 'list') return value.items.map(plain);
  const map = asTextMap(value);
  return map === undefined ? value : Object.fromEntries([...map].map(([key, member]) => [key, plain(member)]));
}

describe.skipIf(!pythonHas('pickle'))('pickles of Python', () => {
  test('all protocols read as the values they were', () => {
    const cases: [unknown, string[]][] = JSON.parse(runPython(PEER));
    for (const [value, pickles] of cases) {
      for (const hex of pickles)
        expect(plain(readPickle(new Uint8Array(Buffer.from(hex, 'hex'))).value)).toEqual(value);
    }
  });

  test('bytes of all protocols read as bytes, and every truncation fails', () => {
    const script = 'import pickle\nprint(" ".join(pickle.dumps(bytes(range(256)), p).hex() for p in range(6)))';
    for (const hex of runPython(script).trim().split(' ')) {
      const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
      expect(asBytes(readPickle(bytes).value)).toEqual(new Uint8Array(256).map((_, i) => i));
      for (let length = 0; length < bytes.byteLength; length += 1) {
        expect(brokenRule(bytes.subarray(0, length)).rule).toMatch(/must end before its bytes do/);
      }
    }
  });
});
