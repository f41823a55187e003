import { join } from 'node:path';
import { castBlock } from '../../src/codec/casts.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import { type RawTensor, readRun, writeTensors } from './resnet-sets.ts';
import { createAdam, createRandom, createSgd, type Optimizer, SmallNet } from './small-net.ts';
import { writeGguf } from './write-gguf.ts';
import { takeWeights } from './write-net.ts';

/** One file of a set: its tensors as it holds them, or f32 tensors that it holds as Q8_0 blocks. */
export interface SetFile {
  readonly tensors: readonly RawTensor[];
  readonly container: 'safetensors' | 'gguf, Q8_0';
}

/** Files that become commits one after the other. */
export interface StorageSet {
  readonly name: string;
  /** What the last file should take of its bytes, by shared measurements on another network. */
  readonly goal: string;
  files(): readonly SetFile[];
}

/** Writes a set's files; returns their names in order. */
export async function writeSet(folder: string, files: readonly SetFile[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const [i, { tensors, container }] of files.entries()) {
    const name = `checkpoint-${i}.${container === 'safetensors' ? 'safetensors' : 'gguf'}`;
    if (container === 'safetensors') await writeTensors(folder, name, tensors);
    else writeGguf(folder, name, tensors);
    names.push(name);
  }
  return names;
}

/** Floats of a checkpoint cast to a type. */
function castTo(tensors: readonly RawTensor[], dtype: DType): readonly RawTensor[] {
  if (dtype === 'f32') return tensors;
  return tensors.map((tensor) =>
    tensor.dtype === 'f32' ? { ...tensor, dtype, bytes: castBlock(tensor.bytes, 'f32', dtype, 'nearest') } : tensor,
  );
}

/** Matrices rounded to 8-bit codes, one scale each, as tensors of their own. */
function toCodes(tensors: readonly RawTensor[]): readonly RawTensor[] {
  return tensors.map((tensor): RawTensor => {
    if (tensor.shape.length < 2 || tensor.dtype !== 'f32') return tensor;
    const values = new Float32Array(new Uint8Array(tensor.bytes).buffer);
    const scale = Math.fround(values.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 127);
    return { ...tensor, dtype: 'i8', bytes: Uint8Array.from(values, (w) => Math.round(w / scale) & 255) };
  });
}

/** A run: its checkpoints in f32, made when they are first asked for. */
type Run = () => readonly (readonly RawTensor[])[];

function once(make: Run): Run {
  let made: ReturnType<Run> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const verbatim = (tensors: readonly RawTensor[]): SetFile => ({ tensors, container: 'safetensors' });

const series = (name: string, goal: string, run: Run, dtype: DType): StorageSet => ({
  name: `${name}, ${dtype}`,
  goal,
  files: () => run().map((tensors) => verbatim(castTo(tensors, dtype))),
});

/** A checkpoint, and what another tool made of it. */
function copy(
  name: string,
  goal: string,
  original: () => readonly RawTensor[],
  make: (tensors: readonly RawTensor[]) => SetFile,
): StorageSet {
  return { name, goal, files: () => [verbatim(original()), make(original())] };
}

/** The sets of a network that went through these runs. */
function listSets(
  runs: Readonly<Record<'sgd' | 'adamw' | 'early' | 'last' | 'merged' | 'rl', Run>>,
): readonly StorageSet[] {
  const trained = () => runs.sgd().at(-1) ?? [];
  const alone = (dtype: DType, goal: string): StorageSet => ({
    name: `no base, ${dtype}`,
    goal,
    files: () => [verbatim(castTo(trained(), dtype))],
  });
  return [
    series('SGD 1e-4', '.24', runs.sgd, 'f32'),
    series('SGD 1e-4', '.0036', runs.sgd, 'bf16'),
    series('SGD 1e-4', '.0143', runs.sgd, 'f16'),
    series('AdamW 1e-5', '.45', runs.adamw, 'f32'),
    series('AdamW 1e-5', '.060', runs.adamw, 'bf16'),
    series('early, Adam 1e-3', '.62', runs.early, 'f32'),
    series('only the last layer', '.0013', runs.last, 'f32'),
    series('merged rank 4', '.035', runs.merged, 'f32'),
    series('merged rank 4', '.07', runs.merged, 'bf16'),
    series('one step of RL', '.007', runs.rl, 'bf16'),
    copy('bf16 of a stored f32', '.001', trained, (tensors) => verbatim(castTo(tensors, 'bf16'))),
    copy('int8 per tensor of a stored f32', '.01', trained, (tensors) => verbatim(toCodes(tensors))),
    alone('f32', '.832'),
    alone('bf16', '.664'),
    alone('f16', '.846'),
  ];
}

/** Runs of the ResNet-18 whose checkpoints the trainer left in a folder. */
export function resNetSets(folder: string): readonly StorageSet[] {
  // Nothing is kept: ten sets of three checkpoints would be over a gigabyte.
  const run =
    (name: string, count = 3): Run =>
    () =>
      Array.from({ length: count }, (_, i) => readRun(folder, name, i, 'f32'));
  return listSets({
    sgd: run('sgd'),
    adamw: run('adamw'),
    early: run('early'),
    last: run('last'),
    merged: run('merged', 2),
    rl: run('rl'),
  });
}

/** Units of the network that stands in for a large one. */
export const WIDTHS = [256, 320, 320, 32];
const COUNT = 4;
const STEPS_APART = 5;

/** The weights of a network as tensors of f32. */
export function takeTensors(net: SmallNet): readonly RawTensor[] {
  return [...takeWeights(net)].map(([name, { shape, data }]) => ({
    name,
    dtype: 'f32',
    shape,
    bytes: new Uint8Array(Float32Array.from(data).buffer),
  }));
}

/** What merging an adapter does to every matrix: plus the product of two thin ones, .03 of the weights' deviation in size. */
function mergeUpdate(tensors: readonly RawTensor[], rank: number, seed: number): readonly RawTensor[] {
  const { normal } = createRandom(seed);
  return tensors.map((tensor) => {
    const { shape } = tensor;
    if (shape.length < 2) return tensor;
    const [rows = 0, columns = 0] = shape;
    const values = new Float32Array(new Uint8Array(tensor.bytes).buffer);
    const deviation = Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / values.length);
    const left = Float32Array.from({ length: rows * rank }, normal);
    const right = Float32Array.from({ length: columns * rank }, () => (normal() * 0.03 * deviation) / Math.sqrt(rank));
    const merged = values.map((w, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += (left[row * rank + r] ?? 0) * (right[column * rank + r] ?? 0);
      return w + sum;
    });
    return { ...tensor, bytes: new Uint8Array(merged.buffer) };
  });
}

/** A fully connected network in place of the ResNet: the same sets, small enough for every day. */
export function smallSets(seed: number): readonly StorageSet[] {
  const continueRun = (start: 'drawn' | 'trained', optimize: () => Optimizer, warmUp: number, apart: number): Run =>
    once(() => {
      const net = new SmallNet(WIDTHS, seed);
      if (start === 'trained') net.train(60, createAdam(1e-3));
      const optimizer = optimize();
      net.train(warmUp, optimizer);
      return Array.from({ length: COUNT }, () => {
        net.train(apart, optimizer);
        return takeTensors(net);
      });
    });
  const onlyLast = (): Optimizer => {
    const optimize = createAdam(1e-4);
    return (parameters) => optimize(parameters.slice(-2));
  };
  const sgd = continueRun('trained', () => createSgd(1e-4, 0.9), 15, STEPS_APART);
  const trained = () => sgd().at(-1) ?? [];
  const sets = listSets({
    sgd,
    adamw: continueRun('trained', () => createAdam(1e-5, 0.01), 15, STEPS_APART),
    early: continueRun('drawn', () => createAdam(1e-3), 10, STEPS_APART),
    last: continueRun('trained', onlyLast, 5, STEPS_APART),
    merged: once(() => [trained(), mergeUpdate(trained(), 4, seed)]),
    // A step as small as those of reinforcement learning; the large network takes a real one.
    rl: continueRun('trained', () => createAdam(2e-7), 5, 1),
  });
  // A convolution's rows are no whole blocks, so the large network has no such file.
  const gguf = copy('GGUF Q8_0 of a stored f32', '.01', trained, (tensors) => ({ tensors, container: 'gguf, Q8_0' }));
  return [...sets, gguf];
}

/** Where a set's files lie. */
export const pathsOf = (folder: string, names: readonly string[]): readonly string[] =>
  names.map((name) => join(folder, name));

/** Numbers of a checkpoint. */
export const countNumbers = ({ tensors }: SetFile): number =>
  tensors.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
