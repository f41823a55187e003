import { castBlock } from '../../src/codec/casts.ts';
import type { BlockType } from '../../src/codec/index.ts';
import { createAdam, createRandom, createSgd, type Optimizer, type Parameter, SmallNet } from './small-net.ts';

/** One tensor at three consecutive checkpoints. */
export interface TensorHistory {
  readonly rowLength: number;
  readonly before: Uint8Array;
  readonly base: Uint8Array;
  readonly next: Uint8Array;
}

/** A named set of tensors of one type. */
export interface CodecSet {
  readonly name: string;
  readonly type: BlockType;
  readonly baseType: BlockType;
  readonly tensors: readonly TensorHistory[];
}

const WIDTHS = [256, 512, 512, 10];
const STEPS_APART = 5;

type Snapshot = readonly { readonly values: Float32Array; readonly rowLength: number }[];

function takeSnapshot(net: SmallNet): Snapshot {
  return net.parameters.map(({ values, rowLength }) => ({ values: values.slice(), rowLength }));
}

function restoreSnapshot(net: SmallNet, snapshot: Snapshot): void {
  net.parameters.forEach((parameter, i) => void parameter.values.set(snapshot[i]?.values ?? []));
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.slice().buffer);
}

function makeSet(name: string, type: BlockType, [before, base, next]: readonly Snapshot[]): CodecSet {
  const cast = (snapshot: Snapshot | undefined, i: number) => {
    const bytes = bytesOf(snapshot?.[i]?.values ?? new Float32Array(0));
    return type === 'f32' ? bytes : castBlock(bytes, 'f32', type, 'nearest');
  };
  const tensors = (next ?? []).map(({ rowLength }, i) => ({
    rowLength,
    before: cast(before, i),
    base: cast(base, i),
    next: cast(next, i),
  }));
  return { name, type, baseType: type, tensors };
}

/** Three checkpoints of a run that goes on from a state, after a few steps for the optimizer to settle. */
function continueRun(net: SmallNet, from: Snapshot, optimize: Optimizer, warmUp: number): Snapshot[] {
  restoreSnapshot(net, from);
  net.train(warmUp, optimize);
  return Array.from({ length: 3 }, () => {
    net.train(STEPS_APART, optimize);
    return takeSnapshot(net);
  });
}

/** An optimizer that leaves all but the last layer alone. */
function onlyLastLayer(optimize: Optimizer): Optimizer {
  return (parameters: readonly Parameter[]) => optimize(parameters.slice(-2));
}

/** Adds a product of two thin matrices to every matrix, as merging a LoRA does: in f64, then rounded. */
function addLowRankUpdate(snapshot: Snapshot, rank: number, size: number, seed: number): Snapshot {
  const { normal } = createRandom(seed);
  return snapshot.map(({ values, rowLength }) => {
    if (rowLength === 1) return { values, rowLength };
    const rows = values.length / rowLength;
    const left = Float32Array.from({ length: rows * rank }, () => normal() * size);
    const right = Float32Array.from({ length: rowLength * rank }, () => normal() / Math.sqrt(rowLength));
    const product = (row: number, column: number) => {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += (left[row * rank + r] ?? 0) * (right[column * rank + r] ?? 0);
      return sum;
    };
    const updated = values.map((w, i) => w + product(Math.floor(i / rowLength), i % rowLength));
    return { values: updated, rowLength };
  });
}

function castSet(snapshot: Snapshot): CodecSet {
  const tensors = snapshot.map(({ values, rowLength }) => {
    const base = bytesOf(values);
    return { rowLength, before: base, base, next: castBlock(base, 'f32', 'bf16', 'nearest') };
  });
  return { name: 'bf16 of a stored f32', type: 'bf16', baseType: 'f32', tensors };
}

function quantizedSet(snapshot: Snapshot): CodecSet {
  const tensors = snapshot.map(({ values, rowLength }) => {
    const base = bytesOf(values);
    const scale = values.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 127;
    return { rowLength, before: base, base, next: Uint8Array.from(values, (w) => Math.round(w / scale) & 255) };
  });
  return { name: 'int8 per tensor of a stored f32', type: 'i8', baseType: 'f32', tensors };
}

/** Trains a small network and returns the sets that the tables of the benchmark name, on its checkpoints. */
export function trainSets(): readonly CodecSet[] {
  const net = new SmallNet(WIDTHS, 7);
  const start = takeSnapshot(net);
  const early = continueRun(net, start, createAdam(1e-3), 10);
  net.train(100, createAdam(1e-3));
  const trained = takeSnapshot(net);
  const sgd = continueRun(net, trained, createSgd(1e-4, 0.9), 15);
  const adam = continueRun(net, trained, createAdam(1e-5, 0.01), 15);
  const tiny = continueRun(net, trained, createAdam(2e-7), 15);
  const last = continueRun(net, trained, onlyLastLayer(createAdam(1e-4)), 5);
  const merged = [trained, trained, addLowRankUpdate(trained, 4, 0.01, 3)];
  return [
    makeSet('a SGD 1e-4', 'f32', sgd),
    makeSet('b SGD 1e-4', 'bf16', sgd),
    makeSet('b SGD 1e-4', 'f16', sgd),
    makeSet('c Adam 1e-3, early', 'f32', early),
    makeSet('c Adam 1e-3, early', 'bf16', early),
    makeSet('d last layer', 'f32', last),
    makeSet('e merged rank 4', 'f32', merged),
    makeSet('e merged rank 4', 'bf16', merged),
    makeSet('f AdamW 1e-5', 'f32', adam),
    makeSet('f AdamW 1e-5', 'bf16', adam),
    makeSet('g Adam 2e-7', 'bf16', tiny),
    castSet(trained),
    quantizedSet(trained),
  ];
}
