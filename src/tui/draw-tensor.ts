import { formatBytes } from '../charts/describe.ts';
import type { ShownTensor } from '../repo/results.ts';
import { type Span, span } from './span.ts';
import { cutEnd, cutStart, padEnd, padStart, toPrintable } from './text-width.ts';

const DTYPE_CELLS = 6;
const SHAPE_CELLS = 18;
const NUMBER_CELLS = 10;
const ZERO_CELLS = 8;
const LEAST_NAME_CELLS = 12;
const MOST_NAME_CELLS = 48;
/** Stands after a tensor that holds what is no number. */
const ODD_MARK = ' !';
/** Columns after the name, in the order in which they go when there is no room: the last first. */
const COLUMNS = [
  { title: 'type', cells: DTYPE_CELLS, isNumber: false, draw: (tensor: ShownTensor) => tensor.dtype },
  { title: 'shape', cells: SHAPE_CELLS, isNumber: false, draw: (tensor: ShownTensor) => formatShape(tensor) },
  { title: 'mean', cells: NUMBER_CELLS, isNumber: true, draw: (tensor: ShownTensor) => number(tensor.mean) },
  {
    title: 'std',
    cells: NUMBER_CELLS,
    isNumber: true,
    draw: (tensor: ShownTensor) => number(tensor.standardDeviation),
  },
  { title: 'zeros', cells: ZERO_CELLS, isNumber: true, draw: (tensor: ShownTensor) => percent(tensor.zeroShare) },
  { title: 'min', cells: NUMBER_CELLS, isNumber: true, draw: (tensor: ShownTensor) => number(tensor.min) },
  { title: 'max', cells: NUMBER_CELLS, isNumber: true, draw: (tensor: ShownTensor) => number(tensor.max) },
] as const;

function number(value: number | null): string {
  return value === null ? '-' : value.toPrecision(3);
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(1)} %`;
}

function formatShape({ shape }: ShownTensor): string {
  return shape.length === 0 ? 'scalar' : shape.join(' x ');
}

function isOdd({ nanCount, infinityCount }: ShownTensor): boolean {
  return (nanCount ?? 0) > 0 || (infinityCount ?? 0) > 0;
}

function shownColumns(columns: number): { readonly name: number; readonly shown: readonly (typeof COLUMNS)[number][] } {
  let left = columns - ODD_MARK.length - LEAST_NAME_CELLS;
  const shown = COLUMNS.filter(({ cells }) => {
    left -= cells + 1;
    return left >= 0;
  });
  const taken = shown.reduce((total, { cells }) => total + cells + 1, ODD_MARK.length);
  return { name: Math.max(1, Math.min(MOST_NAME_CELLS, columns - taken)), shown };
}

/** The titles above the tensors. */
export function tensorTitles(columns: number): string {
  const { name, shown } = shownColumns(columns);
  return [
    padEnd(cutEnd('tensor', name), name),
    ...shown.map(({ title, cells, isNumber }) => (isNumber ? padStart(title, cells) : padEnd(title, cells))),
  ].join(' ');
}

/** Draws one tensor with its statistics, as many as there is room for. */
export function drawTensor(tensor: ShownTensor, columns: number): readonly Span[] {
  const { name, shown } = shownColumns(columns);
  const cells = shown.map(({ cells: width, isNumber, draw }) => {
    const text = cutStart(draw(tensor), width);
    return ` ${isNumber ? padStart(text, width) : padEnd(text, width)}`;
  });
  return [
    span(padEnd(cutStart(toPrintable(tensor.name), name), name), 'strong'),
    span(cells.join('')),
    ...(isOdd(tensor) ? [span(ODD_MARK, 'bad')] : []),
  ];
}

/** Says everything of the selected tensor, in two lines. */
export function describeTensor(tensor: ShownTensor): readonly (readonly Span[])[] {
  const { name, dtype, role, bytes, nanCount, infinityCount } = tensor;
  const odd = [
    ...(nanCount === null || nanCount === 0 ? [] : [`${nanCount} NaN`]),
    ...(infinityCount === null || infinityCount === 0 ? [] : [`${infinityCount} infinite`]),
  ];
  return [
    [span(toPrintable(name), 'strong'), span(`  ${dtype}, ${formatShape(tensor)}, ${formatBytes(bytes)}, ${role}`)],
    [
      span(`mean ${number(tensor.mean)}  std ${number(tensor.standardDeviation)}`),
      span(`  min ${number(tensor.min)}  max ${number(tensor.max)}  zeros ${percent(tensor.zeroShare)}`),
      ...(odd.length === 0 ? [] : [span(`  ${odd.join(', ')}`, 'bad')]),
    ],
  ];
}
