import type { FoundBase } from './base.ts';
import type { ChosenCode } from './chosen-code.ts';

/** Says what the index must say of a record where its bases are now: depth, and the bytes that restoring it reads. */
export function placeRecord(code: ChosenCode, bases: readonly FoundBase[]): ChosenCode {
  const [first, second] = bases;
  const isBelow = second === undefined || (first?.bases ?? []).includes(second.row.id);
  const ancestors = (isBelow ? [first] : bases).reduce((sum, base) => sum + (base?.row.restoreByteLength ?? 0), 0);
  const depth = bases.reduce((most, base) => Math.max(most, base.row.depth + 1), 0);
  const row = { ...code.row, depth, restoreByteLength: code.row.recordByteLength + ancestors };
  return { ...code, row };
}
