import { beforeAll, describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Identification } from '../../src/lineage/model.ts';
import { askAbout, placeTruly, type TrueMember, toMembers } from '../bench/members.ts';
import { type ForkKind, SCENES, type Scene, trainPlan } from '../bench/zoo.ts';

const SEED = 823;
const EPOCHS = 14;

interface Asked {
  readonly fork: ForkKind;
  readonly from: number;
  readonly answer: Identification;
  readonly base: TrueMember | undefined;
}

function sceneOf(name: string): Scene {
  const scene = SCENES.find((candidate) => candidate.name === name);
  if (scene === undefined) throw new Error(`There is no zoo ${name}.`);
  return scene;
}

async function askAboutForks(name: string): Promise<readonly Asked[]> {
  const scene = sceneOf(name);
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

describe('a held-out checkpoint beside a branch at a lower rate', () => {
  it.each(['tanh, SGD', 'ReLU, momentum'])('is placed on its own run (%s)', async (name) => {
    const scene = sceneOf(name);
    const trunk = await trainPlan({ scene, seed: SEED, epochs: EPOCHS });
    const branch = await trainPlan({ scene, seed: SEED + 1, epochs: 6, start: trunk[6] ?? new Map(), fork: 'rate' });
    const runs = [
      { name: 'run-0', checkpoints: trunk },
      { name: 'run-1', checkpoints: branch },
    ];
    // The branch passes between the seventh and the eighth of the trunk.
    const kept = (await toMembers({ scene, runs })).filter(({ run, checkpoint }) => run !== 0 || checkpoint !== 7);
    const answer = await identifyCheckpoint(await askAbout(trunk[7] ?? new Map()), memoryArchive(placeTruly(kept)));
    expect(answer).toMatchObject({ relation: 'between', trajectory: 'run-0' });
    expect(answer.position).toBeGreaterThan(6);
    expect(answer.position).toBeLessThan(7);
  });
});
