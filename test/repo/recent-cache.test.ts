import { describe, expect, it } from 'vitest';
import { RecentCache } from '../../src/repo/recent-cache.ts';
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
