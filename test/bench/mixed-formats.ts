import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectBytes } from '../../src/bytes/collect.ts';
import { memorySource } from '../../src/bytes/memory-source.ts';
import type { OpenCheckpoint } from '../../src/formats/format.ts';
import { writeNpz } from '../../src/formats/numpy/write.ts';
import { writePytorch } from '../../src/formats/pytorch/write.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import type { FormatWriter } from '../../src/formats/writer.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { pythonHas, runPythonWith } from '../peers.ts';
import { withFolder } from './program.ts';
import { toWritable } from './write-net.ts';

const MODULES = ['h5py', 'numpy', 'onnx'];
const SCRIPT = fileURLToPath(new URL('./write-h5-onnx.py', import.meta.url));

const WRITERS: Readonly<Record<string, FormatWriter>> = {
  safetensors: writeSafetensors,
  pt: writePytorch,
  npz: writeNpz,
};

async function bytesIn(ending: string, weights: Weights): Promise<Uint8Array> {
  const [file] = WRITERS[ending]?.write(toWritable(weights, 'f32'), { fileName: `model.${ending}` }) ?? [];
  if (file === undefined) throw new Error(`No writer for ${ending}.`);
  return collectBytes(file.bytes());
}

const open = (name: string, bytes: Uint8Array): Promise<OpenCheckpoint> =>
  openKnownCheckpoint({ primary: name, open: async () => memorySource(bytes) });

/** True where Python with h5py and onnx is at hand, which write what wsvc only reads. */
export const canWriteAll = (): boolean => pythonHas(...MODULES);

/** Opens each of these networks from a file of another format in turn: safetensors, PyTorch, npz, and HDF5 and ONNX where Python writes them. */
export function openMixed(networks: readonly Weights[], withAll: boolean): Promise<readonly OpenCheckpoint[]> {
  const endings = withAll ? ['safetensors', 'pt', 'npz', 'h5', 'onnx'] : ['safetensors', 'pt', 'npz'];
  const endingOf = (n: number): string => endings[n % endings.length] ?? 'npz';
  return withFolder(async (folder) => {
    const pathOf = (n: number, ending: string): string => join(folder, `${n}.${ending}`);
    const foreign = [...networks.entries()].filter(([n]) => WRITERS[endingOf(n)] === undefined);
    for (const [n, weights] of foreign) writeFileSync(pathOf(n, 'npz'), await bytesIn('npz', weights));
    if (foreign.length > 0) runPythonWith(MODULES, readFileSync(SCRIPT, 'utf8'), folder);
    const opened: OpenCheckpoint[] = [];
    for (const [n, weights] of networks.entries()) {
      const ending = endingOf(n);
      const bytes = ending in WRITERS ? await bytesIn(ending, weights) : readFileSync(pathOf(n, ending));
      opened.push(await open(`${n}.${ending}`, bytes));
    }
    return opened;
  });
}
