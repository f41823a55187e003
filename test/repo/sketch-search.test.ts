import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packRows, searchRows } from '../../src/neighbors/row-search.ts';
import { isCoarseFileWhole } from '../../src/repo/coarse-file.ts';
import { IdPlaces } from '../../src/repo/id-places.ts';
import { SketchFile } from '../../src/repo/sketch-rows.ts';
import { SketchSearch } from '../../src/repo/sketch-search.ts';
import { SKETCH_LENGTH } from '../../src/sketch/summary.ts';
import { createRandom } from '../example/tiny-net.ts';

const random = createRandom(3);
const draw = () => Float32Array.from({ length: SKETCH_LENGTH }, () => random() - 0.5);
const idOf = (i: number) =>
  Math.imul(i + 1, 0x9e3779b1)
    .toString(16)
    .replace('-', 'f')
    .padStart(8, '0')
    .repeat(8)
    .slice(0, 64);

/** Runs of ten that lie close together, a copy, and one without a direction. */
function drawSketches(count: number): Map<string, Float32Array> {
  const vectors = new Map<string, Float32Array>();
  let start = draw();
  for (let i = 0; i < count; i++) {
    if (i % 10 === 0) start = draw();
    vectors.set(
      idOf(i),
      start.map((value) => value + 0.05 * (random() - 0.5)),
    );
  }
  vectors.set(idOf(7), vectors.get(idOf(6)) ?? draw());
  vectors.set(idOf(9), new Float32Array(SKETCH_LENGTH));
  return vectors;
}

describe('a search of sketches in a file', () => {
  let file: string;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-search-'));
    file = path.join(folder, 'space.centred');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const vectors = drawSketches(600);
  const ids = [...vectors.keys()].sort();
  const search = (among: readonly string[], query: Float32Array, k: number) =>
    new SketchSearch(file).search({ ids: among, places: new IdPlaces(among) }, query, k, (id) => vectors.get(id));
  /** The comparison with all: the oracle. */
  const compare = (among: readonly string[], query: Float32Array, k: number) =>
    searchRows(packRows(new Map(among.map((id) => [id, vectors.get(id) ?? draw()]))), query, k);
  const queries = [draw(), vectors.get(idOf(6)) ?? draw(), vectors.get(idOf(123)) ?? draw()];
  const expectSame = (among: readonly string[]) => {
    for (const query of queries) {
      for (const k of [1, 3, 33, 700]) expect(search(among, query, k)).toEqual(compare(among, query, k));
    }
  };

  it('is left to others where there is no file, or much is missing', () => {
    expect(search(ids, draw(), 3)).toBeUndefined();
    new SketchFile(file).append(new Map(ids.slice(0, 50).map((id) => [id, vectors.get(id) ?? draw()])));
    expect(search(ids, draw(), 3)).toBeUndefined();
  });

  it('adds what is missing, and answers as a comparison with all does', () => {
    new SketchFile(file).append(new Map(ids.slice(50, 300).map((id) => [id, vectors.get(id) ?? draw()])));
    expectSame(ids.slice(0, 302));
    expectSame(ids);
  });

  it('of some of the rows', () => {
    expectSame(ids.filter((_, i) => i % 3 === 0));
    expect(search([], draw(), 3)).toEqual([]);
  });

  it('whatever became of the coarse rows', async () => {
    const coarse = `${file}.coarse`;
    const [query = draw()] = queries;
    const nearest = compare(ids, query, 33);
    const whole = await readFile(coarse);
    expect(isCoarseFileWhole(whole)).toBe(true);
    for (const at of [0, 5, 40, 20_000, whole.byteLength - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x40;
      expect(isCoarseFileWhole(damaged)).toBe(false);
      await writeFile(coarse, damaged);
      expect(search(ids, query, 33)).toEqual(nearest);
    }
    for (const length of [0, 11, 1000, whole.byteLength - 1]) {
      await truncate(coarse, length);
      expect(search(ids, query, 33)).toEqual(nearest);
    }
    await writeFile(coarse, Buffer.concat([whole, whole]));
    expect(search(ids, query, 33)).toEqual(nearest);
    await rm(coarse);
    expect(search(ids, query, 33)).toEqual(nearest);
  });

  it('whatever order the rows have after a repair', async () => {
    const all = new SketchFile(file);
    await rm(file);
    all.append(new Map([...ids].reverse().map((id) => [id, vectors.get(id) ?? draw()])));
    expectSame(ids);
  });

  it('is left to others where a row that decides is damaged', async () => {
    const bytes = await readFile(file);
    for (let at = 100; at < bytes.byteLength; at += 4144) bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect(search(ids, draw(), 3)).toBeUndefined();
  });
});
