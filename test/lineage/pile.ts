import { sha256Hex } from '../../src/bytes/sha256.ts';
import type { Declared } from '../../src/formats/format.ts';
import { type MemoryEntry, memoryArchive } from '../../src/lineage/memory-archive.ts';
import { parseManifestId } from '../../src/objects/ids.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom } from '../zoo/random.ts';
import { openWeights } from './memory-checkpoint.ts';

const SIDE = 24;
const GRAPH: AxisGraph = {
  tensors: new Map([['hidden.weight', { labels: ['units', null] }]]),
  source: 'file',
  rescalable: new Set(),
  unplaced: [],
};

export function idOf(name: string) {
  return parseManifestId(sha256Hex(new TextEncoder().encode(name)));
}

/** A checkpoint in memory under a name; its id is made from the name. */
export async function toEntry(name: string, weights: Weights, declared: Declared = {}): Promise<MemoryEntry> {
  const summary = await summarize({ ...openWeights(weights, name), declared });
  return { id: idOf(name), summary, source: name, weights, graph: GRAPH };
}

export function gaussian(seed: number): () => number {
  const random = createRandom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function matrix(data: Float32Array, name = 'hidden.weight'): Weights {
  return new Map([[name, { shape: [SIDE, data.length / SIDE], data }]]);
}

/** The state of a smooth run: where it is and where it goes. */
export interface Motion {
  readonly at: Float32Array;
  readonly velocity: Float32Array;
}

export function startMotion(seed: number): Motion {
  const draw = gaussian(seed);
  const at = Float32Array.from({ length: SIDE * SIDE }, draw);
  return { at, velocity: at.map(() => 0.5 * draw()) };
}

/** Another direction from the same place: a fork. */
export function divert({ at, velocity }: Motion, seed: number): Motion {
  const draw = gaussian(seed);
  return { at, velocity: velocity.map((v) => 0.3 * v + 0.5 * draw()) };
}

/** Goes on from a motion: `count` states after it. Steps shrink and turn a little, and the norm grows, as in training. */
export function moveOn(motion: Motion, count: number, seed: number): readonly Motion[] {
  const draw = gaussian(seed);
  const states: Motion[] = [];
  let { at, velocity } = motion;
  for (let step = 0; step < count; step++) {
    const from = at;
    const along = velocity;
    at = from.map((x, i) => x + (along[i] ?? 0));
    velocity = along.map((v) => 0.9 * v + 0.06 * draw());
    states.push({ at, velocity });
  }
  return states;
}

export const archiveOf = memoryArchive;
