import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { writeNpz } from '../../src/formats/numpy/write.ts';
import { writePytorch } from '../../src/formats/pytorch/write.ts';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { identifyFiles } from '../../src/repo/identify-files.ts';
import { readLineageGraph } from '../../src/repo/lineage-graph.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { toWritable } from '../bench/write-net.ts';
import { trainRun } from '../lineage/small-zoo.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, openIn } from './workspace.ts';

const temporary = temporaryFolders();
const WRITERS = { safetensors: writeSafetensors, npz: writeNpz, pt: writePytorch };

async function write(folder: string, name: string, weights: Weights): Promise<void> {
  const kind = name.split('.').at(-1) as keyof typeof WRITERS;
  const [file] = WRITERS[kind].write(toWritable(weights, 'f32'), { fileName: name });
  if (file === undefined) throw new Error('A writer writes a file.');
  await writeFile(path.join(folder, name), await collectBytes(file.bytes()));
}

/** Adds each file, and commits it, by itself; the parent that was said of each. */
async function addEach(folder: string, names: readonly string[]): Promise<readonly (string | undefined)[]> {
  const parents: (string | undefined)[] = [];
  for (const name of names) {
    const { added } = await finish(addFiles(await openIn(folder), [name]));
    const parent = added[0]?.placement?.parent;
    const { nodes } = await readLineageGraph(await openIn(folder));
    parents.push(nodes.find(({ commit }) => commit === parent)?.source);
    await finish(commitStaged(await openIn(folder)));
  }
  return parents;
}

describe.each([
  [['a.safetensors', 'b.npz', 'c.pt']],
  [['b.npz', 'a.safetensors', 'c.pt']],
  [['c.pt', 'b.npz', 'a.safetensors']],
])('the same weights in other containers, %s', (names) => {
  it('all come from the one that came first', async () => {
    const folder = await temporary();
    await createIn(folder);
    const run = trainRun({ seed: 3, epochs: 5 });
    for (const name of names) await write(folder, name, run[2] ?? new Map());
    await write(folder, 'next.safetensors', run[3] ?? new Map());
    const [first, ...others] = names;
    expect(await addEach(folder, names)).toEqual([undefined, ...others.map(() => first)]);
    await addEach(folder, ['next.safetensors']);
    const { nodes, edges } = await readLineageGraph(await openIn(folder));
    const sourceOf = (commit: string) => nodes.find((node) => node.commit === commit)?.source;
    const copies = edges.filter(({ relation }) => relation === 'recontained');
    expect(copies.map(({ child, parent }) => [sourceOf(child), sourceOf(parent)]).sort()).toEqual(
      others.map((name) => [name, first]).sort(),
    );
    for (const { relation, parent } of edges) if (relation === 'next') expect(sourceOf(parent)).toBe(first);
    await write(folder, 'other.pt', run[2] ?? new Map());
    const { results } = await finish(identifyFiles(await openIn(folder), ['other.pt']));
    expect(results[0]?.known).toBe(true);
    if (results[0]?.relation === 'recontained') expect(results[0].parents[0]?.source).toBe(first);
  });
});
