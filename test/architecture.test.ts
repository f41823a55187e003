import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Import, importsBelow, importsOf } from './imports.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Layers from the ground up (docs/architecture.md): a file imports from its own layer and from those before it. */
const LAYERS = [
  'bytes',
  'tensors',
  'formats',
  'objects',
  'codec',
  'symmetry',
  'sketch',
  'neighbors',
  'store',
  'diff',
  'merge',
  'lineage',
  'repo',
  'charts',
  'report',
  'tui',
  'cli',
  'commands',
] as const;

/** Files at the top of src: the ground that everything stands on, and the library's door. */
const GROUND = new Set(['errors.ts', 'assert.ts']);
const DOOR = 'index.ts';

/** Engines that one place owns. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  'isomorphic-git': ['store'],
  msgpackr: ['objects'],
  'hnswlib-node': ['neighbors'],
  '@oclif/core': ['cli', 'commands'],
  ink: ['tui'],
  react: ['tui'],
  yauzl: ['formats'],
  h5wasm: ['formats'],
  'seek-bzip': ['formats'],
  '@bufbuild/protobuf/wire': ['formats'],
  'fs-native-extensions': ['store'],
  'linear-sum-assignment': ['symmetry'],
};

/** The terminal and the environment belong to these layers alone. */
const MAY_USE_TERMINAL = new Set(['cli', 'commands', 'tui']);

function layerOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : file;
}

function rank(layer: string): number {
  if (GROUND.has(layer)) return -1;
  if (layer === DOOR) return LAYERS.length;
  return LAYERS.indexOf(layer as (typeof LAYERS)[number]);
}

/** What is wrong with an import, or undefined. */
function judge({ from, to, isPackage }: Import): string | undefined {
  const [source, target] = [layerOf(from), isPackage ? to : layerOf(to)];
  if (isPackage) {
    const owners = OWNERS[to];
    if (owners !== undefined && !owners.includes(source))
      return `${from} imports ${to}, which belongs to ${owners.join(' and ')}`;
    return undefined;
  }
  if (rank(source) === -1 && source !== DOOR && !GROUND.has(source)) return `${from} is in no known layer`;
  if (!GROUND.has(target) && rank(target) === -1) return `${to} is in no known layer`;
  if (rank(target) > rank(source)) return `${from} imports ${to}: imports point down (${source} is below ${target})`;
  return undefined;
}

/** Cycles between files, each as the files it passes. */
function findCycle(imports: readonly Import[]): readonly string[] | undefined {
  const next = new Map<string, string[]>();
  for (const { from, to, isPackage } of imports) if (!isPackage) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of next.get(file) ?? []) {
      const cycle = visit(target, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Uses of the terminal, the environment, the clock or chance where none is allowed. */
function findWorldUse(text: string): string | undefined {
  return /\bprocess\.(stdout|stderr|stdin|env|argv|exit)\b|\bconsole\.\w+|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/.exec(
    text,
  )?.[0];
}

describe('architecture', () => {
  const imports = importsBelow(SRC);

  it('sees the whole house', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  it('imports only downwards, and each engine in one place', () => {
    expect(imports.map(judge).filter((problem) => problem !== undefined)).toEqual([]);
  });

  it('has no cycles', () => {
    expect(findCycle(imports)).toBeUndefined();
  });

  it('keeps the terminal, the environment, the clock and chance out of the library', async () => {
    const { readFileSync } = await import('node:fs');
    const files = [...new Set(imports.map(({ from }) => from))].filter((file) => !MAY_USE_TERMINAL.has(layerOf(file)));
    const uses = files.flatMap((file) => {
      const use = findWorldUse(readFileSync(`${SRC}/${file}`, 'utf8'));
      return use === undefined ? [] : [`${file} uses ${use}`];
    });
    expect(uses).toEqual([]);
  });
});

describe('the check itself', () => {
  const judgeText = (file: string, text: string): readonly (string | undefined)[] =>
    importsOf(text, `${SRC}/${file}`, SRC).map(judge);

  it.each([
    ['an import that points up', 'bytes/a.ts', `import { x } from '../repo/b.ts';`],
    ['a type import that points up', 'store/a.ts', `import type { x } from '../lineage/b.ts';`],
    ['a dynamic import that points up', 'codec/a.ts', `const m = import('../store/b.ts');`],
    ['a re-export that points up', 'objects/a.ts', `export { x } from '../cli/b.ts';`],
    ['an engine outside its room', 'repo/a.ts', `import git from 'isomorphic-git';`],
    ['a folder that is no layer', 'repo/a.ts', `import { x } from '../utils/b.ts';`],
  ])('fails for %s', (_what, file, text) => {
    expect(judgeText(file, text)).toEqual([expect.any(String)]);
  });

  it('passes an import that points down', () => {
    expect(judgeText('repo/a.ts', `import { x } from '../store/b.ts';`)).toEqual([undefined]);
  });

  it('finds a cycle', () => {
    const imports = [
      { from: 'a/x.ts', to: 'a/y.ts', isPackage: false },
      { from: 'a/y.ts', to: 'a/x.ts', isPackage: false },
    ];
    expect(findCycle(imports)).toEqual(['a/x.ts', 'a/y.ts', 'a/x.ts']);
  });

  it('finds a clock', () => {
    expect(findWorldUse('const t = Date.now();')).toBe('Date.now(');
  });
});
