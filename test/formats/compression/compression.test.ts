import { describe, expect, test } from 'vitest';
import {
  CompressionFault,
  decodeBzip2,
  decodeLz4,
  decodeLzmaAlone,
  decodeXz,
} from '../../../src/formats/compression/index.ts';
import { pythonHas, runPythonWith } from '../../peers.ts';
import { mutate, seededNumbers } from '../mutations.ts';

type Decode = (bytes: Uint8Array, limit: number) => Uint8Array | Promise<Uint8Array>;
const DECODERS: Readonly<Record<string, Decode>> = {
  bzip2: decodeBzip2,
  lz4: decodeLz4,
  lzma: decodeLzmaAlone,
  xz: decodeXz,
};
const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** `hello `, twelve times, as the formats' own tools write it. */
const PLAIN = Buffer.from('hello '.repeat(12));
const GOLDEN: Readonly<Record<string, Buffer>> = {
  bzip2: Buffer.from('QlpoOTFBWSZTWSSdEGcAABGRAEAAAkSgACClRgZoNLC+WFouF3JFOFCQJJ0QZw==', 'base64'),
  lz4: Buffer.from('BCJNGGRApxAAAABvaGVsbG8gBgAqUGVsbG8gAAAAALqM+hc=', 'base64'),
  'lz4 of blocks with checksums': Buffer.from('BCJNGHRAvRAAAABvaGVsbG8gBgAqUGVsbG8gp8TCeQAAAAC6jPoX', 'base64'),
  lzma: Buffer.from('XQAAgAD//////////wA0GUnujelYsk4uK///+8VAAA==', 'base64'),
  xz: Buffer.from(
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ABHAAxdADQZSe6N6ViyRS8AAADy1T7vhv/eTwABKEgj0twFH7bzfQEAAAAABFla',
    'base64',
  ),
  'xz with sha256': Buffer.from(
    '/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4ABHAAxdADQZSe6N6ViyRS8AAABZQsNxbwKCiT++BJuiDlYORZTV7hXLih4ofCASws61qQABQEiMM/ioGJtLmgEAAAAAClla',
    'base64',
  ),
};

async function faultOf(decode: Decode, bytes: Uint8Array, limit = 1 << 20): Promise<string | undefined> {
  try {
    await decode(bytes, limit);
    return undefined;
  } catch (error) {
    if (error instanceof CompressionFault) return error.rule;
    throw error;
  }
}

describe.each(Object.entries(GOLDEN))('%s', (name, stored) => {
  const decode = DECODERS[name.split(' ')[0] ?? ''] ?? decodeXz;

  test('gives what was compressed', async () => {
    expect(Buffer.from(await decode(stored, 1000))).toEqual(PLAIN);
  });

  test('gives no byte over the limit', async () => {
    expect(await faultOf(decode, stored, PLAIN.byteLength - 1)).toMatch(/must not inflate to over 71 bytes/);
  });

  test('every truncation is refused', async () => {
    // A file of nothing is one of no streams; the end mark of LZMA alone may be left out.
    for (let length = 1; length < stored.byteLength - 1; length += 1) {
      expect([length, await faultOf(decode, stored.subarray(0, length))]).toEqual([length, expect.any(String)]);
    }
  });

  test('mutants give a fault or bytes, and nothing else', async () => {
    const random = seededNumbers(11);
    let faults = 0;
    for (let i = 0; i < 500; i += 1) if ((await faultOf(decode, mutate(stored, random))) !== undefined) faults += 1;
    expect(faults).toBeGreaterThan(100);
  });
});

describe.skipIf(!pythonHas('lzma', 'bz2'))('what Python compresses', () => {
  test('is the same again: presets, checksums, contexts, several streams, a megabyte', async () => {
    const script = `
import lzma, bz2, sys, random, json, base64
random.seed(5)
plain = random.randbytes(50000) + bytes(100000) + b"".join(b"layer.%d.weight " % (i % 97) for i in range(5000))
two = [{"id": lzma.FILTER_LZMA2, "lc": 0, "lp": 2, "pb": 1, "dict_size": 65536}]
xz = lambda **k: lzma.compress(plain, **k)
print(json.dumps([base64.b64encode(x).decode() for x in [plain, xz(), xz(check=lzma.CHECK_SHA256), xz(check=lzma.CHECK_CRC32, filters=two),
  xz(check=lzma.CHECK_NONE, preset=0), xz() + bytes(8) + xz(), xz(format=lzma.FORMAT_ALONE), bz2.compress(plain), bz2.compress(plain, 1) + bz2.compress(plain)]]))`;
    const all: string[] = JSON.parse(runPythonWith(['lzma', 'bz2'], script));
    const [plain = Buffer.alloc(0), ...stored] = all.map((text) => Buffer.from(text, 'base64'));
    const decoders = [decodeXz, decodeXz, decodeXz, decodeXz, decodeXz, decodeLzmaAlone, decodeBzip2, decodeBzip2];
    for (const [i, bytes] of stored.entries()) {
      const decoded = Buffer.from(await (decoders[i] ?? decodeXz)(bytes, 1 << 24));
      expect(decoded.equals(i === 4 || i === 7 ? Buffer.concat([plain, plain]) : plain), String(i)).toBe(true);
    }
  });
});

describe('rules', () => {
  test.each<[string, Decode, Buffer, RegExp]>([
    ['a match before the beginning', decodeLz4, hex('04224d18 60 40 82 03000000 00 0100 00000000'), /must point into/],
    ['a header with another checksum', decodeLz4, hex('04224d18 60 40 83 00000000'), /header must have its checksum/],
    ['something behind a frame', decodeLz4, hex('04224d18 60 40 82 00000000 01020304'), /must be another/],
    ['properties over 224', decodeLzmaAlone, hex('ff 00008000 ffffffffffffffff 00'), /below 225/],
    ['a claim of a terabyte', decodeLzmaAlone, hex('5d 00008000 0000000000010000 00'), /must not inflate/],
    [
      'a first byte that is no zero',
      decodeLzmaAlone,
      hex('5d 00008000 ffffffffffffffff 01 00000000'),
      /begin with a zero/,
    ],
    ['no stream', decodeXz, hex('000102030405060708090a0b'), /begin with its sign/],
  ])('%s', async (_, decode, bytes, rule) => {
    expect(await faultOf(decode, bytes)).toMatch(rule);
  });
});
