import type { ByteSource, FileSet } from '../../bytes/source.ts';
import type { Format, OpenCheckpoint } from '../format.ts';
import { MAX_HEADER_BYTES, PREFIX_BYTES, readSafetensorsHeader } from './header.ts';
import { toEntries, verbatimCheckpoint } from './open.ts';
import { openShardedSafetensors } from './sharded.ts';

const BRACE = 0x7b;

/** An index begins with a brace; a file's first byte is that of a length, and its ninth is the brace. */
function isIndex(head: Uint8Array, fileName: string): boolean {
  if (head[0] !== BRACE || head[PREFIX_BYTES] === BRACE) return fileName.endsWith('.safetensors.index.json');
  const text = Buffer.from(head).toString('latin1');
  return fileName.endsWith('.safetensors.index.json') || /"weight_map"\s*:\s*\{[^}]*\.safetensors"/.test(text);
}

function hasHeader(head: Uint8Array, byteLength: number): boolean {
  if (head.byteLength <= PREFIX_BYTES || head[PREFIX_BYTES] !== BRACE) return false;
  const headerLength = new DataView(head.buffer, head.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  return headerLength <= BigInt(Math.min(MAX_HEADER_BYTES, byteLength - PREFIX_BYTES));
}

async function openSingle(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const header = await readSafetensorsHeader(primary);
  const file = { name: files.primary, source: primary };
  return verbatimCheckpoint([file], toEntries(header, 0), Object.entries(header.metadata));
}

/** safetensors: one file, or shards with their index. */
export const safetensors: Format = {
  name: 'safetensors',
  matches: (head, fileName, byteLength) =>
    fileName.endsWith('.safetensors') || hasHeader(head, byteLength) || isIndex(head, fileName),
  async open(primary, files) {
    const head = await primary.read(0, Math.min(4096, primary.byteLength));
    return isIndex(head, files.primary) ? openShardedSafetensors(primary, files) : openSingle(primary, files);
  },
};
export { writeSafetensors } from './write.ts';
