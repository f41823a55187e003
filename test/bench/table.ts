import { drawTable } from '../../src/charts/table.ts';

/** A table of results, for printing. */
export interface BenchTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Sentences below the table: seeds, sizes, what was absent, every wrong answer. */
  readonly notes?: readonly string[];
}

function notesOf({ notes = [] }: BenchTable): string {
  return notes.map((note) => `- ${note}\n`).join('');
}

/** Formats a table for a page of documentation. */
export function formatMarkdown(table: BenchTable): string {
  const { title, columns, rows } = table;
  const lines = [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  return `**${title}**\n\n${lines.join('\n')}\n\n${notesOf(table)}`;
}

/** Formats a table for a terminal: aligned columns. */
export function formatText(table: BenchTable): string {
  return `${table.title}\n\n${drawTable(table.columns, table.rows).join('\n')}\n\n${notesOf(table)}`;
}

/** A share as a figure, `-` where nothing was asked. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? '-' : (part / whole).toFixed(part === whole ? 1 : 3);
}
