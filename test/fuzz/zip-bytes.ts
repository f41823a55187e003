import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** A member of a small archive that is in memory as a whole. */
export interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly isDeflated: boolean;
  /** What its records say instead of the truth. */
  readonly says?: { readonly byteLength?: number; readonly checksum?: number; readonly method?: number };
}

/** The 26 bytes that both records of a member share, from the version on. */
function recordFields(member: Member, data: Uint8Array, nameLength: number): Buffer {
  const fields = Buffer.alloc(26);
  const method = member.says?.method ?? (member.isDeflated ? 8 : 0);
  [20, 0x0800, method, 0, 0x21].forEach((value, i) => {
    fields.writeUInt16LE(value, i * 2);
  });
  fields.writeUInt32LE(member.says?.checksum ?? crc32(member.bytes), 10);
  fields.writeUInt32LE(data.byteLength, 14);
  fields.writeUInt32LE(member.says?.byteLength ?? member.bytes.byteLength, 18);
  fields.writeUInt16LE(nameLength, 22);
  return fields;
}

/** Writes an archive whose checksums and lengths are right, unless a member says otherwise. */
export function zipBytes(members: readonly Member[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const name = Buffer.from(member.name);
    const data = member.isDeflated ? deflateRawSync(member.bytes) : member.bytes;
    const fields = recordFields(member, data, name.byteLength);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    locals.push(Buffer.concat([Buffer.from('PK\x03\x04'), fields, name, data]));
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.alloc(2), fields, tail, name]));
    offset += locals.at(-1)?.byteLength ?? 0;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(directory.byteLength, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end]);
}

/** Takes a valid small archive apart, by the local headers that its directory points to; `undefined` for anything else. */
export function unzipBytes(bytes: Uint8Array): readonly Member[] | undefined {
  const file = Buffer.from(bytes);
  const end = file.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0 || end + 20 > file.byteLength) return undefined;
  const members: Member[] = [];
  try {
    let at = file.readUInt32LE(end + 16);
    for (let left = file.readUInt16LE(end + 10); left > 0; left -= 1) {
      members.push(readMember(file, at));
      at += 46 + file.readUInt16LE(at + 28) + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
    }
  } catch {
    return undefined;
  }
  return members;
}

function readMember(file: Buffer, at: number): Member {
  const local = file.readUInt32LE(at + 42);
  const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
  const data = file.subarray(start, start + file.readUInt32LE(at + 20));
  const isDeflated = file.readUInt16LE(at + 10) === 8;
  const name = file.toString('utf8', at + 46, at + 46 + file.readUInt16LE(at + 28));
  return { name, bytes: isDeflated ? inflateRawSync(data) : data, isDeflated };
}
