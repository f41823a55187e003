import type { Placed } from './accept.ts';
import { isNumbered, type ModuleTree, modulesUnder } from './module-tree.ts';
import { type AxisRef, baseName, joinPath, type Module, parentPath } from './modules.ts';
import type { SpaceBuilder } from './space-builder.ts';

const BLOCK_LIST = /(^|\.)(h|layer|layers|blocks|block|resblocks|encoder_layers)$/;
const ATTENTION = /(attn|attention|mha|q_proj|k_proj|v_proj|qkv|query|key|value)/i;
const ATTENTION_INPUT =
  /(^|\.)(q_proj|k_proj|v_proj|qkv|query_key_value|query|key|value|wq|wk|wv|to_q|to_k|to_v|Wqkv)$/;
const ATTENTION_OUTPUT = /(o_proj|out_proj|proj|wo|output\.dense|to_out\.0|attention\.dense)$/;
const PATCHES = /(patch_embed|patch_embedding|conv_proj|patch|stem)/;
const HEAD = /^(lm_head|heads?|classifier|score|fc|out|unembed)$/;
const TOKENS = /(cls_token|class_token|pos_embed|pos_embedding|pos|dist_token|mask_token)$/;

/**
 * Rule R7: the residual stream of a transformer with one list of blocks. Every tensor of the file must have a known role with the stream's size on
 * the right side, and on no other; one that has none refuses the stream. Attention inside (rows of q, k, v, columns of o) stays features: the
 * number of heads is not in a file of weights.
 */
export function joinStream(tree: ModuleTree, builder: SpaceBuilder, placed: Placed): void {
  const lists = [...tree.children.keys()].filter((path) => BLOCK_LIST.test(path) && isNumbered(tree, path));
  const [list] = lists;
  if (list === undefined || lists.length !== 1) return;
  const norm = modulesUnder(tree, list).find((m) => m.kind === 'norm' && !isHeadNorm(m));
  if (!norm) return;
  const axes: AxisRef[] = [];
  for (const module of tree.modules.values()) {
    if (isHeadNorm(module)) continue;
    const found = isBelow(module, list)
      ? axesInBlock(tree, module, norm.writes, placed)
      : axesOutside(module, norm.writes);
    if (!found) {
      builder.refuse(
        module.path,
        `no residual stream: the role of ${module.path || 'a tensor at the root'} is not known`,
      );
      return;
    }
    axes.push(...found);
  }
  builder.join({ axes, isRescalable: false });
}

function isBelow(module: Module, list: string): boolean {
  return module.path.startsWith(`${list}.`);
}

function isHeadNorm(module: Module): boolean {
  return module.kind === 'norm' && /(q_norm|k_norm)$/.test(module.path);
}

/** Axes of the stream in a module outside the blocks; `undefined` when its role is not known. */
function axesOutside(module: Module, size: number): readonly AxisRef[] | undefined {
  if (module.kind === 'embedding') return module.writes === size && module.reads !== size ? module.outAxes : undefined;
  if (module.kind === 'norm') return module.writes === size ? module.outAxes : undefined;
  if (module.kind === 'other') return axesOfTokens(module, size);
  if (module.kind !== 'linear' && module.kind !== 'conv') return undefined;
  if (PATCHES.test(module.path) && module.writes === size && module.reads !== size) return module.outAxes;
  const isHead = HEAD.test(baseName(module.path)) && module.kind === 'linear';
  return isHead && module.reads === size && module.writes !== size ? module.inAxes : undefined;
}

/** Class tokens and position tables: the stream is their last axis. */
function axesOfTokens(module: Module, size: number): readonly AxisRef[] | undefined {
  const tensors = [...module.tensors];
  const fits = tensors.every(
    ([part, shape]) => TOKENS.test(part) && shape.at(-1) === size && !shape.slice(0, -1).includes(size),
  );
  return fits
    ? tensors.map(([part, shape]) => ({ tensor: joinPath(module.path, part), axis: shape.length - 1 }))
    : undefined;
}

function axesInBlock(tree: ModuleTree, module: Module, size: number, placed: Placed): readonly AxisRef[] | undefined {
  if (module.kind === 'norm') return module.writes === size ? module.outAxes : undefined;
  if (module.kind === 'attention') return axesOfFusedAttention(module, size);
  if (ATTENTION.test(module.path) && module.kind === 'other') return axesOfConv1d(tree, module, size);
  if (module.kind !== 'linear') return undefined;
  if (ATTENTION.test(module.path) && ATTENTION_INPUT.test(module.path))
    return module.reads === size ? module.inAxes : undefined;
  if (ATTENTION.test(module.path) && ATTENTION_OUTPUT.test(module.path)) return attentionOutput(tree, module, size);
  const isProducer = placed.outputs.has(module.path);
  const isConsumer = placed.inputs.has(module.path);
  if (isProducer && !isConsumer) return module.reads === size ? module.inAxes : undefined;
  if (isConsumer && !isProducer) return module.writes === size ? module.outAxes : undefined;
  return undefined;
}

/** PyTorch's MultiheadAttention: one matrix for q, k and v; its output layer is a child of its own. */
function axesOfFusedAttention(module: Module, size: number): readonly AxisRef[] | undefined {
  const parts = [...module.tensors.keys()];
  const isKnown = parts.every((part) => part === 'in_proj_weight' || part === 'in_proj_bias');
  const fits = module.tensors.get('in_proj_weight')?.[1] === size;
  return isKnown && fits ? [{ tensor: joinPath(module.path, 'in_proj_weight'), axis: 1 }] : undefined;
}

function attentionOutput(tree: ModuleTree, module: Module, size: number): readonly AxisRef[] | undefined {
  // A square c_proj may be (in, out); those that c_attn settles are of kind `other` and come through axesOfConv1d.
  if (module.writes !== size || tree.modules.has(joinPath(parentPath(module.path), 'c_attn'))) return undefined;
  return module.outAxes;
}

/** Hugging Face's Conv1D in GPT-2: (in, out), which the fused c_attn of shape (d, 3d) shows. */
function axesOfConv1d(tree: ModuleTree, module: Module, size: number): readonly AxisRef[] | undefined {
  const fused = tree.modules.get(joinPath(parentPath(module.path), 'c_attn'))?.tensors.get('weight');
  if (fused?.[0] !== size || fused[1] !== 3 * size) return undefined;
  const base = baseName(module.path);
  const weight = module.tensors.get('weight');
  if (base === 'c_attn') return [{ tensor: joinPath(module.path, 'weight'), axis: 0 }];
  if (base !== 'c_proj' || weight?.length !== 2 || weight[1] !== size) return undefined;
  const bias = module.tensors.has('bias') ? [{ tensor: joinPath(module.path, 'bias'), axis: 0 }] : [];
  return [{ tensor: joinPath(module.path, 'weight'), axis: 1 }, ...bias];
}
