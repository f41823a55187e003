import type { ByteSource, FileSet } from '../../bytes/source.ts';
import type { Format, FormatName, OpenCheckpoint } from '../format.ts';
import type { Archive } from './archive.ts';
import { readArchive, toCheckpoint } from './checkpoint.ts';
import { openLegacyStream } from './legacy-stream.ts';
import { openShardedPytorch } from './sharded.ts';
import { openTarArchive } from './tar-archive.ts';
import { isTorchTarHead } from './tar-directory.ts';
import { openZipArchive } from './zip-archive.ts';

const ZIP_MAGIC = 'PK\x03\x04';
/** The pickled magic number: as protocols 1 and up write it, and as 0 does. */
const LEGACY_MAGICS = ['\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.', 'L119547037146038801333356L\n'];
/** Zips of other formats begin with these members. */
const OTHER_FIRST_MEMBER = /\.(npy|h5|json)$/;

/** Archives of `torch.save` since PyTorch 1.6 and of `torch.jit.save`, and shards with their index. */
export const pytorchZip: Format = {
  name: 'pytorch-zip',
  matches: (head, fileName) => isIndex(head, fileName) || isZip(head),
  async open(primary, files) {
    const head = await primary.read(0, Math.min(4096, primary.byteLength));
    if (isIndex(head, files.primary)) return openShardedPytorch(primary, files);
    return openSingle('pytorch-zip', primary, files, await openZipArchive(primary, 0));
  },
};

/** Streams of `torch.save` before PyTorch 1.6. */
export const pytorchLegacy: Format = {
  name: 'pytorch-legacy',
  matches: (head) => LEGACY_MAGICS.some((magic) => textOf(head.subarray(0, 64)).includes(magic)),
  open: async (primary, files) => openSingle('pytorch-legacy', primary, files, await openLegacyStream(primary, 0)),
};

/** The tar container of PyTorch before 0.2. */
export const pytorchTar: Format = {
  name: 'pytorch-tar',
  matches: isTorchTarHead,
  open: async (primary, files) => openSingle('pytorch-tar', primary, files, await openTarArchive(primary)),
};

async function openSingle(
  format: FormatName,
  source: ByteSource,
  files: FileSet,
  archive: Archive,
): Promise<OpenCheckpoint> {
  const content = await readArchive(format, archive);
  return toCheckpoint(format, [{ name: files.primary, source }], [content], content.declared);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function isZip(head: Uint8Array): boolean {
  if (textOf(head.subarray(0, 4)) !== ZIP_MAGIC || head.byteLength < 30) return false;
  const nameLength = (head[26] ?? 0) + 256 * (head[27] ?? 0);
  return !OTHER_FIRST_MEMBER.test(textOf(head.subarray(30, 30 + nameLength)));
}

function isIndex(head: Uint8Array, fileName: string): boolean {
  const text = textOf(head);
  if (!/^\s*\{/.test(text)) return false;
  return /\.(bin|pt|pth)\.index\.json$/.test(fileName) || /"weight_map"\s*:\s*\{[^}]*\.(bin|pt|pth)"/.test(text);
}

export { writePytorch } from './write.ts';
