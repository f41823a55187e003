import { beforeAll, describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Identification } from '../../src/lineage/model.ts';
import { askAbout, placeTruly, type TrueMember, toMembers } from '../bench/members.ts';
import { type ForkKind, SCENES, trainPlan } from '../bench/zoo.ts';

const SEED = 823;
const EPOCHS = 14;

interface Asked {
  readonly fork: ForkKind;
  readonly from: number;
  readonly answer: Identification;
  readonly base: TrueMember | undefined;
}

async function askAboutForks(name: string): Promise<readonly Asked[]> {
  const scene = SCENES.find((candidate) => candidate.name === name);
  if (scene === undefined) throw new Error(`There is no zoo ${name}.`);
  const checkpoints = await trainPlan({ scene, seed: SEED, epochs: EPOCHS });
  const members = await toMembers({ scene, runs: [{ name: 'run-0', checkpoints }] });
  const archive = memoryArchive(placeTruly(members));
  const asked: Asked[] = [];
  for (const fork of ['subset', 'labels', 'domain'] as const) {
    for (const from of [4, 9]) {
      const start = checkpoints[from] ?? new Map();
      const [first = new Map()] = await trainPlan({ scene, seed: SEED + from, epochs: 1, start, fork });
      const answer = await identifyCheckpoint(await askAbout(first), archive);
      asked.push({ fork, from, answer, base: members.find(({ entry }) => entry.id === answer.nearest?.id) });
    }
  }
  return asked;
}

describe.each(['tanh, SGD', 'ReLU, AdamW'])('the first checkpoint of a fork (%s)', (name) => {
  let asked: readonly Asked[];
  beforeAll(async () => {
    asked = await askAboutForks(name);
  });

  it('is called trained, from its base or the checkpoint beside it', () => {
    for (const { fork, from, answer, base } of asked) {
      expect(answer.relation, `${fork} from ${from}`).toBe('fine-tuned');
      expect(Math.abs((base?.checkpoint ?? -9) - from), `${fork} from ${from}`).toBeLessThanOrEqual(1);
      expect(answer.parents).toEqual([{ id: base?.entry.id, weight: 1 }]);
    }
  });

  it('is never certain of a base that is the wrong one, and sure of the one beside it', () => {
    for (const { fork, from, answer, base } of asked) {
      expect(answer.confidenceWithinOne ?? 0, `${fork} from ${from}`).toBeGreaterThanOrEqual(answer.confidence);
      if (base?.checkpoint === from) continue;
      expect(answer.confidence, `${fork} from ${from}`).toBeLessThan(0.98);
      expect(answer.confidenceWithinOne ?? 0, `${fork} from ${from}`).toBeGreaterThan(0.9);
    }
  });
});
