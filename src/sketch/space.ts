import { sha256Hex } from '../bytes/sha256.ts';
import type { TensorRole } from '../formats/format.ts';
import { parseSpaceId, type SpaceId } from '../objects/ids.ts';
import { canonicalKey } from './canonical-shape.ts';

/** What a tensor's space depends on. */
export interface SpaceTensor {
  readonly shape: readonly number[];
  readonly role: TensorRole;
}

/**
 * Names the space of a checkpoint: SHA-256 of the sorted canonical shapes of its weights. Names, order, layout and element
 * types do not matter; single values (step counters, temperatures) do not count.
 */
export function spaceOf(tensors: readonly SpaceTensor[]): SpaceId {
  const shapes = tensors
    .filter((tensor) => tensor.role === 'weight')
    .map((tensor) => canonicalKey(tensor.shape))
    .filter((shape) => shape !== '')
    .sort();
  return parseSpaceId(sha256Hex(shapes.join('\n')));
}
