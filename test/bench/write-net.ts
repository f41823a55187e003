import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import type { WritableTensor } from '../../src/formats/writer.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import type { SmallNet } from './small-net.ts';

/** Copies the parameters of a network, named as PyTorch names a sequence of linear layers. */
export function takeWeights(net: SmallNet): Weights {
  return new Map(
    net.parameters.map(({ values, rowLength }, i) => {
      const isMatrix = i % 2 === 0;
      const shape = isMatrix ? [values.length / rowLength, rowLength] : [values.length];
      return [`fc${(i >> 1) + 1}.${isMatrix ? 'weight' : 'bias'}`, { shape, data: values.slice() }];
    }),
  );
}

/** Weights as tensors of one type to be written. */
export function toWritable(weights: Weights, dtype: DType): readonly WritableTensor[] {
  return [...weights].map(([name, { shape, data }]) => ({
    name,
    dtype,
    shape,
    async *bytes() {
      yield encodeFromFloat32(dtype, data);
    },
  }));
}

/** Writes a network's weights as a safetensors file. */
export async function writeNet(folder: string, fileName: string, net: SmallNet, dtype: DType): Promise<void> {
  for (const file of writeSafetensors.write(toWritable(takeWeights(net), dtype), { fileName })) {
    await pipeline(file.bytes(), createWriteStream(join(folder, file.name)));
  }
}
