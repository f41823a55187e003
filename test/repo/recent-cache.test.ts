import { describe, expect, it } from 'vitest';
import { sampleOfWeights } from '../../src/lineage/sample-rows.ts';
import { RecentCache, RecentlyRead } from '../../src/repo/recent-cache.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { idOf } from '../lineage/pile.ts';

const [a, b, c] = ['a', 'b', 'c'].map(idOf) as [
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
  ReturnType<typeof idOf>,
];
const weights = (count: number): Weights => new Map([['w', { shape: [count], data: new Float32Array(count) }]]);

/** A cache for two checkpoints of 100 numbers, and what was loaded. */
function countLoads() {
  const cache = new RecentCache<Weights>(800, (read) => 4 * (read.get('w')?.data.length ?? 0));
  const loaded: string[] = [];
  const read = (id: typeof a, count = 100) =>
    cache.read(id, async () => {
      loaded.push(id);
      return weights(count);
    });
  return { cache, loaded, read };
}

describe('recent weights', () => {
  it('keep what was used last', async () => {
    const { loaded, read } = countLoads();
    for (const id of [a, b, a, c, a, b]) await read(id);
    expect(loaded).toEqual([a, b, c, b]);
  });

  it('give what is larger than the bound, and keep nothing beside it', async () => {
    const { loaded, read } = countLoads();
    await read(a);
    expect((await read(b, 1000)).get('w')?.shape).toEqual([1000]);
    await read(b);
    await read(a);
    expect(loaded).toEqual([a, b, a]);
  });

  it('are loaded again once they were given up', async () => {
    const { cache, loaded, read } = countLoads();
    await read(a);
    cache.clear();
    await read(a);
    await read(b);
    await read(a);
    expect(loaded).toEqual([a, a, b]);
  });

  it('are loaded together where several are missing', async () => {
    const { cache, loaded, read } = countLoads();
    await read(b);
    const found = await cache.readAll([a, b, c], async (ids) => {
      loaded.push(ids.join());
      return ids.map((id) => weights(id === a ? 1 : 3));
    });
    expect(loaded).toEqual([b, `${a},${c}`]);
    expect([...found].map(([id, kept]) => [id, kept.get('w')?.shape[0]])).toEqual([
      [a, 1],
      [b, 100],
      [c, 3],
    ]);
  });
});

describe('what was read last', () => {
  const loads = (counts: readonly number[]) => {
    const read: string[] = [];
    const recent = new RecentlyRead();
    const weightsOf = (): Weights =>
      new Map(counts.map((count, i) => [`w${i}`, { shape: [count / 8, 8], data: new Float32Array(count).fill(i) }]));
    return {
      read,
      weights: (id: typeof a) =>
        recent.readWeights(id, async () => {
          read.push(`weights of ${id}`);
          return weightsOf();
        }),
      samples: (...ids: readonly (typeof a)[]) =>
        recent.readSamples(ids, async (missing) => {
          read.push(...missing.map((id) => `sample of ${id}`));
          return missing.map(() => sampleOfWeights(weightsOf()));
        }),
    };
  };

  it('gives samples of weights that are at hand, and reads the others together', async () => {
    const { read, weights, samples } = loads([1 << 20, 64]);
    const whole = await weights(b);
    const found = await samples(a, b, c);
    expect(read).toEqual([`weights of ${b}`, `sample of ${a}`, `sample of ${c}`]);
    expect([...found.keys()]).toEqual([a, b, c]);
    expect(found.get(b)).toEqual(sampleOfWeights(whole));
  });

  it('gives weights of a sample that leaves nothing out, and of no other', async () => {
    const small = loads([64, 512]);
    await small.samples(a);
    expect((await small.weights(a)).get('w1')?.data).toEqual(new Float32Array(512).fill(1));
    expect(small.read).toEqual([`sample of ${a}`]);
    const large = loads([1 << 20, 64]);
    await large.samples(a);
    expect((await large.weights(a)).get('w0')?.data).toHaveLength(1 << 20);
    expect(large.read).toEqual([`sample of ${a}`, `weights of ${a}`]);
  });
});
