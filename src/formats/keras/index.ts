import { memorySource } from '../../bytes/memory-source.ts';
import { sliceSource } from '../../bytes/slice-source.ts';
import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { Format } from '../format.ts';
import { openHdf5 } from '../hdf5/open.ts';
import { decodeUtf8, isJsonObject, parseJson } from '../json.ts';
import { readZipDirectory, readZipEntry, storedChecksums, type ZipEntry } from '../zip/index.ts';

const WEIGHTS = 'model.weights.h5';
const ZIP_MAGIC = 0x50;
const STORED = 0;
/** A configuration of thousands of layers has some 10 MB. */
const MAX_JSON_BYTES = 100_000_000;
/** A deflated member is read into memory. Keras stores its weights, so this is for archives that somebody packed again. */
const MAX_INFLATED_BYTES = 1024 * 1024 * 1024;

/** Keras 3 archives: a configuration and the weights as HDF5. */
export const keras: Format = {
  name: 'keras',
  matches: (head, fileName) => head[0] === ZIP_MAGIC && (fileName.endsWith('.keras') || namesKerasMember(head)),
  async open(primary, files) {
    const directory = await readZipDirectory(primary);
    const weights = directory.find(({ name }) => name === WEIGHTS);
    if (weights === undefined) throw badFile('keras', `the archive must hold ${WEIGHTS}`);
    const metadata = await readJson(primary, directory, 'metadata.json');
    const isStored = weights.method === STORED;
    const checkpoint = await openHdf5({
      format: 'keras',
      files: [{ name: files.primary, source: primary }],
      source: await openMember(primary, weights),
      ...(isStored ? { offset: weights.dataOffset } : {}),
      model: await readJson(primary, directory, 'config.json'),
      declared: toDeclared(isJsonObject(metadata) ? Object.entries(metadata) : []),
    });
    return { ...checkpoint, checksums: storedChecksums(directory, 0) };
  },
};

/** Keras writes `metadata.json` and `config.json` first. */
function namesKerasMember(head: Uint8Array): boolean {
  const name = Buffer.from(head.subarray(30, 43)).toString('latin1');
  return name === 'metadata.json' || name.startsWith('config.json');
}

async function openMember(primary: ByteSource, member: ZipEntry): Promise<ByteSource> {
  if (member.method === STORED) return sliceSource(primary, member.dataOffset, member.byteLength);
  return memorySource(await readZipEntry(primary, member, { limit: MAX_INFLATED_BYTES }));
}

/** The member's value; `undefined` where it is missing or no JSON: the weights can be read without. */
async function readJson(primary: ByteSource, directory: readonly ZipEntry[], name: string): Promise<unknown> {
  const member = directory.find((entry) => entry.name === name);
  if (member === undefined) return undefined;
  const text = decodeUtf8(await readZipEntry(primary, member, { limit: MAX_JSON_BYTES }));
  return text === undefined ? undefined : parseJson(text);
}
