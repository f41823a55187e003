import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collectBytes } from '../../src/bytes/collect.ts';
import { writeSafetensors } from '../../src/formats/safetensors/index.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { createRandom } from '../zoo/random.ts';

/** The weights of a net of two layers, and where training takes them next. */
export interface Net {
  readonly hidden: Float32Array;
  readonly output: Float32Array;
}

const INPUTS = 12;
const UNITS = 24;
const CLASSES = 4;
const SAMPLES = 64;

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function startNet(seed: number): Net {
  const random = createRandom(seed);
  const draw = (n: number, scale: number) => Float32Array.from({ length: n }, () => scale * gaussian(random));
  return { hidden: draw(UNITS * INPUTS, Math.sqrt(2 / INPUTS)), output: draw(CLASSES * UNITS, Math.sqrt(1 / UNITS)) };
}

interface Sample {
  readonly input: Float32Array;
  readonly label: number;
}

/** Points round one centre a class. */
function drawSamples(seed: number): readonly Sample[] {
  const random = createRandom(seed);
  const centres = Array.from({ length: CLASSES }, () => Float32Array.from({ length: INPUTS }, () => gaussian(random)));
  return Array.from({ length: SAMPLES }, (_, index) => {
    const label = index % CLASSES;
    const centre = centres[label] ?? new Float32Array(INPUTS);
    return { label, input: centre.map((x) => x + 0.5 * gaussian(random)) };
  });
}

function forward({ hidden, output }: Net, input: Float32Array) {
  const units = new Float32Array(UNITS);
  for (let unit = 0; unit < UNITS; unit++) {
    let sum = 0;
    for (let i = 0; i < INPUTS; i++) sum += (hidden[unit * INPUTS + i] ?? 0) * (input[i] ?? 0);
    units[unit] = Math.max(0, sum);
  }
  const scores = new Float32Array(CLASSES);
  for (let c = 0; c < CLASSES; c++)
    for (let u = 0; u < UNITS; u++) scores[c] = (scores[c] ?? 0) + (output[c * UNITS + u] ?? 0) * (units[u] ?? 0);
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return { units, shares: powers.map((power) => power / total) };
}

/** One pass of gradient descent, a sample a step, in an order of its own. */
function trainEpoch(net: Net, samples: readonly Sample[], rate: number, random: () => number): Net {
  const next = { hidden: net.hidden.slice(), output: net.output.slice() };
  for (let step = 0; step < samples.length; step++) {
    const sample = samples[Math.floor(random() * samples.length)];
    if (sample === undefined) continue;
    const { units, shares } = forward(next, sample.input);
    const errors = shares.map((share, c) => share - (c === sample.label ? 1 : 0));
    for (let u = 0; u < UNITS; u++) {
      let back = 0;
      for (let c = 0; c < CLASSES; c++) {
        back += (errors[c] ?? 0) * (next.output[c * UNITS + u] ?? 0);
        next.output[c * UNITS + u] = (next.output[c * UNITS + u] ?? 0) - rate * (errors[c] ?? 0) * (units[u] ?? 0);
      }
      if ((units[u] ?? 0) === 0) continue;
      for (let i = 0; i < INPUTS; i++)
        next.hidden[u * INPUTS + i] = (next.hidden[u * INPUTS + i] ?? 0) - rate * back * (sample.input[i] ?? 0);
    }
  }
  return next;
}

/** Trains a small classifier; returns its state before training and after each epoch. */
export function trainRun(seed: number, epochs: number, from: Net = startNet(seed), dataSeed = 1000): readonly Net[] {
  const random = createRandom(seed + 77);
  const samples = drawSamples(dataSeed);
  const states = [from];
  for (let epoch = 0; epoch < epochs; epoch++) {
    states.push(trainEpoch(states.at(-1) ?? from, samples, 0.02, random));
  }
  return states;
}

/** Bytes of a safetensors file of a net. */
export async function netBytes({ hidden, output }: Net, dtype: DType = 'f32'): Promise<Uint8Array> {
  const tensor = (name: string, shape: readonly number[], values: Float32Array) => ({
    name,
    dtype,
    shape,
    async *bytes() {
      yield encodeFromFloat32(dtype, values);
    },
  });
  const [file] = writeSafetensors.write(
    [tensor('fc1.weight', [UNITS, INPUTS], hidden), tensor('fc2.weight', [CLASSES, UNITS], output)],
    { fileName: 'net.safetensors' },
  );
  if (file === undefined) throw new Error('nothing was written');
  return collectBytes(file.bytes());
}

/** Writes a net as a safetensors file; returns its bytes. */
export async function writeNet(folder: string, name: string, net: Net, dtype: DType = 'f32'): Promise<Uint8Array> {
  const bytes = await netBytes(net, dtype);
  await writeFile(join(folder, name), bytes);
  return bytes;
}
