import type { DType } from '../../tensors/dtype.ts';
import type { TensorRole } from '../format.ts';
import { classifyRole } from '../roles.ts';

/** What Keras and `tf.train.Checkpoint` put behind the path of a variable in the graph of objects. */
const ATTRIBUTE = /\/\.ATTRIBUTES\/VARIABLE_VALUE$/;
/** Moments of a variable: `VARIABLE/.OPTIMIZER_SLOT/OPTIMIZER/SLOT`. */
const SLOT = /(^|\/)\.OPTIMIZER_SLOT(\/|$)/;
/** TF1 optimizers name a variable's moments after themselves. */
const TF1_SLOT =
  /\/(Adam|AdamW|AdamWeightDecay|Adamax|Nadam|LAMB|Momentum|RMSProp|Adagrad|AdagradDA|Adadelta|AdafactorV?|Ftrl|GradientDescent|ProximalAdagrad|adam_[mv]|lamb_[mv])(_\d+)?$/;
/** Averages beside the weights: a second copy of the model, not the one that is trained. */
const SHADOW = /\/(ExponentialMovingAverage|biased|local_step)(_\d+)?$/;
const COUNTER =
  /(^|\/)(save_counter|global_step|iter|_current_iteration|_iterations|_learning_rate|current_loss_scale|good_steps)$/;

/** A tensor's name: its path, without what all paths end with. */
export function nameOf(key: string): string {
  return key.replace(ATTRIBUTE, '');
}

/** Says what a tensor is for by its key. */
export function roleOf(key: string, dtype: DType): TensorRole {
  const name = nameOf(key);
  if (SLOT.test(key) || TF1_SLOT.test(name)) return 'optimizer';
  if (SHADOW.test(name) || COUNTER.test(name)) return 'state';
  return classifyRole(name, dtype);
}

/** True for what counts a run's steps. */
export function isCounter(name: string): boolean {
  return /(^|\/)(save_counter|global_step|iter|iterations|_iterations|epoch|step)$/.test(name);
}

const DENSE = [1, 0];
const CONV_1D = [2, 1, 0];
const CONV_2D = [3, 2, 0, 1];
const CONV_3D = [4, 3, 0, 1, 2];
const DEPTHWISE_2D = [2, 3, 0, 1];

/**
 * Finds the axis order that makes a kernel channels-first. TensorFlow keeps kernels as (kernel..., in, out), whatever the layer, and a
 * checkpoint does not hold the layers: the name says that it is a kernel.
 */
export function findOrder(name: string, shape: readonly number[]): readonly number[] | undefined {
  const last = name.slice(name.lastIndexOf('/') + 1);
  if (/^depthwise_(kernel|weights)$/.test(last)) return shape.length === 4 ? DEPTHWISE_2D : undefined;
  if (!/^((recurrent_|pointwise_)?kernel|weights|W)$/.test(last)) return undefined;
  return [undefined, undefined, DENSE, CONV_1D, CONV_2D, CONV_3D][shape.length];
}
