import { elementByteLength, elementCount } from '../../tensors/dtype.ts';
import type { FormatWriter, WritableTensor } from '../writer.ts';
import { writeZip, type ZipMember } from '../zip/index.ts';
import { pickleStateDict } from './write-pickle.ts';

/** Where PyTorch itself starts its storages, so that they can be mapped into memory. */
const ALIGNMENT = 64;
/** The folder of all members; PyTorch takes whatever name the first one has. */
const FOLDER = 'archive';
/** The version of the archive's layout that PyTorch has written since 1.6. */
const VERSION = '3\n';

/** Writes a state dict as `torch.save` does: an OrderedDict of contiguous tensors, each with a storage of its own. */
export const writePytorch: FormatWriter = {
  format: 'pytorch-zip',
  writtenAs: (dtype) => dtype,
  write: (tensors, { fileName }) => [
    { name: fileName, bytes: () => writeZip(membersOf(tensors), { alignment: ALIGNMENT }) },
  ],
};

function membersOf(tensors: readonly WritableTensor[]): readonly ZipMember[] {
  return [
    textMember('data.pkl', pickleStateDict(tensors)),
    textMember('byteorder', new TextEncoder().encode('little')),
    ...tensors.map(storageMember),
    textMember('version', new TextEncoder().encode(VERSION)),
  ];
}

function storageMember(tensor: WritableTensor, index: number): ZipMember {
  const byteLength = elementCount(tensor.shape) * elementByteLength(tensor.dtype);
  return { name: `${FOLDER}/data/${index}`, byteLength, bytes: () => tensor.bytes() };
}

function textMember(name: string, content: Uint8Array): ZipMember {
  return {
    name: `${FOLDER}/${name}`,
    byteLength: content.byteLength,
    async *bytes() {
      yield content;
    },
  };
}
