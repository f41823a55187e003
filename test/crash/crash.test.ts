import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { netBytes } from '../commands/models.ts';
import { fastFolder, temporaryFolders } from '../store/temporary.ts';
import { expectWhole } from './checks.ts';
import type { JournalEntry } from './disk-model.ts';
import { listChanges, runHooked, runProcess, runWhole } from './hooked.ts';
import { CASES, type CrashCase, makeTemplate, nameOf, RUN } from './operations.ts';
import { ALL_PAIRS, runPair } from './pairs.ts';
import { cutPower } from './power-cut.ts';
import { RACES, runRace } from './races.ts';
import { MODES, runCase } from './run-case.ts';

const temporary = temporaryFolders(fastFolder());

/** All points of all commands are tried by `npm run crash`; here a few of them. */
function caseOf(name: string): CrashCase {
  const one = CASES.find((candidate) => candidate.name === name);
  if (one === undefined) throw new Error(`no case ${name}`);
  return one;
}

it('every command has a case, but for those that write nothing or the same derived data as another', () => {
  const others = ['browse', 'cat-file', 'completion', 'init', 'merge-base'];
  const cases = new Set(CASES.map(({ args }) => `${args[0]}`));
  const commands = readdirSync(new URL('../../src/commands', import.meta.url)).map((name) => name.replace('.ts', ''));
  expect(commands.filter((name) => !cases.has(name)).sort()).toEqual(others);
});

describe('a command that is cut short loses nothing', () => {
  it.each(['add --move', 'prune', 'gc after prune'])('wsvc %s, killed', { timeout: 120_000 }, async (name) => {
    const tried = await runCase(caseOf(name), 7, { modes: ['kill'], run: runProcess });
    console.log(`${name}: killed at ${tried} points`);
    expect(tried).toBeGreaterThan(1);
  });

  it('wsvc import, on a disk that fills up', { timeout: 120_000 }, async () => {
    expect(await runCase(caseOf('import'), 11, { modes: ['full'] })).toBeGreaterThan(1);
  });

  it.each(['add --move', 'import', 'prune', 'gc after prune'])(
    'wsvc %s, when the power fails',
    { timeout: 120_000 },
    async (name) => {
      const tried = await cutPower(caseOf(name), { step: 9, seed: 1 });
      console.log(`${name}: ${tried} power cuts`);
      expect(tried).toBeGreaterThan(3);
    },
  );
});

describe('a command that is only to look', () => {
  it.each(['gc --dry-run', 'gc --now --aggressive --dry-run', 'prune --keep-last 1 --dry-run'])(
    'changes nothing: wsvc %s',
    async (line) => {
      const folder = await temporary();
      await makeTemplate(folder);
      await writeFile(join(folder, '.wsvc/tmp/99999999-0.tmp'), 'half written');
      // Derived data is there already.
      await runWhole(folder, ['prune', '--keep-last', '1', '--dry-run']);
      expect(await listChanges(folder, line.split(' '))).toEqual([]);
    },
  );
});

describe('wsvc init', () => {
  it.each(MODES)('that is cut short is completed by running it again: %s', async (mode) => {
    const parent = await temporary();
    const folderOf = (name: string | number) => {
      const folder = join(parent, String(name));
      mkdirSync(folder);
      return folder;
    };
    const changes = await listChanges(folderOf('whole'), ['init']);
    expect(changes.length).toBeGreaterThan(5);
    for (let at = 1; at <= changes.length; at++) {
      const folder = folderOf(at);
      await runHooked(folder, ['init'], { mode, at });
      expect(await runWhole(folder, ['init'])).toMatchObject({ status: 0 });
      for (const [index, net] of RUN.entries()) writeFileSync(join(folder, nameOf(index)), await netBytes(net));
      expect(await runWhole(folder, ['import', '.'])).toMatchObject({ status: 0 });
      await expectWhole(folder);
    }
  });
});

describe('two commands at once', () => {
  it.each([
    ['prune --undo', 'gc'],
    ['commit after add --move', 'reset --hard'],
    ['add', 'gc after prune'],
  ])('%s, held before it has the lock, and %s', { timeout: 120_000 }, async (first, second) => {
    const pair = ALL_PAIRS.find(({ name }) => name === `${first} | ${second}`);
    if (pair === undefined) throw new Error('no such pair');
    expect(await runPair(pair, 3)).toBeGreaterThan(2);
  });

  it.each([
    ['restore, gc', 5],
    ['commit, commit', 13],
    ['import, gc', 23],
  ])('%s', { timeout: 120_000 }, async (name, step) => {
    const race = RACES.find((one) => one.name === name);
    if (race === undefined) throw new Error(`no race ${name}`);
    expect((await runRace(race, step)).tried).toBeGreaterThan(1);
  });
});

describe('a disk that says it has flushed and has not', () => {
  const isFlushOf = (what: 'files' | 'folders') => (entry: JournalEntry) =>
    entry.kind === 'sync' && entry.target.startsWith('#') === (what === 'files');

  it.each(['files', 'folders'] as const)('is found out: %s', { timeout: 120_000 }, async (what) => {
    await expect(cutPower(caseOf('tag'), { step: 100, seed: 1, ignores: isFlushOf(what) })).rejects.toThrow(
      /power cut/,
    );
  });
});
