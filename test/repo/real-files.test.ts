import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { casePath, hasCases } from '../cases.ts';
import { askWsvc } from '../commands/program.ts';
import { temporaryFolders } from '../store/temporary.ts';

const temporary = temporaryFolders();

/** Of folders of many files, every n-th is taken: each is there for its own oddity, and all of them take minutes. */
const EVERY: Readonly<Record<string, number>> = { hdf5: 6, joblib: 9, onnx: 6, torch: 3, safetensors: 2 };
/** Larger files are taken from `series` and `ggml` one each. */
const LARGE = 1_500_000;

interface Case {
  readonly path: string;
  readonly byteLength: number;
}

function allCases(): readonly Case[] {
  if (!hasCases) return [];
  return readdirSync(casePath(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      return { path: full.slice(casePath('').length), byteLength: statSync(full).size };
    })
    .filter(({ path }) => path.includes('/') && !path.startsWith('licences/'))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function sampled(): readonly Case[] {
  const seen = new Map<string, number>();
  return allCases().filter(({ path, byteLength }) => {
    const [folder = ''] = path.split('/');
    const key = byteLength > LARGE ? `${dirname(path)} large` : folder;
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    return byteLength > LARGE ? count === 0 : count % (EVERY[folder] ?? 1) === 0;
  });
}

/**
 * Files of one name in two formats: of the `same` tensors, bit for bit; of values `near` each other (they differ in the last
 * place only); near each other but `few` (three booleans, 10 or 34 numbers), where any answer is taken. As NumPy compares them, against
 * the largest value of each tensor.
 */
const TWINS: readonly {
  readonly stem: string;
  readonly twin: string;
  readonly truth: 'same' | 'near' | 'few';
}[] = [
  { stem: 'batch_norm2d', twin: 'batch_norm--batch_norm2d.pt', truth: 'same' },
  { stem: 'boolean', twin: 'boolean--boolean.pt', truth: 'few' },
  { stem: 'buffer', twin: 'buffer--buffer.pt', truth: 'same' },
  { stem: 'complex_nested', twin: 'complex_nested--complex_nested.pt', truth: 'near' },
  { stem: 'conv1d', twin: 'conv1d--conv1d.pt', truth: 'same' },
  { stem: 'conv2d', twin: 'conv2d--conv2d.pt', truth: 'few' },
  { stem: 'embedding', twin: 'embedding--embedding.pt', truth: 'same' },
  { stem: 'enum_depthwise_false', twin: 'enum_module--enum_depthwise_false.pt', truth: 'same' },
  { stem: 'enum_depthwise_true', twin: 'enum_module--enum_depthwise_true.pt', truth: 'same' },
  { stem: 'group_norm', twin: 'group_norm--group_norm.pt', truth: 'same' },
  { stem: 'integer', twin: 'integer--integer.pt', truth: 'same' },
  { stem: 'key_remap', twin: 'key_remap--key_remap.pt', truth: 'near' },
  { stem: 'layer_norm', twin: 'layer_norm--layer_norm.pt', truth: 'same' },
  { stem: 'linear', twin: 'linear--linear.pt', truth: 'near' },
  { stem: 'linear_with_bias', twin: 'linear--linear_with_bias.pt', truth: 'near' },
  { stem: 'missing_module_field', twin: 'missing_module_field--missing_module_field.pt', truth: 'few' },
  { stem: 'non_contiguous_indexes', twin: 'non_contiguous_indexes--non_contiguous_indexes.pt', truth: 'same' },
];

async function hashOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

interface Added {
  readonly added: readonly { readonly path: string; readonly format: string; readonly problem?: string }[];
}
interface Identified {
  readonly results: readonly {
    readonly file: string;
    readonly known: boolean;
    readonly relation: string;
    readonly nearest: { readonly source: string } | null;
  }[];
}

describe.skipIf(!hasCases)('real files', () => {
  it('come back byte for byte, whatever they are', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    const cases = sampled();
    expect(new Set(cases.map(({ path }) => path.split('/')[0])).size).toBeGreaterThanOrEqual(9);
    for (const { path } of cases) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await copyFile(casePath(path), join(folder, path));
    }
    const paths = cases.map(({ path }) => path);
    const { added } = await askWsvc<Added>(folder, 'add', ...paths);
    expect(added.map(({ path }) => path).sort()).toEqual(paths);
    await askWsvc(folder, 'commit');
    for (const path of paths) await rm(join(folder, path));
    await askWsvc(folder, 'restore', '.');
    for (const path of paths)
      expect([path, await hashOf(join(folder, path))]).toEqual([path, await hashOf(casePath(path))]);
    expect(await askWsvc(folder, 'fsck', '--prove')).toMatchObject({ findings: [], proof: { differingBytes: 0 } });
    expect(await askWsvc(folder, 'status')).toMatchObject({ changed: [], untracked: [], missing: [] });
  });

  it('of one content in two formats are known from each other', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    for (const { stem } of TWINS)
      await copyFile(casePath('safetensors', `${stem}.safetensors`), join(folder, `${stem}.safetensors`));
    await askWsvc(folder, 'import', '.');
    const files = TWINS.map(({ twin }) => casePath('torch', twin));
    const { results } = await askWsvc<Identified>(folder, 'identify', ...files);
    for (const [index, { stem, truth }] of TWINS.entries()) {
      const { known, relation, nearest } = results[index] ?? {};
      if (truth === 'few') continue;
      expect([stem, known, nearest?.source]).toEqual([stem, true, `${stem}.safetensors`]);
      // What differs in the last place only is as good as equal.
      expect([stem, relation]).toEqual([stem, 'recontained']);
    }
  });

  it('of one run, shuffled under other names, come out in the order of the steps', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    const names = new Map([
      [110000, 'a.bin'],
      [50000, 'b.bin'],
      [140000, 'c.bin'],
      [80000, 'd.bin'],
    ]);
    for (const [step, name] of names) {
      await copyFile(casePath('series', 'gomoku', `training_steps_${step}.ckpt`), join(folder, name));
    }
    const { trajectories } = await askWsvc<{
      trajectories: readonly { ordered: boolean; checkpoints: readonly { source: string; position: number }[] }[];
    }>(folder, 'import', '.');
    expect(trajectories).toMatchObject([{ ordered: true, direction: 'inferred', forkedFrom: null }]);
    expect(trajectories[0]?.checkpoints.map(({ source }) => source)).toEqual(['b.bin', 'd.bin', 'a.bin', 'c.bin']);
  });

  it('of one agent are known by a copy under another name, and no other agent is taken for it', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    const [first = '', ...others] = readdirSync(casePath('sb3')).sort();
    await copyFile(casePath('sb3', first), join(folder, 'agent.zip'));
    await askWsvc(folder, 'import', '.');
    await copyFile(casePath('sb3', first), join(folder, 'nameless'));
    const { results } = await askWsvc<Identified>(
      folder,
      'identify',
      'nameless',
      ...others.map((name) => casePath('sb3', name)),
    );
    expect(results[0]).toMatchObject({ known: true, relation: 'identical', nearest: { source: 'agent.zip' } });
    expect(results.slice(1).filter(({ known }) => known)).toEqual([]);
  });
});
