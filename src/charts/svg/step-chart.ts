import { drawing, label, polyline, type Svg } from './element.ts';
import { colourOf, gridLines, linearScale } from './scale.ts';

/** Lengths of the steps of one trajectory, in order. */
export interface Steps {
  readonly name: string;
  readonly lengths: readonly number[];
}

const WIDTH = 900;
const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [54, WIDTH - 12, 40, HEIGHT - 32];

/** Draws the step lengths of trajectories one behind the other: where steps shrink in training, the teeth of a saw. */
export function drawSteps(title: string, trajectories: readonly Steps[]): Svg {
  const total = trajectories.reduce((sum, { lengths }) => sum + lengths.length, 0);
  const x = linearScale([0, Math.max(1, total)], LEFT, RIGHT);
  const y = linearScale([0, ...trajectories.flatMap(({ lengths }) => lengths)], BOTTOM, TOP);
  const parts = [...gridLines(y, LEFT, RIGHT)];
  let first = 0;
  for (const [index, { name, lengths }] of trajectories.entries()) {
    const stroke = colourOf(index);
    const start = first;
    const points = lengths.map((length, i) => [x.at(start + i + 0.5), y.at(length)] as const);
    parts.push(polyline(points, { stroke, 'stroke-width': 1.5 }));
    parts.push(label(name, x.at(start + lengths.length / 2), BOTTOM + 16, { 'text-anchor': 'middle', fill: stroke }));
    first += lengths.length;
  }
  return drawing(title, WIDTH, HEIGHT, parts);
}
