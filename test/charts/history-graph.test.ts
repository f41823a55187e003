import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawHistory, type GraphCommit } from '../../src/charts/history-graph.ts';

function draw(commits: readonly GraphCommit[]): readonly string[] {
  return drawHistory(
    commits,
    commits.map(({ commit }) => [commit]),
  );
}

describe('the history graph', () => {
  it.each<{ name: string; commits: readonly (readonly [string, ...string[]])[]; lines: readonly string[] }>([
    { name: 'nothing', commits: [], lines: [] },
    { name: 'one line', commits: [['c', 'b'], ['b', 'a'], ['a']], lines: ['* c', '* b', '* a'] },
    { name: 'two roots', commits: [['b'], ['a']], lines: ['* b', '* a'] },
    { name: 'a fork', commits: [['c', 'a'], ['b', 'a'], ['a']], lines: ['* c', '│ * b', '├─╯', '* a'] },
    {
      name: 'a merge',
      commits: [['d', 'b', 'c'], ['c', 'a'], ['b', 'a'], ['a']],
      lines: ['* d', '├─╮', '│ * c', '* │ b', '├─╯', '* a'],
    },
    {
      name: 'a fork past another branch',
      commits: [['e', 'a'], ['d', 'b'], ['c', 'a'], ['a'], ['b']],
      lines: ['* e', '│ * d', '│ │ * c', '├─┼─╯', '* │ a', '  * b'],
    },
    { name: 'a parent that is not shown', commits: [['b', 'x'], ['a']], lines: ['* b', '* a'] },
  ])('draws $name', ({ commits, lines }) => {
    expect(draw(commits.map(([commit, ...parents]) => ({ commit, parents })))).toEqual(lines);
  });

  it('carries lanes past the other lines of a text', () => {
    const commits = [
      { commit: 'b', parents: ['a'] },
      { commit: 'a', parents: [] },
    ];
    expect(
      drawHistory(commits, [
        ['b', 'text', ''],
        ['a', 'text'],
      ]),
    ).toEqual(['* b', '│ text', '│', '* a', '  text']);
  });

  it('draws every commit once, in order, whatever the history', () => {
    const histories = fc.array(fc.array(fc.nat({ max: 12 }), { maxLength: 3 }), { maxLength: 12 }).map((all) =>
      all.map((offsets, index) => ({
        commit: String(index),
        parents: [...new Set(offsets.map((offset) => index + 1 + offset).filter((at) => at < all.length))].map(String),
      })),
    );
    fc.assert(
      fc.property(histories, (commits) => {
        const drawn = draw(commits).flatMap((line) => /\* .*?(\d+)$/.exec(line)?.[1] ?? []);
        expect(drawn).toEqual(commits.map(({ commit }) => commit));
      }),
    );
  });
});
