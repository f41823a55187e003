import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlobId } from '../../src/objects/ids.ts';
import { nodeDisk } from '../../src/store/disk.ts';
import { encodeRecord } from '../../src/store/pack-record.ts';
import { measureRecord } from '../../src/store/record-bases.ts';
import { scanRecords } from '../../src/store/scan-records.ts';
import { randomBytes } from './blobs.ts';
import { fastFolder, temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders(fastFolder());

function recordOf(payload: Uint8Array, bases: number): Uint8Array {
  const ids = Array.from({ length: bases }, (_, n) => parseBlobId(String(n % 10).repeat(64)));
  const baseType = bases === 0 ? {} : ({ baseType: 'f32' } as const);
  return encodeRecord({ codec: 1, type: 'f32', byteLength: payload.byteLength, bases: ids, ...baseType, payload });
}

/** Where records are found in a file of these pieces. */
async function scan(pieces: readonly Uint8Array[]): Promise<readonly (readonly [number, number])[]> {
  const path = join(await temporary(), 'pack');
  const bytes = Buffer.concat(pieces);
  await writeFile(path, bytes);
  const file = await nodeDisk.open(path, 'r');
  try {
    const found: [number, number][] = [];
    for await (const record of scanRecords(file, bytes.byteLength)) {
      expect(Buffer.compare(record.bytes, bytes.subarray(record.offset, record.offset + record.bytes.byteLength))).toBe(
        0,
      );
      found.push([record.offset, record.bytes.byteLength]);
    }
    return found;
  } finally {
    await file.close();
  }
}

/** Bytes that begin like records again and again. */
const junk = fc.array(fc.oneof(fc.constant(0x97), fc.constant(0xc4), fc.integer({ min: 0, max: 255 })), {
  maxLength: 300,
});
const record = fc.record({
  payload: fc.uint8Array({ maxLength: 400 }),
  bases: fc.integer({ min: 0, max: 15 }),
  before: junk,
  isDamaged: fc.boolean(),
});

describe('scanRecords', () => {
  it('finds every whole record, whatever stands between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 8 }), junk, async (records, after) => {
        const pieces: Uint8Array[] = [];
        const expected: [number, number][] = [];
        let at = 0;
        const push = (bytes: Uint8Array): void => {
          pieces.push(bytes);
          at += bytes.byteLength;
        };
        for (const { payload, bases, before, isDamaged } of records) {
          push(Uint8Array.from(before));
          const bytes = recordOf(payload, bases);
          expect(measureRecord(bytes)).toBe(bytes.byteLength);
          if (isDamaged) bytes[bytes.byteLength - payload.byteLength - 6] = 0xff;
          else expected.push([at, bytes.byteLength]);
          push(bytes);
        }
        push(Uint8Array.from(after));
        expect(await scan(pieces)).toEqual(expected);
      }),
      { seed: 20261128, numRuns: 60 },
    );
  });

  it('finds records that are larger than what is read at once', async () => {
    const large = recordOf(randomBytes(2_500_000, 1), 2);
    const small = recordOf(randomBytes(10, 2), 0);
    const pieces = [randomBytes(1_048_570, 3), large, small, randomBytes(30, 4), small];
    const starts = pieces.map((_, n) => pieces.slice(0, n).reduce((sum, { byteLength }) => sum + byteLength, 0));
    expect(await scan(pieces)).toEqual([1, 2, 4].map((n) => [starts[n], pieces[n]?.byteLength]));
  });
});
