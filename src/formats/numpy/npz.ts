import { invariant } from '../../assert.ts';
import { joinBytes } from '../../bytes/collect.ts';
import type { ByteSource } from '../../bytes/source.ts';
import type { BadFileError } from '../../errors.ts';
import { badFile } from '../bad-file.ts';
import type { Format, OpenCheckpoint, StatedChecksum, TensorEntry, UnreadTensor } from '../format.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import { readZipDirectory, storedChecksums, streamZipEntry, type ZipEntry } from '../zip/index.ts';
import { isPlain, orderElements } from './elements.ts';
import { type ArrayHeader, type NoTensor, readArrayHeader } from './header.ts';

const STORED = 0;
const SUFFIX = '.npy';

/** One array of an archive. */
interface Member {
  readonly entry: ZipEntry;
  readonly header: ArrayHeader;
}

/** The arrays of an archive, and those that hold no numbers. */
interface Members {
  readonly members: readonly Member[];
  readonly unread: readonly UnreadTensor[];
  readonly checksums: readonly StatedChecksum[];
}

async function readBeginning(pieces: AsyncIterable<Uint8Array>, byteLength: number): Promise<Uint8Array> {
  const taken: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    taken.push(piece);
    length += piece.byteLength;
    if (length >= byteLength) break;
  }
  return joinBytes(taken).subarray(0, byteLength);
}

function readMemberHeader(source: ByteSource, entry: ZipEntry): Promise<ArrayHeader | NoTensor> {
  const place = { format: 'npz', of: ` in ${JSON.stringify(entry.name)}`, byteLength: entry.byteLength } as const;
  const readHead = (byteLength: number) => readBeginning(streamZipEntry(source, entry), byteLength);
  if (entry.method !== STORED) return readArrayHeader({ ...place, readHead });
  if (entry.compressedByteLength !== entry.byteLength) {
    throw badFile('npz', `a stored member must have one length${place.of}`, entry.dataOffset);
  }
  return readArrayHeader({
    ...place,
    fileOffset: entry.dataOffset,
    readHead: (byteLength) => source.read(entry.dataOffset, byteLength),
  });
}

/** Texts and objects beside the weights are stored like everything else; an archive of nothing but them is refused. */
async function readMembers(source: ByteSource): Promise<Members> {
  const members: Member[] = [];
  const unread: UnreadTensor[] = [];
  let skipped: BadFileError | undefined;
  const entries = await readZipDirectory(source);
  for (const entry of entries) {
    if (!entry.name.endsWith(SUFFIX)) continue;
    const header = await readMemberHeader(source, entry);
    if ('reason' in header) {
      skipped ??= header.reason;
      unread.push({ name: entry.name.slice(0, -SUFFIX.length), reason: header.reason.broken.rule });
    } else members.push({ entry, header });
  }
  if (members.length === 0 && skipped !== undefined) throw skipped;
  if (members.length === 0 && entries.length > 0) throw badFile('npz', 'a member must be an array');
  return { members, unread, checksums: storedChecksums(entries, 0) };
}

function toTensor(member: Member, name: string): TensorEntry {
  const { entry, header } = member;
  const { dtype, shape, byteLength } = header;
  const tensor = { name, dtype, shape, role: classifyRole(name, dtype) };
  if (entry.method !== STORED || !isPlain(header)) return tensor;
  return { ...tensor, at: { file: 0, offset: entry.dataOffset + header.dataOffset, byteLength } };
}

async function* skipBytes(pieces: AsyncIterable<Uint8Array>, byteLength: number): AsyncIterable<Uint8Array> {
  let left = byteLength;
  for await (const piece of pieces) {
    if (piece.byteLength > left) yield piece.subarray(left);
    left = Math.max(0, left - piece.byteLength);
  }
}

function toCheckpoint(primary: ByteSource, fileName: string, { members, unread, checksums }: Members): OpenCheckpoint {
  const names = uniqueNames(members.map(({ entry }) => entry.name.slice(0, -SUFFIX.length)));
  const memberOf = new Map(names.map((name, i) => [name, members[i]]));
  return {
    format: 'npz',
    files: [{ name: fileName, source: primary }],
    tensors: members.map((member, i) => toTensor(member, names[i] ?? '')),
    declared: {},
    ...(unread.length === 0 ? {} : { unread }),
    checksums,
    readTensor({ name }) {
      const member = memberOf.get(name);
      invariant(member !== undefined, `${name} is a tensor of this file`);
      // Stored members go the same way, so that their checksums are checked.
      const bytes = skipBytes(streamZipEntry(primary, member.entry), member.header.dataOffset);
      return orderElements(bytes, member.header);
    },
    close: () => primary.close(),
  };
}

/** A zip archive says so in its first bytes; whether it is NumPy's, in the name of its first member. */
function beginsWithArray(head: Uint8Array): boolean {
  const text = Buffer.from(head).toString('latin1');
  if (!text.startsWith('PK\x03\x04') || head.byteLength < 30) return false;
  const nameLength = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint16(26, true);
  return text.slice(30, 30 + nameLength).endsWith(SUFFIX);
}

/** NumPy's archive of arrays, stored or deflated. */
export const npz: Format = {
  name: 'npz',
  matches: (head, fileName) => fileName.endsWith('.npz') || beginsWithArray(head),
  async open(primary, files) {
    return toCheckpoint(primary, files.primary, await readMembers(primary));
  },
};
