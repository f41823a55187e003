import { describe, expect, it } from 'vitest';
import { drawCheckpoint } from '../../src/tui/draw-checkpoint.ts';
import { drawTensor, tensorTitles } from '../../src/tui/draw-tensor.ts';
import { drawTrajectory } from '../../src/tui/draw-trajectory.ts';
import { keyHints } from '../../src/tui/key-hints.ts';
import { fitList } from '../../src/tui/scroll-list.ts';
import { plainText } from '../../src/tui/span.ts';
import { drawSparkline } from '../../src/tui/sparkline.ts';
import { displayWidth } from '../../src/tui/text-width.ts';
import { arrangeForest } from '../../src/tui/trajectory-forest.ts';
import { checkpoint, commitOf, FOREST, tensor, trajectory } from './states.ts';

describe('drawSparkline', () => {
  it.each<[readonly number[], number, string]>([
    [[], 8, ''],
    [[0, 0], 8, '▁▁'],
    [[1, 0.5, 0], 8, '█▅▁'],
    [[1, 8, 1, 1], 2, '█▂'],
  ])('draws %j in %i cells', (values, cells, drawn) => {
    expect(drawSparkline(values, cells)).toBe(drawn);
  });
});

describe('arrangeForest', () => {
  const branches = (trajectories: Parameters<typeof arrangeForest>[0]): readonly string[] =>
    arrangeForest(trajectories).map((placed) => placed.branch + placed.trajectory.name);

  it('puts forks below what they left', () => {
    expect(branches(FOREST)).toEqual(['run-1', '└─ run-3', 'run-2']);
  });

  it('orders forks by where they left, and nests them', () => {
    const from = (run: number, position: number) => ({
      forkedFrom: {
        trajectory: `run-${run}`,
        position,
        commit: commitOf(run, position),
        confidence: 0.9,
        confidenceWithinOne: 1,
      },
    });
    const forest = [
      trajectory(1, 9),
      trajectory(2, 2, from(1, 7)),
      trajectory(3, 4, from(1, 2)),
      trajectory(4, 2, from(3, 1)),
    ];
    expect(branches(forest)).toEqual(['run-1', '├─ run-3', '│  └─ run-4', '└─ run-2']);
  });

  it('lists a fork of something that is not there as a root', () => {
    const lost = trajectory(2, 2, {
      forkedFrom: { trajectory: 'gone', position: 1, commit: null, confidence: 0.9, confidenceWithinOne: 1 },
    });
    expect(branches([lost])).toEqual(['run-2']);
  });
});

describe('lines', () => {
  const widths = [1, 10, 20, 40, 80, 200];
  it.each(widths)('of %i cells hold no more than that, where the name can shrink', (columns) => {
    const long = 'x'.repeat(300);
    const drawn = [
      drawTrajectory(trajectory(1, 30, { name: long }), '└─ ', Math.max(columns, 20)),
      drawTensor(tensor(long, { nanCount: 1 }), Math.max(columns, 20)),
      drawCheckpoint(checkpoint(1, 3, { source: long }), [], 1, Math.max(columns, 20)),
    ];
    for (const spans of drawn) expect(displayWidth(plainText(spans))).toBeLessThanOrEqual(Math.max(columns, 20));
  });

  it('align the columns of tensors with their titles', () => {
    for (const columns of widths) {
      expect(displayWidth(plainText(drawTensor(tensor('a'), columns)))).toBe(displayWidth(tensorTitles(columns)));
    }
  });
});

describe('keyHints', () => {
  it('shows every key of the list in 80 columns', () => {
    for (const word of ['move', 'in', 'out', 'filter', 'identify', 'restore', 'help', 'quit']) {
      expect(keyHints(undefined, 80)).toContain(word);
    }
  });

  it('keeps the way out longest', () => {
    expect(keyHints(undefined, 20)).toBe('? help  q quit');
    expect(keyHints(undefined, 6)).toBe('q quit');
    expect(keyHints(undefined, 3)).toBe('');
  });
});

describe('fitList', () => {
  it.each([
    [{ selected: 5, top: 0 }, 10, 3, { selected: 5, top: 3 }],
    [{ selected: 2, top: 5 }, 10, 3, { selected: 2, top: 2 }],
    [{ selected: 9, top: 9 }, 10, 3, { selected: 9, top: 7 }],
    [{ selected: 9, top: 7 }, 4, 3, { selected: 3, top: 1 }],
    [{ selected: 9, top: 7 }, 0, 3, { selected: 0, top: 0 }],
    [{ selected: 1, top: 1 }, 4, 10, { selected: 1, top: 0 }],
    [{ selected: 2, top: 0 }, 4, 0, { selected: 2, top: 2 }],
  ])('fits %j of %i into %i lines as %j', (list, count, height, fitted) => {
    expect(fitList(list, count, height)).toEqual(fitted);
  });
});
