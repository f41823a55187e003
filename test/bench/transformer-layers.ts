import type { Parameter } from './small-net.ts';

/** A parameter by the name that its module has in a file. */
export interface NamedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly parameter: Parameter;
}

/** A layer on rows of numbers. It remembers what it was given, so that it can send an error back. */
export interface RowLayer {
  readonly parameters: readonly NamedParameter[];
  forward(x: Float64Array): Float64Array;
  /** Adds to the gradients of the parameters and returns the error of what was given. */
  backward(error: Float64Array): Float64Array;
}

export function createParameter(name: string, shape: readonly number[], draw: () => number): NamedParameter {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, draw);
  return { name, shape, parameter: { values, gradient: new Float32Array(count), rowLength: shape.at(-1) ?? 1 } };
}

export function addTo(target: Float64Array | Float32Array, source: Float64Array): void {
  for (let i = 0; i < source.length; i++) target[i] = (target[i] ?? 0) + (source[i] ?? 0);
}

/** y = W x + b, drawn as Glorot and Bengio (2010) do, the biases zero. */
export class Linear implements RowLayer {
  readonly parameters: readonly NamedParameter[];
  readonly #inputs: number;
  readonly #outputs: number;
  #x: Float64Array = new Float64Array();

  constructor(name: string, inputs: number, outputs: number, random: () => number, shape = [outputs, inputs]) {
    const reach = Math.sqrt(6 / (inputs + outputs));
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.parameters = [
      createParameter(`${name}.weight`, shape, () => reach * (2 * random() - 1)),
      createParameter(`${name}.bias`, [outputs], () => 0),
    ];
  }

  get #tensors() {
    const [weight, bias] = this.parameters;
    if (weight === undefined || bias === undefined) throw new Error('A linear layer has a weight and a bias.');
    return { weight: weight.parameter, bias: bias.parameter };
  }

  forward(x: Float64Array): Float64Array {
    this.#x = x;
    const [inputs, outputs] = [this.#inputs, this.#outputs];
    const { values } = this.#tensors.weight;
    const bias = this.#tensors.bias.values;
    const rows = x.length / inputs;
    const y = new Float64Array(rows * outputs);
    for (let row = 0; row < rows; row++)
      for (let out = 0, at = 0; out < outputs; out++) {
        let sum = bias[out] ?? 0;
        for (let i = row * inputs; i < (row + 1) * inputs; i++, at++) sum += (values[at] ?? 0) * (x[i] ?? 0);
        y[row * outputs + out] = sum;
      }
    return y;
  }

  backward(error: Float64Array): Float64Array {
    const [inputs, outputs, x] = [this.#inputs, this.#outputs, this.#x];
    const { weight, bias } = this.#tensors;
    const { values, gradient } = weight;
    const below = new Float64Array(x.length);
    for (let at = 0; at < error.length; at++) {
      const e = error[at] ?? 0;
      const out = at % outputs;
      const first = Math.floor(at / outputs) * inputs;
      bias.gradient[out] = (bias.gradient[out] ?? 0) + e;
      for (let i = first, w = out * inputs; i < first + inputs; i++, w++) {
        gradient[w] = (gradient[w] ?? 0) + e * (x[i] ?? 0);
        below[i] = (below[i] ?? 0) + e * (values[w] ?? 0);
      }
    }
    return below;
  }
}

const EPSILON = 1e-6;

/** Mean of some values, and what scales their deviation to 1. */
function spreadOf(x: Float64Array, from: number, count: number): { readonly mean: number; readonly scale: number } {
  let [sum, squares] = [0, 0];
  for (let i = from; i < from + count; i++) sum += x[i] ?? 0;
  const mean = sum / count;
  for (let i = from; i < from + count; i++) squares += ((x[i] ?? 0) - mean) ** 2;
  return { mean, scale: 1 / Math.sqrt(squares / count + EPSILON) };
}

/** Layer normalisation (Ba, Kiros and Hinton, arXiv 1607.06450). */
export class LayerNorm implements RowLayer {
  readonly parameters: readonly NamedParameter[];
  readonly #width: number;
  #normal: Float64Array = new Float64Array();
  #scales: Float64Array = new Float64Array();

  constructor(name: string, width: number) {
    this.#width = width;
    this.parameters = [
      createParameter(`${name}.weight`, [width], () => 1),
      createParameter(`${name}.bias`, [width], () => 0),
    ];
  }

  forward(x: Float64Array): Float64Array {
    const width = this.#width;
    const [gain, offset] = this.parameters.map(({ parameter }) => parameter.values);
    this.#normal = new Float64Array(x.length);
    this.#scales = new Float64Array(x.length / width);
    const y = new Float64Array(x.length);
    for (let row = 0; row < this.#scales.length; row++) {
      const { mean, scale } = spreadOf(x, row * width, width);
      this.#scales[row] = scale;
      for (let i = 0, at = row * width; i < width; i++, at++) {
        const normal = ((x[at] ?? 0) - mean) * scale;
        this.#normal[at] = normal;
        y[at] = normal * (gain?.[i] ?? 1) + (offset?.[i] ?? 0);
      }
    }
    return y;
  }

  backward(error: Float64Array): Float64Array {
    const width = this.#width;
    const [gain, offset] = this.parameters.map(({ parameter }) => parameter);
    if (gain === undefined || offset === undefined) throw new Error('A norm has a gain and an offset.');
    const below = new Float64Array(error.length);
    for (let row = 0; row < this.#scales.length; row++) {
      let [sum, along] = [0, 0];
      for (let i = 0, at = row * width; i < width; i++, at++) {
        const [e, normal] = [error[at] ?? 0, this.#normal[at] ?? 0];
        gain.gradient[i] = (gain.gradient[i] ?? 0) + e * normal;
        offset.gradient[i] = (offset.gradient[i] ?? 0) + e;
        sum += e * (gain.values[i] ?? 0);
        along += e * (gain.values[i] ?? 0) * normal;
      }
      for (let i = 0, at = row * width; i < width; i++, at++) {
        const direct = (error[at] ?? 0) * (gain.values[i] ?? 0);
        below[at] = (this.#scales[row] ?? 0) * (direct - (sum + (this.#normal[at] ?? 0) * along) / width);
      }
    }
    return below;
  }
}

const GELU = Math.sqrt(2 / Math.PI);

/** Gaussian error linear units in their approximation by tanh (Hendrycks and Gimpel, arXiv 1606.08415). */
export class Gelu implements RowLayer {
  readonly parameters: readonly NamedParameter[] = [];
  #x: Float64Array = new Float64Array();

  forward(x: Float64Array): Float64Array {
    this.#x = x;
    return x.map((value) => 0.5 * value * (1 + Math.tanh(GELU * (value + 0.044715 * value ** 3))));
  }

  backward(error: Float64Array): Float64Array {
    return error.map((e, i) => {
      const x = this.#x[i] ?? 0;
      const tanh = Math.tanh(GELU * (x + 0.044715 * x ** 3));
      return e * (0.5 * (1 + tanh) + 0.5 * x * (1 - tanh ** 2) * GELU * (1 + 3 * 0.044715 * x ** 2));
    });
  }
}

/** Layers one after the other. */
export class Sequence implements RowLayer {
  readonly #layers: readonly RowLayer[];

  constructor(...layers: readonly RowLayer[]) {
    this.#layers = layers;
  }

  get parameters(): readonly NamedParameter[] {
    return this.#layers.flatMap(({ parameters }) => parameters);
  }

  forward(x: Float64Array): Float64Array {
    return this.#layers.reduce((y, layer) => layer.forward(y), x);
  }

  backward(error: Float64Array): Float64Array {
    return this.#layers.reduceRight((e, layer) => layer.backward(e), error);
  }
}

/** What goes in, and what a branch makes of it. */
export class Residual implements RowLayer {
  readonly #branch: RowLayer;

  constructor(...layers: readonly RowLayer[]) {
    this.#branch = new Sequence(...layers);
  }

  get parameters(): readonly NamedParameter[] {
    return this.#branch.parameters;
  }

  forward(x: Float64Array): Float64Array {
    const y = this.#branch.forward(x).slice();
    addTo(y, x);
    return y;
  }

  backward(error: Float64Array): Float64Array {
    const below = this.#branch.backward(error).slice();
    addTo(below, error);
    return below;
  }
}
