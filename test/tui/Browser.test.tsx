import { render } from 'ink-testing-library';
import { describe, expect, it } from 'vitest';
import { Browser } from '../../src/tui/Browser.tsx';
import type { BrowserState } from '../../src/tui/state.ts';
import { displayWidth } from '../../src/tui/text-width.ts';
import { ANSWER, commitOf, keys, loaded, opening, play, SHOWN, trajectory } from './states.ts';

/** The lines of the frame. */
function draw(state: BrowserState): readonly string[] {
  const { lastFrame, unmount } = render(<Browser state={state} />);
  const frame = lastFrame() ?? '';
  unmount();
  return frame.split('\n').map((line) => line.trimEnd());
}

function shownCheckpoint(): BrowserState {
  return play(loaded('ljjjjl'), { kind: 'checkpoint-loaded', commit: commitOf(1, 4), result: SHOWN }).state;
}

describe('the frame at 80 x 24', () => {
  it('lists trajectories with their forks, how sure their order is, and the keys', () => {
    const lines = draw(loaded('j'));
    expect(lines).toHaveLength(23);
    expect(lines[0]).toMatch(/^wsvc › trajectories {2,}2\/3$/);
    expect(lines[2]).toMatch(/^ {2}run-1 +30 {2}inferred, 99 % sure +█[▁-█]+$/);
    expect(lines[3]).toMatch(/^> └─ run-3 \(from 4\) +5 {2}inferred, 99 % sure/);
    expect(lines[4]).toMatch(/^ {2}run-2 +3 {2}unordered/);
    expect(lines.at(-1)).toBe('jk↑↓ move  l→ in  h← out  / filter  i identify  r restore  ? help  q quit');
  });

  it('lists the checkpoints of one in order, with step lengths, forks and what is known of the selected one', () => {
    const lines = draw(loaded('ljjjj'));
    expect(lines[0]).toMatch(/^wsvc › trajectories › run-1 {2,}5\/30$/);
    expect(lines[2]).toMatch(/^ {7}0 {2}run1\/ep00\.pt +start$/);
    expect(lines[3]).toMatch(/^ {7}1 {2}run1\/ep01\.pt +2\.00 █+$/);
    expect(lines[6]).toMatch(/^> {6}4 {2}run1\/ep04\.pt +0\.500 █+▊? +fork: run-3$/);
    expect(lines.at(-4)).toBe('next, 98.7 % sure; step 0.500 (5.0 % of the weights), turned by 45°');
    expect(lines.at(-3)).toBe(`commit ${commitOf(1, 4).slice(0, 10)}  forks here: run-3`);
  });

  it('says where the first of a fork comes from', () => {
    const fork = { ...loaded('jl') };
    expect(draw(fork).at(-4)).toContain('from run-1 at 4');
  });

  it('shows a checkpoint: placement, confidence, tensors, statistics, what is odd', () => {
    const lines = draw(play(shownCheckpoint(), ...keys('j')).state);
    const text = lines.join('\n');
    expect(lines[0]).toMatch(/^wsvc › trajectories › run-1 › run1\/ep04\.pt {2,}2\/3$/);
    expect(lines[1]).toBe('pytorch-zip, 12.7 kB, 2,464 parameters');
    expect(lines[2]).toContain(`commit ${commitOf(1, 4)}`);
    expect(lines[3]).toBe('place  run-1 at 4, next, 98.7 % sure');
    expect(text).toContain('says   epoch 4');
    expect(text).toMatch(/ {2}conv1\.weight +f32 +8 x 3 +0\.0125 +0\.250 +50\.0 %/);
    expect(text).toMatch(/> conv1\.bias .* !/);
    expect(text).toContain('mean 0.0125  std 0.250  min -1.50  max 1.25  zeros 50.0 %  2 NaN');
  });

  it('shows what a file is: relation, parent, confidence, position', () => {
    const text = draw(play(loaded(), { kind: 'identified', result: ANSWER }).state).join('\n');
    expect(text).toContain('what is mystery.bin?');
    for (const line of [
      'relation    quantized',
      'confidence  97.5 % sure',
      'trajectory  run-1',
      'position    4',
      `parent      100.0 %  run1/ep04.pt  ${commitOf(1, 4).slice(0, 10)}`,
      'p-value     1.0e-120',
      'near        run1/ep04.pt  run-1 at 4  distance 0.0040, cosine 0.99999',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('says that a file is unknown, and why', () => {
    const unknown = { ...ANSWER, known: false, parents: [], notes: ['Nothing stored has tensors of these shapes.'] };
    const text = draw(play(loaded(), { kind: 'identified', result: unknown }).state).join('\n');
    expect(text).toContain('unknown: related to nothing in this repository, 97.5 % sure');
    expect(text).toContain('because     Nothing stored has tensors of these shapes.');
    expect(text).not.toContain('relation');
  });

  it('says what to do with an empty repository', () => {
    const { state } = play(opening(), { kind: 'trajectories-loaded', result: { trajectories: [] } });
    const text = draw(state).join('\n');
    expect(text).toContain('No checkpoint is committed');
    expect(text).toContain('wsvc import FOLDER');
  });

  it('says that it reads, and that it could not', () => {
    expect(draw(opening()).join('\n')).toContain('Reading the repository…');
    const { state } = play(opening(), { kind: 'failed', task: 'load-trajectories', message: 'The disk is broken.' });
    const lines = draw(state);
    expect(lines.join('\n')).toContain('could not be read');
    expect(lines.at(-2)).toBe('error: The disk is broken.');
  });

  it('asks on the line above the keys, and shows what a path could be', () => {
    const { state } = play(loaded('imo'), {
      kind: 'completed',
      text: 'mo',
      completion: { text: 'model.', choices: ['model.bin', 'model.pt'] },
    });
    const lines = draw(state);
    expect(lines.at(-2)).toBe('identify file: model.█  model.bin  model.pt');
    expect(lines.at(-1)).toContain('tab complete');
  });

  it('keeps the end of a long path in sight', () => {
    const line = draw(loaded(`i${'folder/'.repeat(20)}last.pt`)).at(-2);
    expect(line).toMatch(/^identify file: ….*last\.pt█$/);
  });

  it('says what a filter leaves', () => {
    expect(draw(loaded('/run-3<enter>'))[0]).toContain('filter "run-3" 1/1');
    expect(draw(loaded('/xyz<enter>')).join('\n')).toContain('Nothing holds "xyz"');
  });

  it('shows the keys on request', () => {
    const text = draw(loaded('?')).join('\n');
    for (const word of ['PageUp', 'identify a file', 'Ctrl-C', 'any key closes']) expect(text).toContain(word);
  });

  it('draws no control character of a name', () => {
    const evil = trajectory(1, 2, { name: 'a\u001b[2Jb\nc' });
    const { state } = play(opening(), { kind: 'trajectories-loaded', result: { trajectories: [evil] } });
    const lines = draw(state);
    expect(lines[2]).toContain('a\ufffd[2Jb\ufffdc');
    expect(draw(play(state, ...keys('l')).state)).toHaveLength(23);
  });
});

describe('other sizes', () => {
  const sizes = [
    [40, 10],
    [30, 5],
    [20, 3],
    [10, 2],
    [5, 1],
    [200, 60],
  ] as const;
  const states = [
    loaded('ljjjj'),
    loaded('?'),
    loaded('iabc'),
    shownCheckpoint(),
    play(loaded(), { kind: 'identified', result: ANSWER }).state,
  ];
  it.each(sizes)(
    '%i x %i: one line less than the terminal has, none too wide, the selected one among them',
    (columns, rows) => {
      for (const before of states) {
        const { state } = play(before, { kind: 'resized', columns, rows });
        const lines = draw(state);
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        if (!state.isHelpOpen) expect(lines.filter((line) => line.startsWith('>'))).toHaveLength(1);
      }
    },
  );

  it('draws a screenful of ten thousand checkpoints in no time', () => {
    const many = trajectory(1, 10_000);
    const { state } = play(opening(), { kind: 'trajectories-loaded', result: { trajectories: [many] } }, ...keys('lG'));
    const started = performance.now();
    const lines = draw(state);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(lines.some((line) => line.startsWith('>') && line.includes('ep9999.pt'))).toBe(true);
  });
});
