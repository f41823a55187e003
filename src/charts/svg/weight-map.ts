import { drawing, element, label, polyline, type Svg } from './element.ts';
import { colourOf, linearScale } from './scale.ts';

/** A trajectory on a map: a point a checkpoint, in order. */
export interface MappedTrajectory {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

const SIZE = 560;
const MARGIN = 40;

/** Draws weight space in two dimensions: a line a trajectory, a ring where it starts, its name where it ends. Both axes have one scale. */
export function drawWeightMap(title: string, trajectories: readonly MappedTrajectory[]): Svg {
  const points = trajectories.flatMap((trajectory) => trajectory.points);
  const [x, y] = squareScales(points);
  const parts = trajectories.flatMap(({ name, points: own }, index) => {
    const stroke = colourOf(index);
    const path = own.map(([a, b]) => [x.at(a), y.at(b)] as const);
    const [start, end] = [path[0], path.at(-1)];
    if (start === undefined || end === undefined) return [];
    return [
      polyline(path, { stroke, 'stroke-width': 1.5 }),
      ...path.slice(1).map(([cx, cy]) => element('circle', { cx, cy, r: 2, fill: stroke })),
      element('circle', { cx: start[0], cy: start[1], r: 3.5, fill: '#ffffff', stroke, 'stroke-width': 1.5 }),
      label(name, end[0] + 5, end[1] + 4, { fill: stroke }),
    ];
  });
  return drawing(title, SIZE, SIZE, parts);
}

/** Two scales with the same pixels a unit, the points in the middle. */
function squareScales(points: readonly (readonly [number, number])[]) {
  const inner = [MARGIN, SIZE - MARGIN] as const;
  const natural = [0, 1].map((axis) =>
    linearScale(
      points.map((point) => point[axis] ?? 0),
      ...inner,
    ),
  );
  const span = Math.max(...natural.map(({ from, to }) => to - from));
  const [x, y] = natural.map(({ from, to }) => {
    const middle = (from + to) / 2;
    return [middle - span / 2, middle + span / 2];
  });
  return [linearScale(x ?? [], ...inner), linearScale(y ?? [], inner[1], inner[0])] as const;
}
