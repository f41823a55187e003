import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import type { Trained } from './lineage-forest.ts';
import { askAbout, openAsFile, placeTruly } from './members.ts';
import { alterStranger } from './questions.ts';
import { alterStrangeTransformer } from './questions-transformer.ts';
import type { BenchTable } from './table.ts';
import { trainPlan } from './zoo.ts';

interface Tally {
  asked: number;
  known: number;
  smallestLogP: number;
}

/** Trains networks that nothing stored is related to, asks about each in four guises, and counts who is called known: it must be none. */
export async function benchStrangers(zoos: readonly Trained[], count: number, seed: number): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  const notes: string[] = [];
  let [asked, comparisons] = [0, 0];
  for (const { zoo, members } of zoos) {
    const archive = memoryArchive(placeTruly(members));
    const tallies = new Map<string, Tally>();
    const isSlow = zoo.scene.architecture === 'cnn' || zoo.scene.architecture === 'transformer';
    const strangers = isSlow ? Math.ceil(count / 3) : count;
    for (let i = 0; i < strangers; i++) {
      const epochs = 1 + (i % 8);
      const weights =
        (await trainPlan({ scene: zoo.scene, seed: 100_000 * seed + 10_000 + i, epochs })).at(-1) ?? new Map();
      const graph = inferAxisGraph((await openAsFile(weights)).tensors);
      const all = [...alterStranger(weights, graph, i), ...alterStrangeTransformer(weights, zoo.scene, i)];
      for (const altered of all) {
        const answer = await identifyCheckpoint(await askAbout(altered.weights), archive);
        const tally = tallies.get(altered.kind) ?? { asked: 0, known: 0, smallestLogP: 0 };
        tallies.set(altered.kind, tally);
        tally.asked++;
        tally.known += answer.known ? 1 : 0;
        tally.smallestLogP = Math.min(tally.smallestLogP, answer.logPValue ?? 0);
        if (answer.known)
          notes.push(
            `${zoo.scene.name}, stranger ${i} after ${epochs} epochs, ${altered.kind}: called ${answer.relation}, confidence ${answer.confidence.toFixed(3)}.`,
          );
      }
    }
    for (const [kind, tally] of tallies) {
      asked += tally.asked;
      comparisons += tally.asked * members.length;
      rows.push([
        zoo.scene.name,
        kind,
        String(tally.asked),
        String(members.length),
        String(tally.asked * members.length),
        String(tally.known),
        tally.smallestLogP.toFixed(1),
      ]);
    }
  }
  return {
    title: 'Lineage: strangers of the same architecture, trained on the same data from other seeds',
    columns: ['zoo', 'query', 'asked', 'stored', 'comparisons', 'called known', 'smallest ln p'],
    rows,
    notes: [`${asked} questions, ${comparisons} comparisons in all.`, ...notes],
  };
}
