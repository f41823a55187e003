import type { DType } from '../tensors/dtype.ts';
import type { OpenCheckpoint } from './format.ts';
import type { FormatWriter } from './writer.ts';

function countOf(count: number): string {
  return count === 1 ? '1 tensor' : `${count} tensors`;
}

/**
 * Says what a conversion does to a checkpoint beside copying values, as clauses: types that the target does not have, axes that move, codes that become
 * numbers, and what stays behind. Nothing of it changes a value.
 */
export function conversionNotes(checkpoint: OpenCheckpoint, writer: FormatWriter): readonly string[] {
  const kept = checkpoint.tensors.filter(({ role }) => role !== 'optimizer');
  const widened = new Map<string, number>();
  for (const { dtype } of kept) {
    const written: DType | undefined = writer.writtenAs(dtype);
    const change = `${dtype} as ${written}`;
    if (written !== undefined && written !== dtype) widened.set(change, (widened.get(change) ?? 0) + 1);
  }
  const note = (count: number, what: string): readonly string[] => (count === 0 ? [] : [`${countOf(count)} ${what}`]);
  return [
    ...[...widened].map(([change, count]) => `${countOf(count)} of ${change}`),
    ...note(kept.filter(({ codes }) => codes !== undefined).length, 'of codes as the numbers that they stand for'),
    ...note(
      kept.filter(({ toCanonical }) => toCanonical !== undefined).length,
      'with the axes in the order (out, in, kernel)',
    ),
    ...note(checkpoint.tensors.length - kept.length, 'of the optimizer left out'),
    ...note(checkpoint.unread?.length ?? 0, 'that wsvc does not read left out'),
  ];
}
