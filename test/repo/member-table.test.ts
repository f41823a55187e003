import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseManifestId, parseSpaceId } from '../../src/objects/ids.ts';
import { MemberTable } from '../../src/repo/member-table.ts';

const idOf = (n: number) => parseManifestId(n.toString(16).padStart(64, '0'));
const entry = (contents: readonly number[]) => ({
  space: parseSpaceId('5'.repeat(64)),
  parameters: 7,
  traits: {
    filesKey: '',
    weightsKey: '',
    floatsKey: '',
    sketchSquare: 1,
    rounding: 0,
    precision: 0,
    hasSketch: true,
    hasInvariants: false,
    contents: Uint32Array.from(contents),
  },
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wsvc-members-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('finds who holds one of a few contents, and one of many, alike', () => {
  const table = new MemberTable(path.join(folder, 'members.table'));
  const held = (n: number) => Array.from({ length: 300 }, (_, i) => 2 ** 31 + 1000 * n + i);
  table.add(new Map([1, 2, 3].map((n) => [idOf(n), entry(held(n))])));
  // What a later record replaces is no longer held.
  table.add(new Map([[idOf(2), entry(held(4))]]));
  for (const table_ of [table, new MemberTable(path.join(folder, 'members.table'))]) {
    const ask = (contents: readonly number[]) => [...table_.findHolders(new Set(contents))].sort();
    const strange = Array.from({ length: 100 }, (_, i) => i);
    for (const more of [[], strange]) {
      expect(ask([...more, ...held(1).slice(-1)])).toEqual([idOf(1)]);
      expect(ask([...more, ...held(2)].slice(0, more.length + 40))).toEqual([]);
      expect(ask([...more, held(3)[0] ?? 0, held(4)[299] ?? 0])).toEqual([idOf(2), idOf(3)]);
    }
    expect(ask(held(3))).toEqual([idOf(3)]);
  }
});
