import type { BlobId } from '../objects/ids.ts';
import type { PlannedCopy, RepackCandidate } from './plan-repack.ts';

/** Sets of blobs that are coded against each other. */
class Groups {
  readonly #parents = new Map<BlobId, BlobId>();

  find(id: BlobId): BlobId {
    let root = id;
    for (let next = this.#parents.get(root); next !== undefined; next = this.#parents.get(root)) root = next;
    return root;
  }

  join(a: BlobId, b: BlobId): void {
    const [one, two] = [this.find(a), this.find(b)];
    if (one !== two) this.#parents.set(one, two);
  }
}

const basesOf = ({ pack, row }: PlannedCopy): readonly BlobId[] => pack.bases.get(row.id) ?? [];

function sumBytes(copies: readonly PlannedCopy[], groups: Groups): ReadonlyMap<BlobId, number> {
  const sums = new Map<BlobId, number>();
  for (const { row } of copies) {
    const group = groups.find(row.id);
    sums.set(group, (sums.get(group) ?? 0) + row.recordByteLength);
  }
  return sums;
}

/** Records of packs, as copies. */
export const copiesOf = (packs: readonly RepackCandidate[]): readonly PlannedCopy[] =>
  packs.flatMap((pack) => pack.file.index.rows.map((row): PlannedCopy => ({ pack, row, isRequired: true })));

/**
 * Of records as they were and of the same blobs coded anew the smaller: by groups of blobs that are coded against each other, one way or
 * the other, so that none lacks its base.
 *
 * @returns the records to keep, bases first; `undefined` where all that is coded anew is smaller.
 */
export function mixCopies(
  old: readonly PlannedCopy[],
  anew: readonly PlannedCopy[],
): readonly PlannedCopy[] | undefined {
  const groups = new Groups();
  for (const copy of [...old, ...anew]) for (const base of basesOf(copy)) groups.join(copy.row.id, base);
  const [before, after] = [sumBytes(old, groups), sumBytes(anew, groups)];
  const staysOld = ({ row }: PlannedCopy): boolean => {
    const group = groups.find(row.id);
    return (before.get(group) ?? 0) < (after.get(group) ?? 0);
  };
  if (!anew.some(staysOld)) return undefined;
  const kept = [...old.filter(staysOld), ...anew.filter((copy) => !staysOld(copy))];
  return kept.sort((a, b) => a.row.depth - b.row.depth || (a.row.id < b.row.id ? -1 : 1));
}
