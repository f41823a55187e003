import type { Placed } from './accept.ts';
import { type ModuleTree, modulesUnder } from './module-tree.ts';
import { type AxisRef, joinPath, type Module } from './modules.ts';
import type { SpaceBuilder } from './space-builder.ts';
import { axesInBlock, isHeadNorm } from './stream-blocks.ts';
import { axesOutside, hasReader } from './stream-ends.ts';

const BLOCK_LIST = /(^|\.)(h|layer|layers|blocks|block|resblocks|encoder_layers|decoder_layers)$/;

/**
 * Rule R7: the residual stream of a transformer, of all its lists of blocks as one space (merging hidden spaces is always valid; what reads
 * an encoder's stream reads a decoder's size). Every tensor of the file that has the stream's size, or a multiple of it, must have a known role
 * with it on the right side, and on no other; one that has none refuses the stream. Attention inside (rows of q, k, v, columns of o) stays
 * features: the number of heads is not in a file of weights.
 */
export function joinStream(tree: ModuleTree, builder: SpaceBuilder, placed: Placed): void {
  const lists = outermostLists(tree);
  const blocks = lists.flatMap((list) => modulesUnder(tree, list));
  const size = blocks.find((m) => m.kind === 'norm' && !isHeadNorm(m))?.writes;
  if (size === undefined) return;
  const inside = new Set(blocks);
  const isRead = hasReader(tree, size, inside);
  const axes: AxisRef[] = [];
  let isFed = false;
  for (const module of tree.modules.values()) {
    const found = isHarmless(module, size)
      ? []
      : inside.has(module)
        ? axesInBlock(tree, module, size, placed)
        : axesOutside(tree, module, size, isRead);
    if (!found) {
      const name = module.path || 'a tensor at the root';
      builder.refuse(module.path, `no residual stream: the role of ${name} is not known`);
      return;
    }
    axes.push(...found);
    isFed ||= !inside.has(module) && found.some((ref) => module.outAxes.includes(ref) || module.kind === 'other');
  }
  // Without anything that writes it, the stream is the model's input, whose order is fixed.
  if (isFed) builder.join({ axes, isRescalable: false });
}

/** Lists of blocks that lie in no other. */
function outermostLists(tree: ModuleTree): readonly string[] {
  const lists = [...tree.children.keys()].filter((path) => BLOCK_LIST.test(path) && isListOfBlocks(tree, path));
  return lists.filter((path) => !lists.some((other) => path.startsWith(`${other}.`)));
}

/** Children that are numbers, or one name and a number (`encoder_layer_0`), and have children of their own. */
function isListOfBlocks(tree: ModuleTree, path: string): boolean {
  const names = tree.children.get(path) ?? [];
  if (!names.every((name) => tree.children.has(joinPath(path, name)))) return false;
  const stems = new Set(names.map((name) => /^(.*?)\d+$/.exec(name)?.[1]));
  return names.length > 0 && stems.size === 1 && !stems.has(undefined);
}

/** Whether no axis can be the stream: vectors of other sizes, and matrices that have no multiple of its size. */
function isHarmless({ tensors }: Module, size: number): boolean {
  return [...tensors.values()].every((shape) => {
    const sizes = shape.filter((n) => n > 1);
    return sizes.length < 2 ? sizes[0] !== size : sizes.every((n) => n % size !== 0);
  });
}
