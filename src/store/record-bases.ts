import { toHex } from '../bytes/hex.ts';
import { CorruptError } from '../errors.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import type { Disk } from './disk.ts';
import type { PackFile } from './pack-file.ts';
import { MAX_BASES } from './pack-record.ts';

/** The longest beginning of a record, up to its base ids: 1 + 5 + 5 + 5 + 5 + 1 bytes, and some; then 34 bytes for each. */
const HEAD_BYTES = 28;
const BASE_BYTES = 34;

function malformed(): never {
  throw new CorruptError("a blob's record is malformed");
}

/** Bytes of the msgpack unsigned integer or nil at an offset. */
function scalarByteLength(tag: number): number {
  if (tag < 0x80 || tag === 0xc0) return 1;
  const at = [0xcc, 0xcd, 0xce].indexOf(tag);
  return at < 0 ? malformed() : 1 + 2 ** at;
}

/** Walks over the fields before the checksum. @returns the base ids, and where the checksum stands. @throws CorruptError */
function walkHead(head: Uint8Array): { readonly bases: readonly BlobId[]; readonly end: number } {
  if (head[0] !== 0x97) malformed();
  let at = 1;
  for (let field = 0; field < 4; field++) at += scalarByteLength(head[at] ?? 0xff);
  const count = (head[at++] ?? 0) - 0x90;
  if (count < 0 || count > MAX_BASES) malformed();
  const bases = Array.from({ length: count }, () => {
    if (head[at] !== 0xc4 || head[at + 1] !== 32 || at + 34 > head.byteLength) malformed();
    at += 34;
    return parseBlobId(toHex(head.subarray(at - 32, at)));
  });
  return { bases, end: at };
}

/**
 * Reads the base ids at the beginning of a record (docs/format.md, section "Record"), without its payload and so without
 * its checksum: for planning, never for decoding.
 *
 * @throws CorruptError
 */
export const decodeRecordBases = (head: Uint8Array): readonly BlobId[] => walkHead(head).bases;

/** The most bytes of a record that stand before its payload. */
export const MAX_HEAD_BYTES = HEAD_BYTES + MAX_BASES * BASE_BYTES + 10;

/**
 * How long the record is that begins like this, in bytes, as its own fields say; `undefined` where none can begin so.
 *
 * @param head - the record's first {@link MAX_HEAD_BYTES} bytes, or all up to the end of the file.
 */
export function measureRecord(head: Uint8Array): number | undefined {
  try {
    let at = walkHead(head).end;
    at += scalarByteLength(head[at] ?? 0xff);
    const width = [0xc4, 0xc5, 0xc6].indexOf(head[at] ?? 0);
    const start = at + 1 + 2 ** width;
    if (width < 0 || start > head.byteLength) return undefined;
    return start + Buffer.from(head.buffer, head.byteOffset + at + 1, 2 ** width).readUIntBE(0, 2 ** width);
  } catch (error) {
    if (error instanceof CorruptError) return undefined;
    throw error;
  }
}

/** What each blob of a pack is coded against; blobs that stand alone are left out. @throws CorruptError */
export async function readBases(disk: Disk, pack: PackFile): Promise<ReadonlyMap<BlobId, readonly BlobId[]>> {
  const bases = new Map<BlobId, readonly BlobId[]>();
  const rows = pack.index.rows.filter((row) => row.ancestors > 0);
  if (rows.length === 0) return bases;
  const file = await disk.open(pack.path, 'r');
  try {
    for (const { id, offset, recordByteLength, ancestors } of rows) {
      const headBytes = Math.min(HEAD_BYTES + ancestors * BASE_BYTES, recordByteLength);
      bases.set(id, decodeRecordBases(await file.read(offset, headBytes)));
    }
  } finally {
    await file.close();
  }
  return bases;
}
