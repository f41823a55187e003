import type { KinshipBlock } from './kinship-block.ts';

/** Standard deviations beyond which neighbours are alike: a chance of 1e-9 for hidden units, whose order means nothing. */
const ALIKE = 6;
/** Fewest units whose neighbours say anything. */
const MIN_UNITS = 8;

/**
 * Names the spaces whose neighbouring units are more alike than any two: pixels, positions or frequencies that a wrong graph took for hidden
 * units. Hidden units are exchangeable at every stage of training, so the veto costs them nothing.
 */
export function findOrderedSpaces(blocks: readonly KinshipBlock[]): ReadonlySet<string> {
  const ordered = blocks.flatMap((block) => {
    const [axis] = block.axes;
    const isTestable =
      axis !== undefined && block.axes.length === 1 && axis.within === undefined && block.rows >= MIN_UNITS;
    return isTestable && block.rows === axis.size && neighbourScore(block) > ALIKE ? [axis.space] : [];
  });
  return new Set(ordered);
}

/** Similarity of cyclic neighbours, in standard deviations of what a random order gives. */
function neighbourScore(block: KinshipBlock): number {
  const { rows, features, values } = block;
  let neighbours = 0;
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      let product = 0;
      for (let k = 0; k < features; k++) product += (values[i * features + k] ?? 0) * (values[j * features + k] ?? 0);
      squares += product * product;
      if (i - j === 1 || i - j === rows - 1) neighbours += product;
    }
  }
  const mean = -block.energy / (rows - 1);
  const variance = (2 * squares) / (rows - 1) - (block.energy / (rows - 1)) ** 2 / rows;
  return variance > 0 ? (neighbours - mean) / Math.sqrt(variance) : 0;
}
