import { BAD_TEXTS, mutateBytes } from './mutate-bytes.ts';
import { pick, pickLength, type Random } from './random.ts';

/** Pieces of pickles that do something: containers, calls, memo, marks, numbers at the edges, globals that must not be found. */
const PIECES: readonly string[] = [
  ...[
    '(',
    ')',
    ']',
    '}',
    't',
    'l',
    'd',
    'a',
    'e',
    's',
    'u',
    '0',
    '1',
    '2',
    'N',
    '\x88',
    '\x89',
    '\x85',
    '\x86',
    '\x87',
    '\x8f',
    '\x90',
    '\x91',
  ],
  ...[
    'q\0',
    'h\0',
    'q\xff',
    'h\xff',
    'r\xff\xff\xff\x7f',
    'j\xff\xff\xff\x7f',
    '\x94',
    'p999999999\n',
    'g0\n',
    'p-1\n',
  ],
  ...[
    'cos\nsystem\n',
    'c__builtin__\neval\n',
    '\x93',
    'R',
    'b',
    '\x81',
    '\x92',
    'o',
    'ios\nsystem\n',
    'Q',
    'P0\n',
    '\x82\x01',
    '\x97',
    '\x98',
  ],
  ...[
    'J\xff\xff\xff\xff',
    'J\xff\xff\xff\x7f',
    '\x8a\x00',
    '\x8a\xff',
    '\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x7f',
    '\x8b\xff\xff\xff\x7f',
    'I99999999999999999999\n',
    'L1L\n',
    'Fnan\n',
    'G\x7f\xf0\0\0\0\0\0\0',
  ],
  ...[
    'X\xff\xff\xff\xff',
    'X\0\0\0\0',
    '\x8d\xff\xff\xff\xff\xff\xff\xff\x7f',
    'B\xff\xff\xff\x7f',
    '\x96\0\0\0\0\0\0\0\x01',
    'T\xff\xff\xff\xff',
    'U\xff',
    'S"',
    "S'\\x\n",
  ],
  ...['\x95\xff\xff\xff\xff\xff\xff\xff\x7f', '\x80\x05', '\x80\xff', '.'],
  ...[
    'ctorch._utils\n_rebuild_tensor_v2\n',
    'ctorch\nFloatStorage\n',
    'ctorch.storage\n_load_from_bytes\n',
    'cnumpy.core.multiarray\n_reconstruct\n',
  ],
];

/** Values that hold themselves, or each other. */
const CYCLES: readonly string[] = [
  ']q\x07h\x07a',
  '}q\x07Nh\x07s',
  ']q\x07]q\x08h\x07ah\x08a',
  'h\0h\0\x86',
  'h\0h\0h\0\x87q\0',
];

/** Texts as BINUNICODE. */
function badText(random: Random): Buffer {
  const text = Buffer.from(pick(random, BAD_TEXTS));
  const head = Buffer.alloc(5, 'X');
  head.writeUInt32LE(text.byteLength, 1);
  return Buffer.concat([head, text]);
}

function insertion(random: Random): Buffer {
  const choice = random(6);
  if (choice === 0) return Buffer.from(pick(random, CYCLES), 'latin1');
  if (choice === 1) return badText(random);
  if (choice === 2)
    return Buffer.from(
      pick(random, ['(', ']', '}', '\x85', ']q\0', '(]', 'N(']).repeat(pickLength(random, 4000)),
      'latin1',
    );
  if (choice === 3) return Buffer.from('h\0h\0\x86q\0'.repeat(1 + random(60)), 'latin1');
  return Buffer.from(Array.from({ length: 1 + random(4) }, () => pick(random, PIECES)).join(''), 'latin1');
}

/** Inserts operations into a pickle, or changes its bytes. */
export function mutatePickle(bytes: Uint8Array, random: Random): Uint8Array {
  if (random(2) === 0) return mutateBytes(bytes, random);
  const at = random(bytes.byteLength + 1);
  const removed = random(3) === 0 ? random(8) : 0;
  return Buffer.concat([bytes.subarray(0, at), insertion(random), bytes.subarray(at + removed)]);
}
