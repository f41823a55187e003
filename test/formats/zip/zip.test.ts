import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collectBytes, joinBytes } from '../../../src/bytes/collect.ts';
import { memorySource } from '../../../src/bytes/memory-source.ts';
import { type ByteSource, CHUNK_BYTES } from '../../../src/bytes/source.ts';
import { BadFileError } from '../../../src/errors.ts';
import { readZipDirectory, readZipEntry, writeZip, type ZipMember } from '../../../src/formats/zip/index.ts';
import { pythonHas, runPython } from '../../peers.ts';

const text = (value: string) => new TextEncoder().encode(value);

function memberOf(name: string, bytes: Uint8Array): ZipMember {
  return {
    name,
    byteLength: bytes.byteLength,
    async *bytes() {
      yield bytes;
    },
  };
}

interface Written {
  readonly name: Uint8Array;
  readonly plain: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly byteLength?: number;
  readonly checksum?: number;
  /** How often the directory lists the member. */
  readonly listed?: number;
}

/** A zip of one member, written by hand so that any field can lie. */
function zipOf(written: Written) {
  const { name, plain, method = 0, flags = 0, byteLength = plain.byteLength, listed = 1 } = written;
  const checksum = written.checksum ?? crc32(plain);
  const data = method === 8 ? deflateRawSync(plain) : plain;
  const fields = Buffer.alloc(26);
  [20, flags, method, 0, 0x21].forEach((value, i) => {
    fields.writeUInt16LE(value, i * 2);
  });
  [checksum, data.byteLength, byteLength].forEach((value, i) => {
    fields.writeUInt32LE(value, 10 + i * 4);
  });
  fields.writeUInt16LE(name.byteLength, 22);
  const local = joinBytes([text('PK\x03\x04'), fields, name, data]);
  const central = joinBytes([text('PK\x01\x02'), new Uint8Array(2), fields, new Uint8Array(14), name]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(listed, 4);
  end.writeUInt16LE(listed, 6);
  end.writeUInt32LE(central.byteLength * listed, 8);
  end.writeUInt32LE(local.byteLength, 12);
  return joinBytes([local, ...Array<Uint8Array>(listed).fill(central), text('PK\x05\x06'), end]);
}

async function readFirst(bytes: Uint8Array, limit = 1e9): Promise<Uint8Array> {
  const source = memorySource(bytes);
  const [entry] = await readZipDirectory(source);
  if (entry === undefined) throw new Error('The archive is empty.');
  return readZipEntry(source, entry, { limit });
}

async function brokenRule(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BadFileError) return error.broken.rule;
  throw error ?? new Error('It was read.');
}

const plain = text('hello '.repeat(1000));

describe('reading', () => {
  test.each([0, 8])('method %i', async (method) => {
    expect(await readFirst(zipOf({ name: text('a'), plain, method }))).toEqual(plain);
  });

  test.each(['../x', '/abs', 'a\\b', 'C:/x', '日本', ''])('the name %j is only a name', async (name) => {
    const [entry] = await readZipDirectory(memorySource(zipOf({ name: text(name), plain })));
    expect(entry?.name).toBe(name);
  });

  test('a name that is no UTF-8 is read byte by byte', async () => {
    const [entry] = await readZipDirectory(memorySource(zipOf({ name: new Uint8Array([0xff, 0x61]), plain })));
    expect(entry?.name).toBe('ÿa');
  });

  test.each<[string, Partial<Written>, RegExp]>([
    ['encrypted', { flags: 1 }, /must not be encrypted/],
    ['another method', { method: 12 }, /not compressed with method 12/],
    ['wrong checksum', { checksum: 1 }, /must have the checksum/],
    ['more than it says', { method: 8, byteLength: 10 }, /must not hold more bytes/],
    ['less than it says', { method: 8, byteLength: 6001 }, /must hold as many bytes/],
    ['more than deflate can hold', { method: 8, byteLength: 1e9 }, /deflate can hold/],
    ['listed twice', { listed: 2 }, /must not overlap/],
    ['stored with another length', { byteLength: 6001 }, /must have one length/],
  ])('%s is refused', async (_, change, rule) => {
    expect(await brokenRule(readFirst(zipOf({ name: text('a'), plain, ...change })))).toMatch(rule);
  });

  test('a damaged deflate stream is refused', async () => {
    const bytes = zipOf({ name: text('a'), plain, method: 8 });
    bytes.fill(0xff, 31, 41);
    expect(await brokenRule(readFirst(bytes))).toMatch(/valid deflate stream/);
  });

  test('a member over the limit is refused', async () => {
    expect(await brokenRule(readFirst(zipOf({ name: text('a'), plain }), 100))).toMatch(/larger than 100 bytes/);
  });

  test('bytes before and after the archive are refused', async () => {
    const bytes = zipOf({ name: text('a'), plain });
    expect(await brokenRule(readFirst(joinBytes([text('x'), bytes])))).toMatch(/well formed/);
    expect(await brokenRule(readFirst(joinBytes([bytes, text('x')])))).toMatch(/well formed/);
  });

  test('every truncation is refused', async () => {
    const bytes = zipOf({ name: text('a'), plain: text('abc'), method: 8 });
    for (let length = 0; length < bytes.byteLength; length += 1) {
      expect(await brokenRule(readFirst(bytes.subarray(0, length)))).toMatch(/well formed/);
    }
  });

  test('any changed byte is read or refused', async () => {
    const bytes = zipOf({ name: text('name'), plain: text('abc'.repeat(20)), method: 8 });
    for (let i = 0; i < bytes.byteLength; i += 1) {
      for (const value of [0, 1, 0xff]) {
        const changed = bytes.slice();
        changed[i] = value;
        await readFirst(changed).catch((error: unknown) => {
          if (!(error instanceof BadFileError) && !/empty/.test(String(error))) throw error;
        });
      }
    }
  });
});

/** Keeps the pieces that are not all zero: an archive of gigabytes in some megabytes of memory. */
async function sparseSource(stream: AsyncIterable<Uint8Array>): Promise<ByteSource> {
  const pieces: { offset: number; bytes: Uint8Array }[] = [];
  let byteLength = 0;
  for await (const bytes of stream) {
    if (bytes.byteLength < CHUNK_BYTES) pieces.push({ offset: byteLength, bytes });
    byteLength += bytes.byteLength;
  }
  async function read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (const piece of pieces) {
      const from = Math.max(offset, piece.offset);
      const to = Math.min(offset + length, piece.offset + piece.bytes.byteLength);
      if (from < to) out.set(piece.bytes.subarray(from - piece.offset, to - piece.offset), from - offset);
    }
    return out;
  }
  return { byteLength, read, async *stream() {}, async close() {} };
}

describe('writing', () => {
  test('what is written reads back, aligned', async () => {
    const members = fc.array(
      fc.tuple(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.uint8Array({ maxLength: 200 })),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(members, fc.constantFrom(4, 64, 4096), async (list, alignment) => {
        const zip = writeZip(
          list.map(([name, bytes]) => memberOf(name, bytes)),
          { alignment },
        );
        const source = memorySource(await collectBytes(zip));
        const entries = await readZipDirectory(source);
        expect(entries.map((entry) => entry.name)).toEqual(list.map(([name]) => name));
        for (const [i, entry] of entries.entries()) {
          expect(entry.dataOffset % alignment).toBe(0);
          expect(await readZipEntry(source, entry, { limit: 1000 })).toEqual(new Uint8Array(list[i]?.[1] ?? []));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('members and offsets beyond four gigabytes', async () => {
    const zeros = new Uint8Array(CHUNK_BYTES);
    const pieces = 1030;
    const large: ZipMember = {
      name: 'large',
      byteLength: pieces * CHUNK_BYTES,
      async *bytes() {
        for (let i = 0; i < pieces; i += 1) yield zeros;
      },
    };
    const source = await sparseSource(writeZip([large, memberOf('after', text('abc'))], { alignment: 64 }));
    const [first, second] = await readZipDirectory(source);
    expect(first?.byteLength).toBe(pieces * CHUNK_BYTES);
    expect(second?.dataOffset).toBeGreaterThan(0xffffffff);
    expect(await source.read(second?.dataOffset ?? 0, 3)).toEqual(text('abc'));
  });

  test.skipIf(!pythonHas('zipfile'))('Python finds nothing wrong', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-zip-'));
    const many = Array.from({ length: 66000 }, (_, i) => memberOf(`m${i}`, text(String(i))));
    for (const [name, members] of [
      ['few.zip', [memberOf('日本/a', plain), memberOf('empty', text(''))]],
      ['many.zip', many],
    ] as const) {
      writeFileSync(join(folder, name), await collectBytes(writeZip(members)));
      const script = 'import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nprint(z.testzip(), len(z.namelist()))';
      expect(runPython(script, join(folder, name)).trim()).toBe(`None ${members.length}`);
    }
    rmSync(folder, { recursive: true });
  });
});
