import { describe, expect, test } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import type { OpenCheckpoint } from '../../src/formats/format.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import { findWriter } from '../../src/formats/writers.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import { type Member, unzipBytes, zipBytes } from '../fuzz/zip-bytes.ts';
import { memoryFiles } from './files.ts';

/** The members of a file of one tensor, which is the largest of them. */
async function membersOf(format: 'pytorch' | 'npz'): Promise<readonly Member[]> {
  const data = new Uint8Array(Float32Array.from({ length: 600 }, (_, i) => i / 7).buffer);
  const tensor = {
    name: 'w',
    dtype: 'f32',
    shape: [600],
    async *bytes() {
      yield data;
    },
  } as const;
  const [file] = findWriter(format)?.write([tensor], { fileName: 'm' }) ?? [];
  return file === undefined ? [] : (unzipBytes(await collectBytes(file.bytes())) ?? []);
}

/** A byte of the tensor is another than the one that the checksum was made of. */
function damage(members: readonly Member[], change: Partial<Member> = {}, checksum?: number): Buffer {
  const largest = members.reduce((best, one) => (one.bytes.byteLength > best.bytes.byteLength ? one : best));
  const whole = zipBytes([{ ...largest, ...change }]);
  const stated = checksum ?? whole.readUInt32LE(14);
  const bytes = largest.bytes.map((byte, i) => (i === largest.bytes.byteLength - 9 ? byte ^ 1 : byte));
  return zipBytes(
    members.map((one) => (one === largest ? { ...one, ...change, bytes, says: { checksum: stated } } : one)),
  );
}

const open = (bytes: Uint8Array, name: string): Promise<OpenCheckpoint> =>
  openKnownCheckpoint(memoryFiles({ [name]: bytes }));

describe.each([
  ['pytorch', 'm.pt'],
  ['npz', 'm.npz'],
] as const)('checksums of members: %s', (format, name) => {
  test('what is whole is summarised', async () => {
    const members = await membersOf(format);
    expect((await summarize(await open(zipBytes(members), name))).tensors).toHaveLength(1);
  });

  test.each([false, true])('a damaged member is refused, deflated: %s', async (isDeflated) => {
    const damaged = damage(await membersOf(format), { isDeflated });
    await expect(open(damaged, name).then((checkpoint) => summarize(checkpoint))).rejects.toMatchObject({
      code: 'bad-file',
      broken: { rule: expect.stringMatching(/must have the checksum it states/), byteOffset: expect.any(Number) },
    });
  });
});

test.each([false, true])('PyTorch may leave the checksum out, deflated: %s', async (isDeflated) => {
  const without = damage(await membersOf('pytorch'), { isDeflated }, 0);
  expect((await summarize(await open(without, 'm.pt'))).tensors).toHaveLength(1);
});
