import { drawing, element, polyline, type Svg } from './element.ts';
import { colourOf, gridLines, linearScale } from './scale.ts';

/** Two clusters joined: numbers below the count of leaves are leaves, `leaves + i` is what join `i` made. */
export interface Join {
  readonly left: number;
  readonly right: number;
  /** Distance at which they are joined. */
  readonly height: number;
}

const WIDTH = 900;
const HEIGHT = 340;
const [LEFT, RIGHT, TOP, BOTTOM] = [54, WIDTH - 12, 40, HEIGHT - 24];

/** The leaves below each cluster, from left to right. */
export function leavesInOrder(joins: readonly Join[], leaves: number): readonly number[] {
  const below = (cluster: number): readonly number[] => {
    const join = joins[cluster - leaves];
    return join === undefined ? [cluster] : [...below(join.left), ...below(join.right)];
  };
  return leaves === 0 ? [] : below(leaves + joins.length - 1);
}

/** Draws which leaves are joined at what distance; each leaf, and each join of leaves of one group, in the colour of its group. */
export function drawDendrogram(title: string, joins: readonly Join[], groups: readonly number[]): Svg {
  const leaves = groups.length;
  const y = linearScale([0, ...joins.map(({ height }) => height)], BOTTOM, TOP);
  const step = (RIGHT - LEFT) / leaves;
  const order = leavesInOrder(joins, leaves);
  const nodes: { readonly x: number; readonly y: number; readonly group: number | undefined }[] = [];
  for (const [at, leaf] of order.entries())
    nodes[leaf] = { x: LEFT + (at + 0.5) * step, y: BOTTOM, group: groups[leaf] };
  const parts = [...gridLines(y, LEFT, RIGHT)];
  for (const [i, { left, right, height }] of joins.entries()) {
    const [a, b] = [nodes[left], nodes[right]];
    if (a === undefined || b === undefined) continue;
    const group = a.group === b.group ? a.group : undefined;
    const top = y.at(height);
    const stroke = group === undefined ? '#444444' : colourOf(group);
    parts.push(
      polyline(
        [
          [a.x, a.y],
          [a.x, top],
          [b.x, top],
          [b.x, b.y],
        ],
        { stroke },
      ),
    );
    nodes[leaves + i] = { x: (a.x + b.x) / 2, y: top, group };
  }
  const marks = order.map((leaf, at) =>
    element('rect', { x: LEFT + at * step, y: BOTTOM + 4, width: step, height: 8, fill: colourOf(groups[leaf] ?? 0) }),
  );
  return drawing(title, WIDTH, HEIGHT, [...parts, ...marks]);
}
