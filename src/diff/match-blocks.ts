import type { WeightArray, Weights } from '../tensors/weights.ts';
import { commonPrefix } from './match-by-name.ts';
import type { Named, TensorPair } from './tensor-pair.ts';
import { areUnrelated } from './unrelated.ts';

/** Values of a block's largest matrix that are compared. */
const COMPARED = 4096;
/** Fewer values than this say nothing of where a block is from. */
const LEAST_COMPARED = 256;
/** A block of a numbered list, such as `layers.3`, with its tensors by the rest of their names. */
interface Block {
  readonly index: number;
  readonly form: string;
  readonly tensors: ReadonlyMap<string, string>;
  readonly sample: Float32Array;
}

interface Side {
  readonly tensors: readonly Named[];
  readonly weights?: Weights;
}

/** Pairs of blocks that stand at another number in the candidate. */
export interface BlockMatching {
  readonly pairs: readonly TensorPair[];
  /** Names of the candidate's tensors that only these pairs use. */
  readonly used: ReadonlySet<string>;
  /** Natural logarithm of the number of alignments that were open. */
  readonly logChoices: number;
}

/**
 * Aligns the numbered blocks of two checkpoints where layers were dropped or repeated, so that the numbers of those behind are off: in their order, by the
 * values of their largest matrices. Finds nothing where the numbers agree at least as well.
 */
export function matchBlocks(query: Side, candidate: Side): BlockMatching {
  const own = listsOf(query);
  const others = listsOf(candidate);
  const found: BlockMatching[] = [...own].flatMap(([path, blocks]) => alignLists(blocks, others.get(path) ?? []) ?? []);
  return {
    pairs: found.flatMap(({ pairs }) => pairs),
    used: new Set(found.flatMap(({ used }) => [...used])),
    logChoices: found.reduce((sum, { logChoices }) => sum + logChoices, 0),
  };
}

/** Of lists that are matched with several candidates, and the weights they were read with. */
const knownLists = new WeakMap<
  readonly Named[],
  { readonly weights: Weights | undefined; readonly lists: ReturnType<typeof readLists> }
>();

function listsOf({ tensors, weights }: Side): ReadonlyMap<string, readonly Block[]> {
  const known = knownLists.get(tensors);
  if (known !== undefined && known.weights === weights) return known.lists;
  const lists = readLists({ tensors, ...(weights === undefined ? {} : { weights }) });
  knownLists.set(tensors, { weights, lists });
  return lists;
}

function readLists({ tensors, weights }: Side): ReadonlyMap<string, readonly Block[]> {
  const prefix = commonPrefix(tensors);
  const lists = new Map<string, Map<number, Named[]>>();
  for (const tensor of tensors) {
    const parts = /^(.*?\.)?(\d+)\./.exec(tensor.name.slice(prefix.length));
    if (!parts) continue;
    const blocks = lists.get(parts[1] ?? '') ?? new Map<number, Named[]>();
    lists.set(parts[1] ?? '', blocks);
    const block = blocks.get(Number(parts[2])) ?? [];
    blocks.set(Number(parts[2]), block);
    block.push(tensor);
  }
  return new Map([...lists].map(([path, blocks]) => [path, toBlocks(prefix + path, blocks, weights)]));
}

function toBlocks(path: string, blocks: ReadonlyMap<number, readonly Named[]>, weights?: Weights): readonly Block[] {
  return [...blocks]
    .sort(([a], [b]) => a - b)
    .map(([index, tensors]) => {
      const rest = (name: string) => name.slice(`${path}${index}.`.length);
      const matrices = tensors.flatMap(({ name, shape }) => (shape.length > 1 ? (weights?.get(name) ?? []) : []));
      const forms = tensors.map(({ name, shape }) => `${rest(name)}:${shape.join('x')}`).sort();
      return {
        index,
        form: forms.join(),
        tensors: new Map(tensors.map(({ name }) => [rest(name), name])),
        sample: sampleLargest(matrices),
      };
    });
}

function sampleLargest(matrices: readonly WeightArray[]): Float32Array {
  const largest = [...matrices].sort((a, b) => b.data.length - a.data.length)[0]?.data ?? new Float32Array(0);
  const step = Math.max(1, Math.floor(largest.length / COMPARED));
  return Float32Array.from({ length: Math.floor(largest.length / step) }, (_, i) => largest[i * step] ?? 0);
}

function alignLists(query: readonly Block[], candidate: readonly Block[]): BlockMatching | undefined {
  if (candidate.length === 0 || query.length * candidate.length < 2) return undefined;
  const inPlace = query.filter((block) =>
    candidate.some((other) => other.index === block.index && isLike(block, other)),
  );
  if (inPlace.length === query.length) return undefined;
  const aligned = alignInOrder(query, candidate);
  if (aligned.length <= inPlace.length) return undefined;
  const stays = new Set(aligned.filter(([own, other]) => own.index === other.index).map(([, other]) => other));
  const moved = aligned.filter(([own, other]) => own.index !== other.index);
  return {
    pairs: moved.flatMap(([own, other]) => pairsOf(own, other)),
    used: new Set(moved.flatMap(([, other]) => (stays.has(other) ? [] : [...other.tensors.values()]))),
    logChoices: query.length * Math.log(candidate.length + 1),
  };
}

function pairsOf(own: Block, other: Block): TensorPair[] {
  return [...own.tensors].flatMap(([rest, name]) => {
    const candidate = other.tensors.get(rest);
    return candidate === undefined ? [] : [{ query: name, candidate }];
  });
}

function isLike(a: Block, b: Block): boolean {
  if (a.form !== b.form || a.sample.length < LEAST_COMPARED) return false;
  return a.sample.some((x) => x !== 0) && !areUnrelated(a.sample, b.sample);
}

/** The most pairs of like blocks whose numbers never fall on either side, one block of the query each; among equals, those that keep their number. */
function alignInOrder(query: readonly Block[], candidate: readonly Block[]): readonly (readonly [Block, Block])[] {
  // best[j]: the best chain of pairs that ends at candidate j or before it.
  let best: Chain[] = candidate.map(() => EMPTY);
  for (const own of query) {
    let running: Chain = EMPTY;
    best = best.map((before, j) => {
      const other = candidate[j];
      const longer = other && isLike(own, other) ? extend(before, own, other) : before;
      running = better(running, longer);
      return running;
    });
  }
  return best.at(-1)?.pairs ?? [];
}

interface Chain {
  readonly pairs: readonly (readonly [Block, Block])[];
  readonly inPlace: number;
}

const EMPTY: Chain = { pairs: [], inPlace: 0 };

function extend({ pairs, inPlace }: Chain, own: Block, other: Block): Chain {
  return { pairs: [...pairs, [own, other]], inPlace: inPlace + (own.index === other.index ? 1 : 0) };
}

function better(a: Chain, b: Chain): Chain {
  const difference = b.pairs.length - a.pairs.length || b.inPlace - a.inPlace;
  return difference > 0 ? b : a;
}
