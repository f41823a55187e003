import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { castBlock } from '../../src/codec/casts.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { collectGarbage, type GarbageResult } from '../../src/repo/collect-garbage.ts';
import { createIn, finish, openIn, saveFiles } from '../repo/workspace.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import { withFolder } from './program.ts';
import { type RawTensor, writeTensors } from './resnet-sets.ts';
import { createAdam, createSgd, SmallNet } from './small-net.ts';
import { takeTensors, WIDTHS } from './storage-sets.ts';
import type { BenchTable } from './table.ts';

const TRUNK = 12;
const BRANCH = 8;
const FORK = 5;
/** Checkpoints of the trunk that are also there in bf16. */
const CAST = [3, 7, 11];

/** Twelve checkpoints of an AdamW run, eight of an SGD run that leaves its sixth, three casts. */
function trainCheckpoints(seed: number): readonly (readonly RawTensor[])[] {
  const net = new SmallNet(WIDTHS, seed);
  net.train(60, createAdam(1e-3));
  const branch = new SmallNet(WIDTHS, seed);
  const optimize = createAdam(1e-5, 0.01);
  const trunk: (readonly RawTensor[])[] = [];
  for (let i = 0; i < TRUNK; i++) {
    net.train(5, optimize);
    trunk.push(takeTensors(net));
    if (i === FORK)
      for (const [k, { values }] of branch.parameters.entries()) values.set(net.parameters[k]?.values ?? []);
  }
  const momentum = createSgd(1e-4, 0.9);
  const forked = Array.from({ length: BRANCH }, () => {
    branch.train(5, momentum);
    return takeTensors(branch);
  });
  const casts = CAST.map((i) =>
    (trunk[i] ?? []).map((tensor): RawTensor => {
      return { ...tensor, dtype: 'bf16', bytes: castBlock(tensor.bytes, 'f32', 'bf16', 'nearest') };
    }),
  );
  return [...trunk, ...forked, ...casts];
}

const collect = async (folder: string, more: { readonly dryRun?: boolean } = {}): Promise<GarbageResult> =>
  finish(collectGarbage(await openIn(folder), { now: true, aggressive: true, ...more }));

/** Bytes of files that differ after everything was restored and compared with its hash. */
async function countDiffering(folder: string): Promise<number> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  if (findings.length > 0 || proof === undefined) throw new Error(`fsck --prove found ${JSON.stringify(findings)}`);
  return proof.differingBytes;
}

/** Adds the files one by one, then codes them anew, twice. */
async function measureOrder(source: string, names: readonly string[]): Promise<readonly string[]> {
  return withFolder(async (folder) => {
    await createIn(folder);
    for (const name of names) {
      copyFileSync(join(source, name), join(folder, name));
      await saveFiles(folder, [join(folder, name)]);
    }
    for (const name of names) rmSync(join(folder, name));
    const plan = await collect(folder, { dryRun: true });
    const start = process.cpuUsage();
    const done = await collect(folder);
    const { user, system } = process.cpuUsage(start);
    const again = await collect(folder);
    const bytes = [done.bytesBefore, plan.recoded?.bytesBefore, plan.recoded?.bytesAfter, done.bytesAfter];
    return [
      ...bytes.map((count) => (count ?? Number.NaN).toLocaleString('en')),
      `${((100 * (done.bytesAfter - done.bytesBefore)) / done.bytesBefore).toFixed(1)} %`,
      ((user + system) / 1e6).toFixed(1),
      String(again.bytesAfter - done.bytesAfter),
      String(await countDiffering(folder)),
    ];
  });
}

/** Measures what coding a whole repository anew saves, by the order in which its files came. */
export async function benchCollection(seed: number): Promise<BenchTable> {
  return withFolder(async (source) => {
    const checkpoints = trainCheckpoints(seed);
    const names = checkpoints.map((_, i) => `checkpoint-${String(i).padStart(2, '0')}.safetensors`);
    for (const [i, name] of names.entries()) await writeTensors(source, name, checkpoints[i] ?? []);
    const mixed = [...shuffled(names.length, createRandom(seed))].flatMap((i) => names[i] ?? []);
    return {
      title: 'Storage: `gc --now --aggressive` of a repository whose checkpoints were added one by one',
      columns: [
        'order of adding',
        'packs as added, bytes',
        'of these weights',
        'weights as planned (estimate)',
        'packs after',
        'change',
        'CPU s',
        'a second run changes',
        'bytes that differ after restore',
      ],
      rows: [
        ['in order', ...(await measureOrder(source, names))],
        ['shuffled', ...(await measureOrder(source, mixed))],
      ],
      notes: [
        `${names.length} checkpoints of a network of 195,000 weights: ${TRUNK} of an AdamW run, five steps apart, ${BRANCH} of an SGD run that leaves its sixth, ${CAST.length} in bf16; seed ${seed}.`,
      ],
    };
  });
}
