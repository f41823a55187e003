import { element, label, type Svg } from './element.ts';

/** Maps a range of values to a range of pixels. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  at(value: number): number;
}

/** A linear scale; a range of one value is widened, so that it lies in the middle. */
export function linearScale(values: readonly number[], first: number, last: number): Scale {
  const [low, high] = values.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
  const [from, to] = low < high ? [low, high] : [low - 0.5, low + 0.5];
  return { from, to, at: (value) => first + ((value - from) / (to - from)) * (last - first) };
}

/** Round values that divide a range into about `count` parts: steps of 1, 2 or 5 times a power of ten. */
export function ticksOf({ from, to }: Scale, count: number): readonly number[] {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** Horizontal lines at round values, with their values at the left. */
export function gridLines(scale: Scale, left: number, right: number): readonly Svg[] {
  return ticksOf(scale, 5).flatMap((value) => {
    const y = scale.at(value);
    return [
      element('line', { x1: left, x2: right, y1: y, y2: y, stroke: '#e4e4e4' }),
      label(String(value), left - 6, y + 4, { 'text-anchor': 'end', fill: '#666666' }),
    ];
  });
}

/** Okabe and Ito's colours, which people who see few colours can tell apart; then hues a golden angle from each other. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#7a6c00', '#555555'];
const GOLDEN_ANGLE = 137.508;

/** The colour of the n-th trajectory. */
export function colourOf(index: number): string {
  return COLOURS[index] ?? `hsl(${Math.round((index * GOLDEN_ANGLE) % 360)},60%,42%)`;
}
