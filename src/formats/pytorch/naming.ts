import type { DType } from '../../tensors/dtype.ts';
import type { TensorRole } from '../format.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import type { FoundTensor } from './walk.ts';

/** Keys under which people put a model's state into a checkpoint. */
const WRAPPER_KEY =
  /^(\w*_)?(model|models|module|net|network|state|states|state_?dict|params|parameters|weights|checkpoint|ckpt|ema|policy)(_\w*)?$/i;

/** Which role a tensor has by where it lies and what it is called. */
export function roleOf(found: FoundTensor, name: string, dtype: DType): TensorRole {
  return found.hint ?? classifyRole(name, dtype);
}

/**
 * Names tensors by their paths. Where all weights lie below one key of the file (`model`, `state_dict`), they are named without it,
 * as the model itself names them; what lies elsewhere keeps its whole path. Names are unique, in the order of `found`.
 *
 * @param isWeight says for each tensor whether it is one of the model's
 */
export function nameTensors(
  found: readonly FoundTensor[],
  isWeight: (found: FoundTensor) => boolean,
): readonly string[] {
  const weights = found.filter(isWeight);
  let stripped = 0;
  while (canStrip(weights, stripped)) stripped += 1;
  const prefix = weights[0]?.path.slice(0, stripped) ?? [];
  return uniqueNames(found.map((tensor) => nameOf(tensor, prefix)));
}

/** A tensor beside the weights (a counter of their layer) is named as they are. */
function nameOf({ path }: FoundTensor, prefix: readonly string[]): string {
  if (path.length === 0) return 'tensor';
  const isBelow = path.length > prefix.length && prefix.every((part, i) => path[i] === part);
  return (isBelow ? path.slice(prefix.length) : path).join('.');
}

/** True when all weights share this part of their paths, it is a container's key, and names enough is left without it. */
function canStrip(weights: readonly FoundTensor[], depth: number): boolean {
  const key = weights[0]?.path[depth];
  if (key === undefined) return false;
  const isShared = weights.every(
    ({ path, wrapperLength }) => path[depth] === key && wrapperLength > depth && path.length > depth + 1,
  );
  return isShared && (WRAPPER_KEY.test(key) || weights.every(({ path }) => isLayerName(path.slice(depth + 1))));
}

/** True for `fc.weight`, not for `weight`: then the part before is the layer's name. */
function isLayerName(path: readonly string[]): boolean {
  return path.length > 1 || path[0]?.includes('.') === true;
}
