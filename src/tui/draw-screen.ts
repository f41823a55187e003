import { unreachable } from '../assert.ts';
import { describePlace, formatBytes, formatConfidence, formatCount } from '../charts/describe.ts';
import type { ShowResult } from '../repo/results.ts';
import { checkpointTitles, describeCheckpoint, drawCheckpoint } from './draw-checkpoint.ts';
import { describeTensor, drawTensor, tensorTitles } from './draw-tensor.ts';
import { drawTrajectory, trajectoryTitles } from './draw-trajectory.ts';
import type { Item } from './items.ts';
import { type Span, span } from './span.ts';
import type { Screen } from './state.ts';
import { cutEnd, toPrintable } from './text-width.ts';

type Line = readonly Span[];

/** What the screen is, as it stands in the title: short, and unique on the way to it. */
export function nameScreen(screen: Screen): string {
  switch (screen.kind) {
    case 'trajectories':
      return 'trajectories';
    case 'checkpoints':
      return toPrintable(screen.trajectory);
    case 'checkpoint':
      return toPrintable(screen.source);
    case 'identification':
      return `what is ${toPrintable(screen.answer.file)}?`;
    default:
      return unreachable(screen);
  }
}

function describeShown(shown: ShowResult): readonly Line[] {
  const { format, bytes, parameters, commit, sha256, placement, declared, problem } = shown;
  const says = Object.entries(declared).map(([key, value]) => `${key} ${value}`);
  return [
    [span(`${format}, ${formatBytes(bytes)}, ${formatCount(parameters)} parameters`)],
    [span('commit ', 'faint'), span(commit ?? '-', 'id'), span(`  sha256 ${sha256}`, 'faint')],
    ...(placement === null
      ? []
      : [
          [
            span('place  ', 'faint'),
            span(toPrintable(describePlace(placement)), 'relation'),
            span(`, ${formatConfidence(placement.confidence)} sure`),
          ],
        ]),
    ...(problem === undefined ? [] : [[span(toPrintable(`no weights read: ${problem}`), 'bad')]]),
    ...(says.length === 0 ? [] : [[span(toPrintable(`says   ${says.join(', ')}`), 'faint')]]),
  ];
}

/** What stands above the list. */
export function drawHead(screen: Screen): readonly Line[] {
  return screen.kind === 'checkpoint' && screen.shown !== undefined ? describeShown(screen.shown) : [];
}

/** The titles of the columns, where there are any. */
export function drawTitles(screen: Screen, columns: number): string | undefined {
  switch (screen.kind) {
    case 'trajectories':
      return trajectoryTitles(columns);
    case 'checkpoints':
      return checkpointTitles(columns);
    case 'checkpoint':
      return tensorTitles(columns);
    case 'identification':
      return undefined;
    default:
      return unreachable(screen);
  }
}

/** One line of the list. */
export function drawItem(item: Item, columns: number): Line {
  switch (item.kind) {
    case 'trajectory':
      return drawTrajectory(item.trajectory, item.branch, columns);
    case 'checkpoint':
      return drawCheckpoint(item.checkpoint, item.forks, item.longestStep, columns);
    case 'tensor':
      return drawTensor(item.tensor, columns);
    case 'line':
      return [span(cutEnd(toPrintable(item.text), columns), item.tone)];
    default:
      return unreachable(item);
  }
}

/** What is said below the list of the item that is selected. */
export function describeItem(item: Item): readonly Line[] {
  if (item.kind === 'checkpoint') return describeCheckpoint(item.checkpoint, item.forks, item.origin);
  if (item.kind === 'tensor') return describeTensor(item.tensor);
  if (item.kind === 'line' && item.target !== undefined) return [[span('enter shows this checkpoint', 'faint')]];
  return [];
}
