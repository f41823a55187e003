/** Formats rows as a table with aligned columns; the first row is its head. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   '));
  const rule = widths.map((width) => '-'.repeat(width)).join('   ');
  return [lines[0], rule, ...lines.slice(1)].map((line) => `  ${line ?? ''}`.trimEnd()).join('\n');
}

/** A bar of 30 cells. */
export function formatBar(done: number, total: number): string {
  const filled = Math.round((30 * done) / total);
  return `${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${done}/${total}`;
}

/** 12.3 KB, 4.5 MB. */
export function formatBytes(byteLength: number): string {
  return byteLength < 1e6 ? `${(byteLength / 1e3).toFixed(1)} KB` : `${(byteLength / 1e6).toFixed(2)} MB`;
}
