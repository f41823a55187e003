import { isInsideName } from '../../bytes/directory-files.ts';
import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import type { CheckpointFile, Format, OpenCheckpoint } from '../format.ts';
import { asNode, MAX_PICKLE_BYTES, type PickleValue } from '../pickle/index.ts';
import { withEmbeddedStorages } from '../pytorch/archive.ts';
import { readContent, toCheckpoint } from '../pytorch/checkpoint.ts';
import { readDeclared } from '../pytorch/declared.ts';
import { openLegacyStream } from '../pytorch/legacy-stream.ts';
import { createTensorFinder } from '../pytorch/rebuild.ts';
import { closeFiles } from '../verbatim.ts';
import { decompress, findCompression } from './decompress.ts';
import { createArrayFinder, type PickleBytes, type SideFile } from './find-arrays.ts';
import { type PickledValues, readValues } from './read-values.ts';

const PROTO = 0x80;
const PICKLE_NAME = /\.(pkl|pickle|joblib|sav)$|\.(pkl|pickle|joblib)[._]/i;
const COMPRESSED_NAME = /\.(gz|gzip|z|bz2|xz|lzma|lz4|zst|zstd)$/i;

function matches(head: Uint8Array, fileName: string): boolean {
  if (PICKLE_NAME.test(fileName)) return true;
  const [first, protocol = 0] = head;
  if (first === PROTO && protocol >= 2 && protocol <= 5) return true;
  const compression = findCompression(head);
  if (compression === 'joblib') return true;
  return compression !== undefined && COMPRESSED_NAME.test(fileName) && !/\.(tar|nii|json|txt|csv)\./.test(fileName);
}

async function readPickleBytes(source: ByteSource): Promise<PickleBytes> {
  if (source.byteLength > MAX_PICKLE_BYTES) {
    throw badFile('pickle', `a pickle must not be over ${MAX_PICKLE_BYTES} bytes`);
  }
  const bytes = await source.read(0, source.byteLength);
  const compression = findCompression(bytes);
  return compression === undefined ? { bytes, source } : { bytes: await decompress(bytes, compression) };
}

/** Opens the files that old wrappers name; those that are missing leave their arrays unread. */
async function openSides(files: FileSet, names: readonly string[], opened: CheckpointFile[]): Promise<void> {
  for (const name of names) {
    if (!isInsideName(name)) throw badFile('pickle', `the file name ${JSON.stringify(name)} must not leave the folder`);
    const source = await files.open(name);
    if (source !== undefined) opened.push({ name, source });
  }
}

/** What an object says about itself are its attributes. */
function attributesOf(root: PickleValue): PickleValue {
  const node = asNode(root);
  return node?.kind === 'object' && node.state !== undefined ? node.state : root;
}

async function readCheckpoint(
  pickle: PickleBytes,
  values: PickledValues,
  files: readonly CheckpointFile[],
): Promise<OpenCheckpoint> {
  const sides = new Map(
    files.slice(1).map(({ name, source }, i): [string, SideFile] => [name, { source, file: i + 1 }]),
  );
  const findArray = createArrayFinder(pickle, values, sides);
  const resolveStorage = withEmbeddedStorages(
    'pickle',
    async () => undefined,
    (bytes) => openLegacyStream(bytes),
  );
  const findTorchTensor = createTensorFinder('pickle', resolveStorage);
  const findTensor = async (value: PickleValue) => (await findArray(value)) ?? findTorchTensor(value);
  const sideByteLength = files.slice(1).reduce((sum, { source }) => sum + source.byteLength, 0);
  const content = await readContent(
    'pickle',
    { root: values.root, pickleByteLength: pickle.bytes.byteLength, dataByteLength: sideByteLength },
    findTensor,
  );
  if (content.entries.length === 0) {
    const [first] = content.unread;
    throw badFile('pickle', `it must hold an array of numbers${first === undefined ? '' : ` (${first.reason})`}`);
  }
  const declared = await readDeclared(attributesOf(values.root), findTensor);
  return toCheckpoint('pickle', files, [content], declared);
}

/** Python pickles of NumPy arrays, as joblib, scikit-learn and `pickle.dump` write them; nothing in them is imported or called. */
export const arrayPickle: Format = {
  name: 'pickle',
  matches,
  async open(primary, files) {
    const pickle = await readPickleBytes(primary);
    const values = readValues(pickle.bytes);
    const opened: CheckpointFile[] = [{ name: files.primary, source: primary }];
    try {
      await openSides(files, values.sideNames, opened);
      return await readCheckpoint(pickle, values, opened);
    } catch (error) {
      await closeFiles(opened.slice(1));
      throw error;
    }
  },
};
