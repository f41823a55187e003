import type { DType } from '../tensors/dtype.ts';
import type { TensorRole } from './format.ts';

/** Parts of a name below which everything is an optimizer's. */
const OPTIMIZER_PARTS = new Set([
  'optimizer',
  'optimizers',
  'optim',
  'optimizer_state',
  'optimizer_states',
  'optimizer_state_dict',
  'optimizer_weights',
  'opt_state',
  '_optimizer_slot',
  'optimizer_slot',
  'adam',
  'adamw',
  'adamax',
  'adagrad',
  'adadelta',
  'adafactor',
  'nadam',
  'rmsprop',
  'ftrl',
  'lamb',
  'lion',
  'sgd',
]);

/** What optimizers call the moments of one weight; none of them is a name that layers give. */
const MOMENTS = new Set([
  'exp_avg',
  'exp_avg_sq',
  'max_exp_avg_sq',
  'exp_inf',
  'momentum_buffer',
  'square_avg',
  'grad_avg',
  'acc_delta',
  'acc_grad',
  'beta1_power',
  'beta2_power',
  'beta_1_power',
  'beta_2_power',
]);

/** Last parts of names that count or remember, but are never multiplied with anything. */
const STATE_ENDINGS = new Set([
  'num_batches_tracked',
  'step',
  'steps',
  'global_step',
  'num_updates',
  'epoch',
  'epochs',
  'iter',
  'iteration',
  'iterations',
  'num_timesteps',
  'last_epoch',
]);

const RANDOM_STATE = /^(rng|rng_states?|cpu_rng_state|cuda_rng_state|random_states?|torch_rng_state|numpy_rng_state)$/;

/** The parts of a tensor's name, lower case: frameworks join them with dots, slashes or colons. */
function partsOf(name: string): readonly string[] {
  const withoutOutput = name.replace(/:\d+$/, '');
  return withoutOutput
    .toLowerCase()
    .split(/[./:]+/)
    .filter((part) => part !== '');
}

/**
 * Says what a tensor is for by its name: optimizers, counters and random states have names that layers do not use.
 * A tensor of bools is a mask. What no rule knows is a weight.
 */
export function classifyRole(name: string, dtype: DType): TensorRole {
  const parts = partsOf(name);
  const last = parts.at(-1) ?? '';
  if (parts.some((part) => OPTIMIZER_PARTS.has(part)) || MOMENTS.has(last)) return 'optimizer';
  if (dtype === 'bool' || STATE_ENDINGS.has(last) || parts.some((part) => RANDOM_STATE.test(part))) return 'state';
  return 'weight';
}
