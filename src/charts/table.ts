import { escapeControls } from '../errors.ts';

/** Draws rows as aligned columns; numbers (all but the first column's cells that start with a digit or sign) to the right. */
export function drawTable(title: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [title, ...rows].map((row) => row.map(escapeControls));
  const [head = [], ...shown] = all;
  const widths = title.map((_, column) => all.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0));
  const isNumeric = title.map((_, column) => column > 0 && rows.every((row) => /^[-+\d]/.test(row[column] ?? '-')));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [
    line(head),
    widths
      .map((width) => '-'.repeat(width))
      .join('  ')
      .trimEnd(),
    ...shown.map(line),
  ];
}
