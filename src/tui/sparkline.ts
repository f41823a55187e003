const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** The greatest value of each of `cells` equal parts, so that no peak is lost; the values themselves where they fit. */
function resample(values: readonly number[], cells: number): readonly number[] {
  if (values.length <= cells) return values;
  return Array.from({ length: cells }, (_, cell) => {
    const start = Math.floor((cell * values.length) / cells);
    const end = Math.max(start + 1, Math.floor(((cell + 1) * values.length) / cells));
    return values.slice(start, end).reduce((greatest, value) => Math.max(greatest, value), 0);
  });
}

/** Draws non-negative values as a row of blocks, the greatest at full height. */
export function drawSparkline(values: readonly number[], cells: number): string {
  const shown = resample(values, cells);
  const greatest = shown.reduce((most, value) => Math.max(most, value), 0);
  if (greatest === 0) return shown.map(() => LEVELS[0]).join('');
  return shown.map((value) => LEVELS[Math.round((value / greatest) * (LEVELS.length - 1))] ?? LEVELS[0]).join('');
}
