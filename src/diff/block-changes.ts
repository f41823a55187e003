import { groupBy } from '../symmetry/group-by.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

/** How two checkpoints differ in the numbered blocks of their lists; blocks by their names, such as `layers.3`. */
export interface BlockChanges {
  /** Of the query: nothing in the candidate answers to them. */
  readonly added: readonly string[];
  /** Of the query: the candidate's block that they answer to stands for another one too. */
  readonly repeated: readonly string[];
  /** Of the candidate: nothing in the query answers to them. */
  readonly dropped: readonly string[];
}

/** Names of the tensors of each block, and a block's form: the rest of their names and shapes. */
interface Blocks {
  readonly tensors: ReadonlyMap<string, readonly string[]>;
  readonly forms: ReadonlyMap<string, string>;
}

/** Reads off a matching which blocks were added, repeated or dropped. A block counts only where a paired one has its form: a head at the end of a list is no layer like others. */
export function findBlockChanges(
  pairs: readonly TensorPair[],
  query: readonly Named[],
  candidate: readonly Named[],
): BlockChanges {
  const own = blocksOf(query);
  const others = blocksOf(candidate);
  const forward = new Map(pairs.map((pair) => [pair.query, pair.candidate]));
  const taken = new Set(forward.values());
  const isPaired = (name: string) => forward.has(name);
  const known = new Set(
    [...own.tensors].filter(([, names]) => names.every(isPaired)).map(([block]) => formOf(own, block)),
  );
  return {
    added: unpaired(own, isPaired, known),
    repeated: repeatedBlocks(own, forward),
    dropped: unpaired(others, (name) => taken.has(name), known),
  };
}

/** Of lists that are matched with several candidates. */
const knownBlocks = new WeakMap<readonly Named[], Blocks>();

function blocksOf(tensors: readonly Named[]): Blocks {
  const known = knownBlocks.get(tensors) ?? readBlocks(tensors);
  knownBlocks.set(tensors, known);
  return known;
}

function readBlocks(tensors: readonly Named[]): Blocks {
  const numbered = tensors.flatMap(({ name, shape }) => {
    const block = /^(?:.*?\.)?\d+(?=\.)/.exec(name)?.[0];
    return block === undefined ? [] : [{ block, name, part: `${name.slice(block.length)}:${shape.join('x')}` }];
  });
  const groups = [...groupBy(numbered, ({ block }) => block)];
  return {
    tensors: new Map(groups.map(([block, members]) => [block, members.map(({ name }) => name)])),
    forms: new Map(
      groups.map(([block, members]) => [
        block,
        members
          .map(({ part }) => part)
          .sort()
          .join(),
      ]),
    ),
  };
}

const formOf = ({ forms }: Blocks, block: string) => forms.get(block) ?? '';

function unpaired(blocks: Blocks, isPaired: (name: string) => boolean, known: ReadonlySet<string>): string[] {
  return [...blocks.tensors]
    .filter(([block, names]) => !names.some(isPaired) && known.has(formOf(blocks, block)))
    .map(([block]) => block);
}

function repeatedBlocks({ tensors }: Blocks, forward: ReadonlyMap<string, string>): string[] {
  const taken = new Set<string>();
  return [...tensors].flatMap(([block, names]) => {
    const sources = names.flatMap((name) => forward.get(name) ?? []);
    const isRepeated = sources.length > 0 && sources.every((name) => taken.has(name));
    for (const name of sources) taken.add(name);
    return isRepeated ? [block] : [];
  });
}
