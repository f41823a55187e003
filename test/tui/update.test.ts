import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrowserEvent, Effect } from '../../src/tui/events.ts';
import { listItems, selectedItem } from '../../src/tui/items.ts';
import { layOut } from '../../src/tui/layout.ts';
import { windowOf } from '../../src/tui/scroll-list.ts';
import type { BrowserState } from '../../src/tui/state.ts';
import { update } from '../../src/tui/update.ts';
import { ANSWER, commitOf, FOREST, keys, loaded, opening, play, SHOWN } from './states.ts';

/** Where the browser stands, in a word. */
function whereIs({ screen, prompt, isHelpOpen }: BrowserState): string {
  const place =
    screen.kind === 'checkpoints'
      ? screen.trajectory
      : screen.kind === 'checkpoint'
        ? screen.source
        : screen.kind === 'identification'
          ? `answer ${screen.answer.file}`
          : 'trajectories';
  const filter = screen.filter === '' ? '' : ` filter ${screen.filter}`;
  const asked = prompt === undefined ? '' : ` ${prompt.purpose}:${prompt.text}`;
  return `${place}#${screen.list.selected}${filter}${asked}${isHelpOpen ? ' help' : ''}`;
}

describe('update: keys', () => {
  const cases: readonly (readonly [typed: string, where: string])[] = [
    ['', 'trajectories#0'],
    ['j', 'trajectories#1'],
    ['<down><down>', 'trajectories#2'],
    ['jjjjjj', 'trajectories#2'],
    ['jk', 'trajectories#0'],
    ['<up>', 'trajectories#0'],
    ['G', 'trajectories#2'],
    ['Gg', 'trajectories#0'],
    ['<end><home>', 'trajectories#0'],
    ['<enter>', 'run-1#0'],
    ['l', 'run-1#0'],
    ['<right>', 'run-1#0'],
    ['j<enter>', 'run-3#0'],
    ['G<enter>', 'run-2#0'],
    ['l<escape>', 'trajectories#0'],
    ['Glh', 'trajectories#2'],
    ['l<left>', 'trajectories#0'],
    ['hhh<escape>', 'trajectories#0'],
    ['ljjjj', 'run-1#4'],
    ['ljjjjl', 'run1/ep04.pt#0'],
    ['ljjjjlh', 'run-1#4'],
    ['l<page-down>', 'run-1#16'],
    ['l ', 'run-1#16'],
    ['l<page-down><page-down>', 'run-1#29'],
    ['lG<page-up>', 'run-1#13'],
    ['?', 'trajectories#0 help'],
    ['?j', 'trajectories#0'],
    ['/', 'trajectories#0 filter:'],
    ['/run-3', 'trajectories#0 filter run-3 filter:run-3'],
    ['/run-3<enter>', 'trajectories#0 filter run-3'],
    ['/run-3<enter>l', 'run-3#0'],
    ['/run-3<escape>', 'trajectories#0'],
    ['/run-3<enter><escape>', 'trajectories#0'],
    ['/ep2', 'trajectories#0 filter ep2 filter:ep2'],
    ['/ab<backspace>', 'trajectories#0 filter a filter:a'],
    ['/<backspace>', 'trajectories#0'],
    ['l/EP07<enter>', 'run-1#0 filter EP07'],
    ['l/run-3<enter><enter>', 'run1/ep04.pt#0'],
    ['i', 'trajectories#0 identify:'],
    ['iq?j', 'trajectories#0 identify:q?j'],
    ['ia/b c<clear-word>', 'trajectories#0 identify:a/b '],
    ['ia/b<clear-word>', 'trajectories#0 identify:a/'],
    ['ia/<clear-word>', 'trajectories#0 identify:'],
    ['ia<clear-line>', 'trajectories#0 identify:'],
    ['iabc<escape>', 'trajectories#0'],
    ['i<enter>', 'trajectories#0'],
    ['r', 'trajectories#0'],
    ['ljr', 'run-1#1 restore:run1/ep01.pt'],
    ['ljlr', 'run1/ep01.pt#0 restore:run1/ep01.pt'],
    ['x<tab><clear-line>', 'trajectories#0'],
  ];
  it.each(cases)('%j leads to %s', (typed, where) => {
    expect(whereIs(loaded(typed))).toBe(where);
  });

  it('offers a path that leads to the work tree from where the user stands', () => {
    expect(whereIs(loaded('ljr', { pathToTree: '../' }))).toBe('run-1#1 restore:../run1/ep01.pt');
  });
});

describe('update: effects', () => {
  const cases: readonly (readonly [typed: string, effects: readonly Effect[]])[] = [
    ['jjkGg?x/abc<enter>', []],
    ['l', []],
    ['q', [{ kind: 'quit' }]],
    ['<interrupt>', [{ kind: 'quit' }]],
    ['i<interrupt>', [{ kind: 'quit' }]],
    ['?<interrupt>', [{ kind: 'quit' }]],
    ['lj<enter>', [{ kind: 'load-checkpoint', commit: commitOf(1, 1) }]],
    ['i a.bin <enter>', [{ kind: 'identify', file: 'a.bin' }]],
    ['ia<tab>', [{ kind: 'complete-path', text: 'a' }]],
    ['/a<tab>', []],
    ['ljr<clear-line>x.pt<enter>', [{ kind: 'restore', commit: commitOf(1, 1), output: 'x.pt' }]],
    ['ljr<clear-line><enter>', []],
    ['r<enter>', []],
  ];
  it.each(cases)('%j asks for %j', (typed, effects) => {
    const { trajectories } = loaded();
    expect(play({ ...opening(), trajectories }, ...keys(typed)).effects).toEqual(effects);
  });

  it('identifies one file at a time, and says so', () => {
    const { state, effects } = play(loaded(), ...keys('ia<enter>i'));
    expect(effects).toHaveLength(1);
    expect(state.prompt).toBeUndefined();
    expect(state.status?.text).toContain('being identified');
  });
});

describe('update: what comes back', () => {
  const onCheckpoint = loaded('ljjjjl');
  const arrived: BrowserEvent = { kind: 'checkpoint-loaded', commit: commitOf(1, 4), result: SHOWN };

  it('says that it reads, until it has read', () => {
    expect(Object.keys(opening().running)).toEqual(['load-trajectories']);
    expect(Object.keys(loaded().running)).toEqual([]);
    expect(Object.keys(onCheckpoint.running)).toEqual(['load-checkpoint']);
    expect(Object.keys(play(onCheckpoint, arrived).state.running)).toEqual([]);
  });

  it('lists the tensors of the checkpoint that arrived', () => {
    expect(listItems(play(onCheckpoint, arrived).state)).toHaveLength(3);
  });

  it('keeps a checkpoint that arrives late from another screen', () => {
    const { state } = play(onCheckpoint, ...keys('hjl'), arrived);
    expect(state.screen).toMatchObject({ source: 'run1/ep05.pt', shown: undefined });
  });

  it('fills a checkpoint that is behind the answer that came meanwhile', () => {
    const { state } = play(onCheckpoint, { kind: 'identified', result: ANSWER }, arrived, ...keys('h'));
    expect(state.screen).toMatchObject({ source: 'run1/ep04.pt', shown: SHOWN });
  });

  it('opens the answer, and from it the checkpoint it names', () => {
    const { state } = play(loaded('l'), { kind: 'identified', result: ANSWER });
    expect(whereIs(state)).toBe('answer mystery.bin#0');
    const further = play(state, ...keys('G<enter>'));
    expect(further.effects).toEqual([{ kind: 'load-checkpoint', commit: commitOf(1, 4) }]);
    expect(whereIs(play(further.state, ...keys('hh')).state)).toBe('run-1#0');
  });

  it('does not apply a filter that is being typed to the answer', () => {
    const { state } = play(loaded('l/ep1'), { kind: 'identified', result: ANSWER }, ...keys('j'));
    expect(whereIs(state)).toBe('answer mystery.bin#1');
  });

  it('stays where it is when something fails, until the next key', () => {
    const { state } = play(loaded('lj'), { kind: 'failed', task: 'restore', message: 'The disk is full.' });
    expect(whereIs(state)).toBe('run-1#1');
    expect(state.status).toEqual({ tone: 'error', text: 'The disk is full.' });
    expect(play(state, ...keys('j')).state.status).toBeUndefined();
  });

  it('says what was restored', () => {
    const file = { path: 'x.pt', bytes: 3, sha256: 'e' };
    const one = play(loaded(), { kind: 'restored', result: { ...file, restored: [file], pruned: [] } }).state;
    expect(one.status).toMatchObject({ tone: 'info', text: expect.stringContaining('x.pt') });
    const two = play(loaded(), { kind: 'restored', result: { ...file, restored: [file, file], pruned: [] } }).state;
    expect(two.status?.text).toContain('2 files');
  });

  it('completes a path, unless the user typed on', () => {
    const done: BrowserEvent = { kind: 'completed', text: 'a', completion: { text: 'abc', choices: ['abcd', 'abce'] } };
    expect(play(loaded('ia'), done).state.prompt).toMatchObject({ text: 'abc', choices: ['abcd', 'abce'] });
    expect(play(loaded('iax'), done).state.prompt).toMatchObject({ text: 'ax', choices: [] });
    expect(play(loaded('/a'), done).state.prompt).toMatchObject({ text: 'a' });
    expect(play(loaded(), done).state.prompt).toBeUndefined();
  });

  it('shows progress', () => {
    const { state } = play(loaded(), { kind: 'progressed', task: 'identify', label: 'Identifying x…' });
    expect(state.running).toEqual({ identify: 'Identifying x…' });
  });
});

describe('update: whatever happens', () => {
  const presses = fc.constantFrom(...'jkhlgGir/?q1 x', '<enter>', '<escape>', '<page-down>', '<tab>', '<backspace>');
  const key = presses.map((press) => keys(press)[0] as BrowserEvent);
  const size = fc.record({ columns: fc.integer({ min: 1, max: 300 }), rows: fc.integer({ min: 1, max: 100 }) });
  const resize = size.map((cells): BrowserEvent => ({ kind: 'resized', ...cells }));
  const arrival = fc.constantFrom<BrowserEvent>(
    { kind: 'trajectories-loaded', result: { trajectories: FOREST } },
    { kind: 'trajectories-loaded', result: { trajectories: FOREST.slice(1, 2) } },
    { kind: 'checkpoint-loaded', commit: commitOf(1, 0), result: SHOWN },
    { kind: 'identified', result: ANSWER },
    { kind: 'failed', task: 'identify', message: 'no' },
  );

  it('keeps the selected line on the screen, and the parts of the frame within its height', () => {
    const events = fc.array(fc.oneof({ weight: 6, arbitrary: key }, resize, arrival), { maxLength: 60 });
    fc.assert(
      fc.property(events, (happened) => {
        let state = loaded();
        for (const event of happened) {
          state = update(state, event).state;
          const layout = layOut(state);
          const parts = layout.title + layout.head + layout.titles + layout.details + layout.status + layout.keys;
          expect(parts + layout.list).toBe(layout.height);
          expect(layout.height).toBeLessThanOrEqual(Math.max(1, state.rows - 1));
          expect(layout.list).toBeGreaterThanOrEqual(1);
          const items = listItems(state);
          const { selected } = state.screen.list;
          const { start, end } = windowOf(state.screen.list, items.length, layout.list);
          if (items.length === 0) expect(selectedItem(state)).toBeUndefined();
          else expect(selected >= start && selected < end).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
