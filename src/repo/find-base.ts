import { axisOrders } from '../diff/axis-orders.ts';
import { matchTensors } from '../diff/match-tensors.ts';
import type { BlobId, ManifestId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import type { Summary, TensorSummary } from '../sketch/summary.ts';
import { chunkElements } from '../tensors/chunks.ts';
import { elementCount, isFloat } from '../tensors/dtype.ts';
import { type Bundle, bundlesOf } from './bundles.ts';
import { type GatherView, gatherChunk } from './gather-chunk.ts';
import { rankByStatistics } from './rank-tensors.ts';
import { listRowOrders } from './row-orders.ts';
import type { FindBase, FoundHint } from './store-checkpoint.ts';

/** A checkpoint as far as bases are concerned. */
export interface BaseCheckpoint {
  readonly id: ManifestId;
  readonly summary: Summary;
  /** By tensor, the shape in which its elements stand in the file. */
  readonly layouts: ReadonlyMap<string, readonly number[]>;
  /** Small tensors that share blobs, by the first of each. */
  readonly bundles: ReadonlyMap<string, Bundle>;
}

/** A checkpoint as its manifest has it. */
export function baseCheckpoint(id: ManifestId, summary: Summary, manifest: Manifest): BaseCheckpoint {
  const layouts = new Map(manifest.tensors.map(({ name, shape }) => [name, shape]));
  return { id, summary, layouts, bundles: bundlesOf(manifest) };
}

/** Tensors of one checkpoint that are asked whether a tensor of unlike name comes from them: the estimate decides. */
const ASKED_BY_STATISTICS = 2;
const ASKED_OF_CODES = 8;

/** A tensor that may be the base of another, and how it has to be seen. */
interface TensorBase {
  readonly tensor: TensorSummary;
  readonly view?: GatherView;
  readonly from: string;
}

const haveEqualShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, axis) => n === b[axis]);

/** The shape in which a tensor's elements stand in its file. */
function layoutOf(checkpoint: BaseCheckpoint, tensor: TensorSummary): readonly number[] {
  return checkpoint.layouts.get(tensor.name) ?? tensor.shape;
}

/** Ways to see a stored tensor so that its elements come in the order of another's. */
function viewsOf(
  query: { readonly name: string; readonly shape: readonly number[] },
  base: BaseCheckpoint,
  tensor: TensorSummary,
): readonly TensorBase[] {
  const shape = layoutOf(base, tensor);
  const from = `${base.id} ${tensor.name}`;
  const turned = axisOrders(shape, query.shape).map((order): TensorBase => {
    if (order.every((axis, i) => axis === i)) return { tensor, from };
    return { tensor, view: { sizes: shape, order }, from: `${from} ${order.join()}` };
  });
  if (!haveEqualShape(shape, query.shape)) return turned;
  const rows = listRowOrders(query.name, shape).map(
    (view): TensorBase => ({
      tensor,
      view,
      from: `${from} ${view.sizes.join('x')}`,
    }),
  );
  return [...turned, ...rows];
}

/** Tensors that one of another name may come from: by what names they share, by their values, and by their place in the file. */
function listUnlikeNamed(
  tensor: TensorSummary,
  { tensors }: Summary,
  matched: readonly TensorSummary[],
): readonly TensorSummary[] {
  // Codes without their scales have lost much of what statistics go by.
  const limit = isFloat(tensor.dtype) ? ASKED_BY_STATISTICS : ASKED_OF_CODES;
  const alike = rankByStatistics(tensor, tensors);
  const named = alike.filter(({ name }) => tensor.name.includes(name) || name.includes(tensor.name));
  named.sort((a, b) => b.name.length - a.name.length);
  return [...new Set([...named.slice(0, 1), ...alike.slice(0, limit), ...matched])];
}

/** Says for a tensor of the new checkpoint which of one stored checkpoint it may come from. */
function pairTensors(query: BaseCheckpoint, base: BaseCheckpoint): (tensor: TensorSummary) => readonly TensorBase[] {
  const candidates = new Map(base.summary.tensors.map((tensor) => [tensor.name, tensor]));
  const { pairs } = matchTensors({ tensors: query.summary.tensors }, { tensors: base.summary.tensors });
  const partners = new Map(pairs.map((pair) => [pair.query, candidates.get(pair.candidate)]));
  const found = new Map<string, readonly TensorBase[]>();
  const find = (tensor: TensorSummary): readonly TensorBase[] => {
    const partner = partners.get(tensor.name);
    const matched = partner === undefined ? [] : [partner];
    const asked = partner?.name === tensor.name ? matched : listUnlikeNamed(tensor, base.summary, matched);
    const shape = layoutOf(query, tensor);
    return asked.flatMap((candidate) => viewsOf({ name: tensor.name, shape }, base, candidate));
  };
  return (tensor) => {
    const known = found.get(tensor.name) ?? find(tensor);
    found.set(tensor.name, known);
    return known;
  };
}

/** A bundle of the same tensors: their bytes stand in the same order. */
function hintOfBundle({ tensors }: Bundle, base: BaseCheckpoint): readonly FoundHint[] {
  const other = base.bundles.get(tensors[0] ?? '');
  const isAlike =
    other !== undefined &&
    other.tensors.length === tensors.length &&
    other.tensors.every((name, i) => name === tensors[i]);
  return isAlike ? [{ blobs: [other.blob], from: `${base.id} ${tensors[0]}` }] : [];
}

function hintOfChunk(
  { tensor, view, from }: TensorBase,
  elements: number,
  index: number,
  step: number,
): FoundHint | undefined {
  if (elementCount(tensor.shape) !== elements) return undefined;
  if (view === undefined && chunkElements(tensor.dtype) === step) {
    const blob: BlobId | undefined = tensor.chunks[index];
    return blob === undefined ? undefined : { blobs: [blob], from };
  }
  const range = { start: index * step, count: Math.min(step, elements - index * step) };
  const found = gatherChunk(tensor, view ?? { sizes: [elements], order: [0] }, range);
  return found === undefined ? undefined : { ...found, from };
}

/**
 * Finds, for each chunk of a new checkpoint, what it may be coded against in the checkpoints that it may come from: tensors of
 * the same name, then those whose values look alike, in their own or another order of axes. An estimate decides among them.
 */
export function findBaseIn(query: BaseCheckpoint, bases: readonly BaseCheckpoint[]): FindBase {
  let pairs: readonly ReturnType<typeof pairTensors>[] | undefined;
  const tensors = new Map(query.summary.tensors.map((tensor) => [tensor.name, tensor]));
  return (name, index) => {
    const bundle = query.bundles.get(name);
    if (bundle !== undefined) return bases.flatMap((base) => hintOfBundle(bundle, base));
    const tensor = tensors.get(name);
    if (tensor === undefined) return [];
    const elements = elementCount(tensor.shape);
    const step = chunkElements(tensor.dtype);
    pairs ??= bases.map((base) => pairTensors(query, base));
    return pairs.flatMap((found) => found(tensor).flatMap((base) => hintOfChunk(base, elements, index, step) ?? []));
  };
}
