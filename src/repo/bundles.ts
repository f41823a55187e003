import { crc32 } from 'node:zlib';
import type { BlobId } from '../objects/ids.ts';
import type { Manifest, ManifestFile } from '../objects/manifest.ts';
import { type DType, elementByteLength } from '../tensors/dtype.ts';

/** Longer tensors have blobs of their own. In elements, as all lengths here: copies in another type are bundled alike. */
const SMALL = 1024;
/** Fewer small tensors in a row have blobs of their own: what a blob takes beside its bytes is then of no account. */
const LEAST_TENSORS = 256;
/** No bundle but the last of a row is shorter. */
const LEAST = 1 << 14;
/** What comes behind that on average. */
const MEAN_FURTHER = 1 << 14;
const MOST = 1 << 17;

/** The bytes of a tensor in a file, as far as they may be bundled. */
interface Small {
  readonly entry: { readonly name: string; readonly dtype: DType };
  readonly offset: number;
  readonly byteLength: number;
  readonly form?: unknown;
}

const lengthOf = ({ entry, byteLength }: Small): number => byteLength / elementByteLength(entry.dtype);

/** True where a tensor follows another without a gap, in the same type, both small. */
function continues(before: Small | undefined, next: Small): boolean {
  if (before === undefined || before.form !== undefined || next.form !== undefined) return false;
  const isSmall = lengthOf(before) <= SMALL && lengthOf(next) <= SMALL;
  return isSmall && before.entry.dtype === next.entry.dtype && before.offset + before.byteLength === next.offset;
}

/** True where a name says that a bundle begins with its tensor: names, so that a tensor more or less changes one bundle and no other. */
function begins(run: Small): boolean {
  return crc32(run.entry.name) < (2 ** 32 * lengthOf(run)) / MEAN_FURTHER;
}

function cutRow<T extends Small>(row: readonly T[]): readonly (readonly T[])[] {
  const bundles: T[][] = [];
  let length = 0;
  for (const run of row) {
    const isFull = (length >= LEAST && begins(run)) || length + lengthOf(run) > MOST;
    if (bundles.length === 0 || isFull) {
      bundles.push([]);
      length = 0;
    }
    bundles.at(-1)?.push(run);
    length += lengthOf(run);
  }
  return bundles;
}

/**
 * Groups tensors, in file order, into what is stored in one blob: mostly each by itself; many small ones of one type in a row, as mixtures of
 * experts have tens of thousands of, together.
 */
export function groupTensors<T extends Small>(runs: readonly T[]): readonly (readonly T[])[] {
  const groups: (readonly T[])[] = [];
  let row: T[] = [];
  const end = (): void => {
    groups.push(...(row.length < LEAST_TENSORS ? row.map((run) => [run]) : cutRow(row)));
    row = [];
  };
  for (const run of runs) {
    if (!continues(row.at(-1), run)) end();
    row.push(run);
  }
  end();
  return groups;
}

/** Tensors that share a blob, in their order. */
export interface Bundle {
  readonly blob: BlobId;
  readonly tensors: readonly string[];
}

type Placed = Manifest['tensors'][number] & { readonly at: NonNullable<Manifest['tensors'][number]['at']> };

function* bundlesOfFile({ segments }: ManifestFile, placed: readonly Placed[]): Iterable<Bundle> {
  let [at, next] = [0, 0];
  for (const segment of segments) {
    const length = 'blob' in segment ? segment.byteLength : segment.literal.byteLength;
    const tensors: string[] = [];
    let end = at;
    for (let one = placed[next]; one !== undefined && one.at.offset < at + length; one = placed[++next]) {
      // What overlaps an earlier tensor is kept with that.
      if (one.at.offset < end || one.at.offset + one.at.byteLength > at + length) continue;
      tensors.push(one.name);
      end = one.at.offset + one.at.byteLength;
    }
    if ('blob' in segment && tensors.length > 1) yield { blob: segment.blob, tensors };
    at += length;
  }
}

/** The bundles of a checkpoint, by the name of the first tensor of each. */
export function bundlesOf({ files, tensors }: Pick<Manifest, 'files' | 'tensors'>): ReadonlyMap<string, Bundle> {
  const placed = tensors.filter((tensor): tensor is Placed => (tensor.at?.byteLength ?? 0) > 0);
  placed.sort((a, b) => a.at.offset - b.at.offset || b.at.byteLength - a.at.byteLength);
  const bundles = files.flatMap((file, index) => [
    ...bundlesOfFile(
      file,
      placed.filter(({ at }) => at.file === index),
    ),
  ]);
  return new Map(bundles.map((bundle) => [bundle.tensors[0] ?? '', bundle]));
}
