import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBlobStore, openBlobStore } from '../../src/store/pack-blob-store.ts';
import { packDirectory } from '../../src/store/pack-file.ts';
import { MAX_CHAIN_DEPTH, MAX_RESTORE_FACTOR, MAX_RESTORE_WORK } from '../../src/store/restore-work.ts';
import { readExampleBytes } from '../document.ts';
import { idOf, putAll, testCoder } from './blobs.ts';
import { expectBlobsClean } from './repository.ts';
import { temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders();
const text = new TextEncoder().encode('wsvc');
const numbers = new Uint8Array(new Float32Array([1, 2]).buffer);
const blobs = [
  { plain: text, hint: { type: 'bytes' as const } },
  { plain: numbers, hint: { type: 'f32' as const } },
];

describe('the example pack of docs/format.md', () => {
  const bytes = readExampleBytes('format.md', 'pack');
  const name = `${Buffer.from(bytes.subarray(bytes.byteLength - 32)).toString('hex')}.pack`;

  it('is what is written for those blobs', async () => {
    const directory = await temporary();
    // The test coder stores plain bytes as codec 0, as the example does; the real one might find something shorter.
    await putAll(await createBlobStore(directory, { coder: testCoder }), blobs);
    expect(await readdir(packDirectory(directory))).toEqual([name]);
    expect(new Uint8Array(await readFile(join(packDirectory(directory), name)))).toEqual(bytes);
  });

  it('is read by the real codec', async () => {
    const directory = await temporary();
    await createBlobStore(directory);
    await writeFile(join(packDirectory(directory), name), bytes);
    const store = await openBlobStore(directory);
    expect(await store.read(idOf(text))).toEqual(text);
    expect(await store.read(idOf(numbers))).toEqual(numbers);
    await expectBlobsClean(store);
  });

  it('is of the bounds that the document states', () => {
    expect([MAX_CHAIN_DEPTH, MAX_RESTORE_FACTOR, MAX_RESTORE_WORK]).toEqual([8, 4, 9]);
  });
});
