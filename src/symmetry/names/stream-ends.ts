import type { ModuleTree } from './module-tree.ts';
import { type AxisRef, baseName, joinPath, type Module, parentPath } from './modules.ts';

const INPUTS = /(patch|conv_proj|stem|input|embed|proj_in|in_proj|tokenizer)/i;
const HEAD =
  /^(lm_head|heads?|head_dist|classifier|score|fc|fc_out|out|output|output_layer|output_proj|unembed|decoder|proj_out|out_proj|vocab_projector|qa_outputs|seq_relationship|dense_prediction|embed_out|linear|final|final_layer|to_logits|logits|generator|prediction|predictor|projector)$/;
/** Square layers between the stream and a head. */
const POOLER =
  /(^|\.)(pooler|pooler\.dense|pre_classifier|vocab_transform|(classifier|lm_head|transform|\w*predictions)\.dense)$/;
const TOKENS =
  /(cls_token|class_token|pos_embed|pos_embedding|position_embeddings?|positional_embedding|class_embedding|pos|dist_token|mask_token|register_tokens|distillation_token)$/;

/** Whether a head outside the blocks reads the stream's size, or an output layer is tied to the embedding. */
export function hasReader(tree: ModuleTree, size: number, inside: ReadonlySet<Module>): boolean {
  const outside = [...tree.modules.values()].filter((m) => !inside.has(m));
  return outside.some((m) => isHead(m, size) || (/transform|lm_head/.test(m.path) && POOLER.test(m.path)));
}

function isHead(module: Module, size: number): boolean {
  return (
    HEAD.test(baseName(module.path)) && module.kind === 'linear' && module.reads === size && module.writes !== size
  );
}

/** Axes of the stream in a module outside the blocks; `undefined` when its role is not known. */
export function axesOutside(
  tree: ModuleTree,
  module: Module,
  size: number,
  isRead: boolean,
): readonly AxisRef[] | undefined {
  if (module.kind === 'embedding') return axesOfTable(module, size);
  if (module.kind === 'norm') return module.writes === size ? module.outAxes : undefined;
  if (module.kind === 'other') return axesOfTokens(module, size);
  if (module.kind === 'conv') return axesOfConv(tree, module, size);
  if (module.kind === 'depthwise') return axesOfGreyPatches(tree, module, size);
  if (module.kind !== 'linear') return undefined;
  if (isHead(module, size)) return module.inAxes;
  if (POOLER.test(module.path) && module.reads === size && module.writes === size)
    return isRead ? [...module.inAxes, ...module.outAxes] : module.inAxes;
  return INPUTS.test(module.path) && module.writes === size && module.reads !== size ? module.outAxes : undefined;
}

function axesOfTable(module: Module, size: number): readonly AxisRef[] | undefined {
  if (module.writes === size) return module.reads === size ? undefined : module.outAxes;
  return module.writes % size === 0 ? undefined : [];
}

/** Patches write the stream; so do the two convolutions in front of an audio encoder, of which the second reads what the first wrote. */
function axesOfConv(tree: ModuleTree, module: Module, size: number): readonly AxisRef[] | undefined {
  if (module.writes !== size) return undefined;
  const parent = parentPath(module.path);
  const isSecond = baseName(module.path) === 'conv2';
  const first = tree.modules.get(joinPath(parent, 'conv1'));
  if (baseName(module.path) === 'conv1' && module.reads !== size && tree.modules.has(joinPath(parent, 'conv2')))
    return module.outAxes;
  if (isSecond && module.reads === size)
    return first?.writes === size && first.reads !== size ? [...module.inAxes, ...module.outAxes] : undefined;
  return INPUTS.test(module.path) && module.reads !== size ? module.outAxes : undefined;
}

/** Patches of grey images write the stream as others do: one input channel makes no depthwise layer where no other convolution could feed it. */
function axesOfGreyPatches(tree: ModuleTree, module: Module, size: number): readonly AxisRef[] | undefined {
  const isConvolution = ({ kind }: Module) => kind === 'conv' || kind === 'depthwise' || kind === 'ambiguous';
  const isAlone = [...tree.modules.values()].every((other) => other === module || !isConvolution(other));
  return isAlone && INPUTS.test(module.path) && module.writes === size ? module.outAxes : undefined;
}

/** Class tokens and position tables: the stream is their last axis. */
function axesOfTokens(module: Module, size: number): readonly AxisRef[] | undefined {
  const tensors = [...module.tensors].filter(([, shape]) => shape.includes(size));
  const fits = tensors.every(
    ([part, shape]) => TOKENS.test(part) && shape.at(-1) === size && !shape.slice(0, -1).includes(size),
  );
  return fits
    ? tensors.map(([part, shape]) => ({ tensor: joinPath(module.path, part), axis: shape.length - 1 }))
    : undefined;
}
