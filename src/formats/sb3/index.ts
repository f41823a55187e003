import { memorySource } from '../../bytes/memory-source.ts';
import { sliceSource } from '../../bytes/slice-source.ts';
import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { FileRange, Format, TensorEntry } from '../format.ts';
import { decodeUtf8, isJsonObject, parseJson } from '../json.ts';
import { type ArchiveContent, readArchive, toCheckpoint } from '../pytorch/checkpoint.ts';
import { openLegacyStream } from '../pytorch/legacy-stream.ts';
import { openZipArchive } from '../pytorch/zip-archive.ts';
import { readZipDirectory, readZipEntry, storedChecksums, type ZipEntry } from '../zip/index.ts';

const POLICY = 'policy.pth';
const ZIP_MAGIC = 0x50;
const STORED = 0;
/** Settings and their pickles, in JSON. */
const MAX_DATA_BYTES = 64 * 1024 * 1024;
/** A deflated member is read into memory. PyTorch members hold random bits, which deflate cannot shrink by more. */
const MAX_INFLATION = 16;

/** Archives of Stable-Baselines3: the policy's weights under their own names, the optimizer's and others' below their member's. */
export const sb3: Format = {
  name: 'sb3',
  matches: (head, fileName) => beginsWithData(head) || (fileName.endsWith('.zip') && head[0] === ZIP_MAGIC),
  async open(primary, files) {
    const directory = await readZipDirectory(primary);
    const members = directory.filter(({ name }) => name.endsWith('.pth'));
    if (!members.some(({ name }) => name === POLICY)) throw badFile('sb3', `the archive must hold ${POLICY}`);
    const contents: ArchiveContent[] = [];
    for (const member of members) contents.push(await readMember(primary, member));
    const settings = await readSettings(primary, directory);
    const checkpoint = toCheckpoint('sb3', [{ name: files.primary, source: primary }], contents, toDeclared(settings));
    return { ...checkpoint, checksums: [...storedChecksums(directory, 0), ...(checkpoint.checksums ?? [])] };
  },
};

/** The first member of all of them is the settings. */
function beginsWithData(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 4)).equals(Buffer.from('PK\x03\x04')) && firstName(head) === 'data';
}

function firstName(head: Uint8Array): string {
  const length = (head[26] ?? 0) + 256 * (head[27] ?? 0);
  return Buffer.from(head.subarray(30, 30 + length)).toString('latin1');
}

async function readMember(primary: ByteSource, member: ZipEntry): Promise<ArchiveContent> {
  const source = await memberSource(primary, member);
  const [first] = await source.read(0, Math.min(1, source.byteLength));
  const archive = await (first === ZIP_MAGIC ? openZipArchive(source, 0) : openLegacyStream(source, 0));
  return placeContent(await readArchive('sb3', archive), member);
}

async function memberSource(primary: ByteSource, member: ZipEntry): Promise<ByteSource> {
  if (member.method === STORED) return sliceSource(primary, member.dataOffset, member.byteLength);
  const limit = primary.byteLength * MAX_INFLATION;
  return memorySource(await readZipEntry(primary, member, { limit }));
}

/** Names and places as the outer file has them. */
function placeContent(content: ArchiveContent, member: ZipEntry): ArchiveContent {
  const prefix = member.name === POLICY ? '' : `${member.name.slice(0, -'.pth'.length)}.`;
  const isOptimizer = member.name.endsWith('optimizer.pth');
  const entries = content.entries.map(({ at, role, name, ...rest }): TensorEntry => {
    const place = at === undefined ? undefined : placeRange(at, member);
    return {
      ...rest,
      name: prefix + name,
      role: isOptimizer ? 'optimizer' : role,
      ...(place === undefined ? {} : { at: place }),
    };
  });
  const stored = new Map([...content.stored].map(([name, tensor]) => [prefix + name, tensor]));
  const unread = content.unread.map(({ name, reason }) => ({ name: prefix + name, reason }));
  const checksums = content.checksums.flatMap((one) => {
    const place = placeRange(one, member);
    return place === undefined ? [] : [{ ...one, ...place }];
  });
  return { ...content, entries, stored, unread, checksums };
}

function placeRange(at: FileRange, member: ZipEntry): FileRange | undefined {
  return member.method === STORED ? { ...at, offset: at.offset + member.dataOffset } : undefined;
}

/** Steps, seed and times of the agent, where the settings are as expected; they are not needed. */
async function readSettings(
  primary: ByteSource,
  directory: readonly ZipEntry[],
): Promise<readonly (readonly [string, unknown])[]> {
  const entry = directory.find(({ name }) => name === 'data');
  if (entry === undefined || entry.byteLength > MAX_DATA_BYTES) return [];
  const text = decodeUtf8(await readZipEntry(primary, entry, { limit: MAX_DATA_BYTES }));
  const settings = text === undefined ? undefined : parseJson(text);
  return isJsonObject(settings) ? Object.entries(settings) : [];
}
