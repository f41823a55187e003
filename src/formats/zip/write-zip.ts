import { crc32 } from 'node:zlib';
import { invariant } from '../../assert.ts';

/** A member to be written, stored as it is. */
export interface ZipMember {
  readonly name: string;
  readonly byteLength: number;
  /** Read once, when its turn comes; must yield `byteLength` bytes. */
  bytes(): AsyncIterable<Uint8Array>;
}

export interface WriteZipOptions {
  /** Members' bytes start at multiples of this. A power of two from 4 on; 4 by default. */
  readonly alignment?: number;
}

const UINT32_MAX = 0xffffffff;
const UINT16_MAX = 0xffff;
/** 1980-01-01, the first day that zip can say: the same content gives the same bytes on every day. */
const DOS_DATE = 0x21;
/** UTF-8 names; checksum and lengths follow the member, since it is read once and the checksum is not known before. */
const FLAGS = 0x0808;
const VERSION_ZIP64 = 45;
/** PyTorch's own tag for padding ("FB"); readers skip fields that they do not know. */
const PADDING_FIELD = 0x4246;
const ZIP64_FIELD = 1;

/** What the central directory says of a member. */
interface WrittenMember {
  readonly name: Uint8Array;
  readonly byteLength: number;
  readonly offset: number;
  readonly checksum: number;
}

/** Writes a zip archive of stored members, zip64 where lengths need it (APPNOTE.TXT 4.3). Deterministic; nothing is held in memory. */
export async function* writeZip(
  members: readonly ZipMember[],
  options: WriteZipOptions = {},
): AsyncIterable<Uint8Array> {
  const written: WrittenMember[] = [];
  let offset = 0;
  for (const member of members) {
    const name = new TextEncoder().encode(member.name);
    const header = localHeader(name, member.byteLength, offset, options.alignment ?? 4);
    yield header;
    const checksum = yield* copyMember(member);
    const descriptor = dataDescriptor(member.byteLength, checksum);
    yield descriptor;
    written.push({ name, byteLength: member.byteLength, offset, checksum });
    offset += header.byteLength + member.byteLength + descriptor.byteLength;
  }
  yield* writeDirectory(written, offset);
}

async function* copyMember(member: ZipMember): AsyncGenerator<Uint8Array, number> {
  let checksum = 0;
  let byteLength = 0;
  for await (const piece of member.bytes()) {
    checksum = crc32(piece, checksum);
    byteLength += piece.byteLength;
    yield piece;
  }
  invariant(byteLength === member.byteLength, `${member.name} has ${member.byteLength} bytes`);
  return checksum;
}

/** Ends where the member's bytes are aligned: the padding is an extra field. */
function localHeader(name: Uint8Array, byteLength: number, offset: number, alignment: number): Uint8Array {
  const isLarge = byteLength >= UINT32_MAX;
  const zip64 = isLarge ? fieldOf(ZIP64_FIELD, u64(byteLength), u64(byteLength)) : new Uint8Array(0);
  const unpadded = offset + 30 + name.byteLength + zip64.byteLength + 4;
  const padding = fieldOf(PADDING_FIELD, new Uint8Array((alignment - (unpadded % alignment)) % alignment));
  const stated = isLarge ? UINT32_MAX : byteLength;
  return join([
    u32(0x04034b50),
    u16(VERSION_ZIP64, FLAGS, 0, 0, DOS_DATE),
    u32(0, stated, stated),
    u16(name.byteLength, zip64.byteLength + padding.byteLength),
    name,
    zip64,
    padding,
  ]);
}

function dataDescriptor(byteLength: number, checksum: number): Uint8Array {
  const lengths = byteLength >= UINT32_MAX ? [u64(byteLength), u64(byteLength)] : [u32(byteLength, byteLength)];
  return join([u32(0x08074b50, checksum), ...lengths]);
}

function* writeDirectory(members: readonly WrittenMember[], offset: number): Iterable<Uint8Array> {
  let byteLength = 0;
  for (const member of members) {
    const record = directoryRecord(member);
    byteLength += record.byteLength;
    yield record;
  }
  yield endRecords(members.length, byteLength, offset);
}

function directoryRecord({ name, byteLength, offset, checksum }: WrittenMember): Uint8Array {
  const isLarge = byteLength >= UINT32_MAX;
  const isFar = offset >= UINT32_MAX;
  const large = [...(isLarge ? [u64(byteLength), u64(byteLength)] : []), ...(isFar ? [u64(offset)] : [])];
  const zip64 = large.length > 0 ? fieldOf(ZIP64_FIELD, ...large) : new Uint8Array(0);
  const stated = isLarge ? UINT32_MAX : byteLength;
  return join([
    u32(0x02014b50),
    u16(VERSION_ZIP64, VERSION_ZIP64, FLAGS, 0, 0, DOS_DATE),
    u32(checksum, stated, stated),
    u16(name.byteLength, zip64.byteLength, 0, 0, 0),
    u32(0, isFar ? UINT32_MAX : offset),
    name,
    zip64,
  ]);
}

function endRecords(count: number, byteLength: number, offset: number): Uint8Array {
  const needsZip64 = count >= UINT16_MAX || byteLength >= UINT32_MAX || offset >= UINT32_MAX;
  const zip64 = needsZip64 ? zip64EndRecords(count, byteLength, offset) : [];
  const stated = Math.min(count, UINT16_MAX);
  return join([
    ...zip64,
    u32(0x06054b50),
    u16(0, 0, stated, stated),
    u32(Math.min(byteLength, UINT32_MAX), Math.min(offset, UINT32_MAX)),
    u16(0),
  ]);
}

function zip64EndRecords(count: number, byteLength: number, offset: number): readonly Uint8Array[] {
  const record = [
    u32(0x06064b50),
    u64(44),
    u16(VERSION_ZIP64, VERSION_ZIP64),
    u32(0, 0),
    u64(count),
    u64(count),
    u64(byteLength),
    u64(offset),
  ];
  return [...record, u32(0x07064b50, 0), u64(offset + byteLength), u32(1)];
}

function fieldOf(id: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const data = join(parts);
  return join([u16(id, data.byteLength), data]);
}

function u16(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint16(i * 2, value, true);
  });
  return bytes;
}

function u32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
