import { createRandom } from '../zoo/random.ts';
import { Attention } from './attention-layer.ts';
import type { Example, Optimizer } from './small-net.ts';
import {
  addTo,
  createParameter,
  Gelu,
  LayerNorm,
  Linear,
  type NamedParameter,
  Residual,
  type RowLayer,
  Sequence,
} from './transformer-layers.ts';

export interface TransformerSizes {
  /** Rows and columns of an image, and of a patch. */
  readonly side: number;
  readonly patch: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly blocks: number;
  readonly classes: number;
}

const tokensOf = ({ side, patch }: TransformerSizes) => (side / patch) ** 2 + 1;

/** One block, normalised before its branches, with the names of timm. */
function createBlock(name: string, sizes: TransformerSizes, random: () => number): RowLayer {
  const { width, heads, hidden } = sizes;
  return new Sequence(
    new Residual(
      new LayerNorm(`${name}.norm1`, width),
      new Linear(`${name}.attn.qkv`, width, 3 * width, random),
      new Attention({ width, heads, tokens: tokensOf(sizes) }),
      new Linear(`${name}.attn.proj`, width, width, random),
    ),
    new Residual(
      new LayerNorm(`${name}.norm2`, width),
      new Linear(`${name}.mlp.fc1`, width, hidden, random),
      new Gelu(),
      new Linear(`${name}.mlp.fc2`, hidden, width, random),
    ),
  );
}

/** A vision transformer (Dosovitskiy et al., arXiv 2010.11929): patches and a class token, blocks, and a head that reads the class token. */
export class SmallTransformer {
  readonly #sizes: TransformerSizes;
  readonly #token: NamedParameter;
  readonly #places: NamedParameter;
  readonly #patches: RowLayer;
  readonly #blocks: RowLayer;
  readonly #head: RowLayer;

  constructor(sizes: TransformerSizes, seed: number) {
    const { width, patch, blocks, classes } = sizes;
    const random = createRandom(seed);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    this.#sizes = sizes;
    this.#token = createParameter('cls_token', [1, 1, width], () => 0.02 * normal());
    this.#places = createParameter('pos_embed', [1, tokensOf(sizes), width], () => 0.02 * normal());
    this.#patches = new Linear('patch_embed.proj', patch ** 2, width, random, [width, 1, patch, patch]);
    this.#blocks = new Sequence(...Array.from({ length: blocks }, (_, i) => createBlock(`blocks.${i}`, sizes, random)));
    this.#head = new Sequence(new LayerNorm('norm', width), new Linear('head', width, classes, random));
  }

  /** In the order of a file. */
  get parameters(): readonly NamedParameter[] {
    const layers = [this.#patches, this.#blocks, this.#head];
    return [this.#token, this.#places, ...layers.flatMap(({ parameters }) => parameters)];
  }

  /** Takes one step on a batch of examples; parameters of the names that are frozen stay as they are. */
  trainOn(batch: readonly Example[], optimize: Optimizer, isFrozen: (name: string) => boolean = () => false): void {
    this.computeGradients(batch);
    const free = this.parameters.filter(({ name }) => !isFrozen(name));
    optimize(free.map(({ parameter }) => parameter));
  }

  /** Computes the gradients of the mean cross entropy of a batch, and returns that. */
  computeGradients(batch: readonly Example[]): number {
    for (const { parameter } of this.parameters) parameter.gradient.fill(0);
    const read = this.#readClassTokens(this.#blocks.forward(this.#embed(batch)));
    const logits = this.#head.forward(read);
    const { loss, error } = softmaxError(logits, batch, this.#sizes.classes);
    this.#embedBackward(this.#blocks.backward(this.#spreadClassTokens(this.#head.backward(error))));
    return loss;
  }

  #embed(batch: readonly Example[]): Float64Array {
    const { width } = this.#sizes;
    const tokens = tokensOf(this.#sizes);
    const embedded = this.#patches.forward(cutPatches(batch, this.#sizes));
    const rows = new Float64Array(batch.length * tokens * width);
    for (let n = 0; n < batch.length; n++) {
      const own = rows.subarray(n * tokens * width, (n + 1) * tokens * width);
      own.set(this.#token.parameter.values);
      own.set(embedded.subarray(n * (tokens - 1) * width, (n + 1) * (tokens - 1) * width), width);
      addTo(own, Float64Array.from(this.#places.parameter.values));
    }
    return rows;
  }

  #embedBackward(error: Float64Array): void {
    const { width } = this.#sizes;
    const tokens = tokensOf(this.#sizes);
    const count = error.length / (tokens * width);
    const below = new Float64Array(count * (tokens - 1) * width);
    for (let n = 0; n < count; n++) {
      const own = error.subarray(n * tokens * width, (n + 1) * tokens * width);
      addTo(this.#places.parameter.gradient, own);
      addTo(this.#token.parameter.gradient, own.subarray(0, width));
      below.set(own.subarray(width), n * (tokens - 1) * width);
    }
    this.#patches.backward(below);
  }

  #readClassTokens(rows: Float64Array): Float64Array {
    const { width } = this.#sizes;
    const stride = tokensOf(this.#sizes) * width;
    return Float64Array.from(
      { length: (rows.length / stride) * width },
      (_, i) => rows[Math.floor(i / width) * stride + (i % width)] ?? 0,
    );
  }

  #spreadClassTokens(error: Float64Array): Float64Array {
    const { width } = this.#sizes;
    const stride = tokensOf(this.#sizes) * width;
    const rows = new Float64Array((error.length / width) * stride);
    for (let n = 0; n * width < error.length; n++) rows.set(error.subarray(n * width, (n + 1) * width), n * stride);
    return rows;
  }
}

/** One row a patch, the patches of an image row by row. */
function cutPatches(batch: readonly Example[], { side, patch }: TransformerSizes): Float64Array {
  const across = side / patch;
  const rows = new Float64Array(batch.length * side * side);
  let at = 0;
  for (const { input } of batch)
    for (let corner = 0; corner < across ** 2; corner++)
      for (let i = 0; i < patch ** 2; i++, at++) {
        const row = Math.floor(corner / across) * patch + Math.floor(i / patch);
        rows[at] = input[row * side + (corner % across) * patch + (i % patch)] ?? 0;
      }
  return rows;
}

function softmaxError(logits: Float64Array, batch: readonly Example[], classes: number) {
  const error = new Float64Array(logits.length);
  let loss = 0;
  for (const [n, { label }] of batch.entries()) {
    const own = logits.subarray(n * classes, (n + 1) * classes);
    const largest = Math.max(...own);
    const powers = own.map((x) => Math.exp(x - largest));
    const total = powers.reduce((sum, x) => sum + x, 0);
    powers.forEach((power, i) => {
      error[n * classes + i] = (power / total - (i === label ? 1 : 0)) / batch.length;
    });
    loss += (Math.log(total) + largest - (own[label] ?? 0)) / batch.length;
  }
  return { loss, error };
}
