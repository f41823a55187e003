import { summarize } from '../../src/sketch/summarize.ts';
import { SKETCH_LENGTH } from '../../src/sketch/summary.ts';
import { openAsFile } from './members.ts';
import { createRandom, createSgd, SmallNet } from './small-net.ts';
import { takeWeights } from './write-net.ts';

const CHECKPOINTS_A_RUN = 20;
/** Of the networks that are trained: 988 weights. */
const WIDTHS = [12, 24, 24, 4];

/** Sketches of one space, and sketches to ask about: of checkpoints beside stored ones, and of runs that are not stored. */
export interface SketchSpace {
  readonly vectors: Map<string, Float32Array>;
  readonly beside: Float32Array[];
  readonly strangers: Float32Array[];
}

/** Whether a question is asked of this run: about `questions` of them, evenly spread. */
const isAsked = (run: number, runs: number, questions: number): boolean =>
  Math.floor((run * questions) / runs) !== Math.floor(((run + 1) * questions) / runs);

/** Synthetic sketches: each run starts anywhere and goes on in small steps that turn slowly; a question lies beside one of them. */
export function drawSpace(count: number, seed: number, questions: number): SketchSpace {
  const random = createRandom(seed);
  const draw = (size: number): Float32Array =>
    Float32Array.from({ length: SKETCH_LENGTH }, () => size * random.normal());
  const space: SketchSpace = { vectors: new Map(), beside: [], strangers: [] };
  const runs = Math.ceil(count / CHECKPOINTS_A_RUN);
  for (let run = 0; run < runs; run++) {
    let at = draw(1);
    let step = draw(0.1);
    for (let i = 0; i < CHECKPOINTS_A_RUN && space.vectors.size < count; i++) {
      space.vectors.set(`${run}/${i}`, at);
      if (i === 7 && isAsked(run, runs, questions))
        space.beside.push(at.map((x, k) => x + 0.4 * (step[k] ?? 0) + 0.01 * random.normal()));
      const [from, along, turn] = [at, step, draw(0.02)];
      at = from.map((x, k) => x + (along[k] ?? 0));
      step = along.map((x, k) => 0.95 * x + (turn[k] ?? 0));
    }
  }
  for (let i = 0; i < Math.min(questions, runs); i++) space.strangers.push(draw(1));
  return space;
}

async function sketchOf(net: SmallNet): Promise<Float32Array> {
  return (await summarize(await openAsFile(takeWeights(net)))).centred;
}

/** Sketches of networks that are trained here, by momentum; a question is the checkpoint after the last that is stored, or of another run. */
export async function trainSpace(count: number, seed: number, questions: number): Promise<SketchSpace> {
  const space: SketchSpace = { vectors: new Map(), beside: [], strangers: [] };
  const runs = Math.ceil(count / CHECKPOINTS_A_RUN);
  for (let run = 0; run < runs + Math.min(questions, runs); run++) {
    const net = new SmallNet(WIDTHS, 1_000_000 * seed + run);
    const optimize = createSgd(0.05, 0.9);
    for (let i = 0; i < CHECKPOINTS_A_RUN && run < runs; i++) {
      net.train(3, optimize);
      if (space.vectors.size < count) space.vectors.set(`${run}/${i}`, await sketchOf(net));
    }
    net.train(3, optimize);
    if (run >= runs) space.strangers.push(await sketchOf(net));
    else if (isAsked(run, runs, questions)) space.beside.push(await sketchOf(net));
  }
  return space;
}
