import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';

const BLOCK_BYTES = 512;
/** PyTorch's archives have four members; what goes on for longer is none of them. */
const MAX_MEMBERS = 64;

/** A member of a tar archive: where its bytes stand in the file. */
export interface TarMember {
  readonly offset: number;
  readonly byteLength: number;
}

/** Reads the members of a tar archive by name (POSIX.1-1988, "ustar"). @throws BadFileError when a header breaks a rule. */
export async function readTarDirectory(source: ByteSource): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  let position = 0;
  for (let i = 0; i < MAX_MEMBERS && position + BLOCK_BYTES <= source.byteLength; i += 1) {
    const header = await source.read(position, BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header, position);
    const byteLength = readOctal(header, 124, 12, position);
    const offset = position + BLOCK_BYTES;
    if (byteLength > source.byteLength - offset)
      throw badFile('pytorch-tar', 'a member must lie inside the file', position);
    members.set(readName(header), { offset, byteLength });
    position = offset + Math.ceil(byteLength / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return members;
}

/** True for the first block of a tar archive whose first member is one of PyTorch's. */
export function isTorchTarHead(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(257, 262)).toString('latin1');
  return magic === 'ustar' && /^(sys_info|pickle|tensors|storages)$/.test(readName(head));
}

function readName(header: Uint8Array): string {
  const field = header.subarray(0, 100);
  const end = field.indexOf(0);
  const name = Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('latin1');
  return name.replace(/^\.\//, '');
}

function readOctal(header: Uint8Array, start: number, byteLength: number, position: number): number {
  const text = Buffer.from(header.subarray(start, start + byteLength))
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trim();
  if (!/^[0-7]+$/.test(text)) throw badFile('pytorch-tar', 'a header must have octal numbers', position + start);
  return Number.parseInt(text, 8);
}

/** The sum of a header's bytes, its own field counted as spaces. */
function checkSum(header: Uint8Array, position: number): void {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  if (sum !== readOctal(header, 148, 8, position)) {
    throw badFile('pytorch-tar', 'a header must have the checksum that it states', position + 148);
  }
}
