import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { crc32c, maskCrc } from '../../src/formats/tf-checkpoint/crc32c.ts';
import { BAD_TEXTS, mutateBytes } from './mutate-bytes.ts';
import { mutateJson } from './mutate-json.ts';
import { mutatePickle } from './mutate-pickle.ts';
import { mutateProtobuf } from './mutate-protobuf.ts';
import { pick, type Random } from './random.ts';
import { type Member, unzipBytes, zipBytes } from './zip-bytes.ts';

const startsWith = (bytes: Uint8Array, sign: string): boolean =>
  Buffer.from(bytes.subarray(0, sign.length)).toString('latin1') === sign;

/** A container whose parts can be changed while its lengths and checksums stay right. */
interface Structure {
  matches(bytes: Uint8Array, name: string): boolean;
  mutate(bytes: Uint8Array, name: string, random: Random): Uint8Array;
}

const zip: Structure = {
  matches: (bytes) => startsWith(bytes, 'PK\x03\x04'),
  mutate(bytes, _name, random) {
    const members = unzipBytes(bytes);
    if (members === undefined || members.length === 0) return mutateBytes(bytes, random);
    const at = random(members.length);
    return zipBytes(members.flatMap((member, i) => (i === at ? changeMember(member, random) : [member])));
  },
};

function changeMember(member: Member, random: Random): readonly Member[] {
  const lie = pick(random, [0, 1, member.bytes.byteLength + 1, 0x7fffffff, 0xffffffff]);
  const choice = random(16);
  if (choice === 0) return [];
  if (choice === 1) return [member, member];
  if (choice === 2) return [{ ...member, name: pick(random, BAD_TEXTS) }];
  if (choice === 3) return [{ ...member, says: { byteLength: lie } }];
  if (choice === 4) return [{ ...member, says: { checksum: lie } }];
  if (choice === 5) return [{ ...member, says: { method: pick(random, [0, 8, 12, 14, 99]) } }];
  if (choice === 6) return [{ ...member, isDeflated: !member.isDeflated }];
  if (choice === 7) return [{ ...member, isDeflated: true, bytes: new Uint8Array(1 << pick(random, [10, 16, 20])) }];
  return [{ ...member, bytes: mutateStructure(member.bytes, member.name, random) }];
}

/** safetensors: the header's length follows its text. */
const safetensors: Structure = {
  matches: (bytes, name) => name.endsWith('.safetensors') && bytes.byteLength > 8,
  mutate(bytes, _name, random) {
    const length = Number(Buffer.from(bytes).readBigUInt64LE(0));
    if (length > bytes.byteLength - 8 || random(4) === 0) return mutateBytes(bytes, random);
    const header = mutateJson(bytes.subarray(8, 8 + length), random);
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(header.byteLength));
    return Buffer.concat([head, header, bytes.subarray(8 + length)]);
  },
};

/** What is compressed is changed before it is. */
const compressed: Structure = {
  matches: (bytes) => (bytes[0] === 0x1f && bytes[1] === 0x8b) || bytes[0] === 0x78,
  mutate(bytes, _name, random) {
    const isGzip = bytes[0] === 0x1f;
    if (random(3) === 0) return mutateBytes(bytes, random);
    try {
      const plain = mutatePickle(isGzip ? gunzipSync(bytes) : inflateSync(bytes), random);
      return isGzip ? gzipSync(plain) : deflateSync(plain);
    } catch {
      return mutateBytes(bytes, random);
    }
  },
};

/** tar: every header's checksum is set right. */
const tar: Structure = {
  matches: (bytes) =>
    Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar' || bytes.byteLength === 10_240,
  mutate(bytes, _name, random) {
    const changed = Buffer.from(bytes);
    const member = 512 * random(Math.max(1, Math.floor(changed.byteLength / 512)));
    changed.set(mutateBytes(changed.subarray(member, member + 512), random).subarray(0, 512), member);
    for (let at = 0; at + 512 <= changed.byteLength; at += 512)
      if (/^[0-7 \0]{8}/.test(changed.toString('latin1', at + 148, at + 156))) sealTar(changed, at);
    return changed;
  },
};

function sealTar(file: Buffer, at: number): void {
  if (file[at] === 0) return;
  const header = file.subarray(at, at + 512);
  // Only what looks like a header: the mode is in octal digits.
  if (!/^[0-7]{6,7}/.test(header.toString('latin1', 100, 108))) return;
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** A table of LevelDB: the first block is changed and its checksum set right. */
const table: Structure = {
  matches: (_bytes, name) => name.endsWith('.index'),
  mutate(bytes, _name, random) {
    const file = Buffer.from(bytes);
    if (random(3) === 0 || file.byteLength < 60) return mutateBytes(bytes, random);
    const ends = blockEnds(file);
    if (ends.length === 0) return mutateBytes(bytes, random);
    const which = random(ends.length);
    const start = which === 0 ? 0 : (ends[which - 1] ?? 0) + 5;
    const end = ends[which] ?? 0;
    const block = mutateBytes(file.subarray(start, end), random);
    const sealed = Buffer.alloc(end - start);
    sealed.set(block.subarray(0, end - start));
    sealed.copy(file, start);
    file.writeUInt32LE(maskCrc(crc32c(file.subarray(start, end + 1))), end + 1);
    return file;
  },
};

/** Where blocks end: before a type byte and a checksum that holds. */
function blockEnds(file: Buffer): readonly number[] {
  const ends: number[] = [];
  let start = 0;
  for (let end = 8; end + 5 <= file.byteLength - 48; end += 1) {
    if (end <= start || file.readUInt32LE(end + 1) !== maskCrc(crc32c(file.subarray(start, end + 1)))) continue;
    ends.push(end);
    start = end + 5;
  }
  return ends;
}

const pickle: Structure = {
  matches: (bytes, name) => bytes[0] === 0x80 || /\.(pkl|joblib)/.test(name),
  mutate: (bytes, _name, random) => mutatePickle(bytes, random),
};
const json: Structure = {
  matches: (bytes, name) => bytes[0] === 0x7b || name.endsWith('.json'),
  mutate: (bytes, _name, random) => mutateJson(bytes, random),
};
const protobuf: Structure = {
  matches: (_bytes, name) => name.endsWith('.onnx'),
  mutate: (bytes, _name, random) => mutateProtobuf(bytes, random),
};

const STRUCTURES: readonly Structure[] = [zip, safetensors, table, compressed, tar, pickle, json, protobuf];

/** Changes bytes by what they are, two times of three; else as bytes. */
export function mutateStructure(bytes: Uint8Array, name: string, random: Random): Uint8Array {
  const structure = STRUCTURES.find(({ matches }) => matches(bytes, name));
  if (structure === undefined || random(3) === 0) return mutateBytes(bytes, random);
  return structure.mutate(bytes, name, random);
}
