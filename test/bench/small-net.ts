/** A fully connected ReLU network and its training in plain TypeScript: what the storage benchmark makes its checkpoints with. */

/** Numbers that look random and are the same everywhere (a 32-bit linear congruential generator; only its high bits are used). */
export function createRandom(seed: number): { uniform(): number; normal(): number } {
  let state = seed | 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** One parameter: its values and, after a backward pass, its gradient. */
export interface Parameter {
  readonly values: Float32Array;
  readonly gradient: Float32Array;
  /** Numbers of one row of the matrix; 1 for a bias. */
  readonly rowLength: number;
}

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Parameter;
  readonly bias: Parameter;
}

/** Changes the parameters by their gradients. */
export type Optimizer = (parameters: readonly Parameter[]) => void;

function createParameter(count: number, rowLength: number, draw: () => number): Parameter {
  return { values: Float32Array.from({ length: count }, draw), gradient: new Float32Array(count), rowLength };
}

/** A network of the given widths, drawn as PyTorch draws linear layers. */
export class SmallNet {
  readonly #layers: readonly Layer[];
  readonly #random: ReturnType<typeof createRandom>;
  readonly #classes: readonly Float32Array[];

  constructor(widths: readonly number[], seed: number) {
    this.#random = createRandom(seed);
    this.#layers = widths.slice(1).map((outputs, i) => {
      const inputs = widths[i] ?? 0;
      const draw = () => (2 * this.#random.uniform() - 1) / Math.sqrt(inputs);
      return {
        inputs,
        outputs,
        weight: createParameter(inputs * outputs, inputs, draw),
        bias: createParameter(outputs, 1, draw),
      };
    });
    const classes = widths.at(-1) ?? 0;
    const draw = () => this.#random.normal();
    this.#classes = Array.from({ length: classes }, () => Float32Array.from({ length: widths[0] ?? 0 }, draw));
  }

  get parameters(): readonly Parameter[] {
    return this.#layers.flatMap(({ weight, bias }) => [weight, bias]);
  }

  /** Trains on batches of noisy copies of one vector a class. */
  train(steps: number, optimize: Optimizer, batchSize = 16): void {
    for (let step = 0; step < steps; step++) {
      for (const parameter of this.parameters) parameter.gradient.fill(0);
      for (let k = 0; k < batchSize; k++) this.#accumulate(1 / batchSize);
      optimize(this.parameters);
    }
  }

  #accumulate(share: number): void {
    const label = Math.floor(this.#random.uniform() * this.#classes.length);
    const input = Float32Array.from(this.#classes[label] ?? [], (x) => x + 2.5 * this.#random.normal());
    const activations = [input];
    this.#layers.forEach((layer, i) => {
      activations.push(forward(layer, activations[i] ?? input, i < this.#layers.length - 1));
    });
    let error = lossGradient(activations.at(-1) ?? input, label, share);
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const [layer, below] = [this.#layers[i], activations[i]];
      if (layer !== undefined && below !== undefined) error = backward(layer, below, error);
    }
  }
}

function forward(
  { inputs, outputs, weight, bias }: Layer,
  x: Float32Array,
  isHidden: boolean,
): Float32Array<ArrayBuffer> {
  const y = new Float32Array(outputs);
  for (let row = 0; row < outputs; row++) {
    let sum = bias.values[row] ?? 0;
    for (let i = 0, at = row * inputs; i < inputs; i++, at++) sum += (weight.values[at] ?? 0) * (x[i] ?? 0);
    y[row] = isHidden && sum < 0 ? 0 : sum;
  }
  return y;
}

/** Gradient of softmax and cross entropy. */
function lossGradient(logits: Float32Array, label: number, share: number): Float32Array {
  const largest = Math.max(...logits);
  const powers = logits.map((x) => Math.exp(x - largest));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((power, i) => (power / total - (i === label ? 1 : 0)) * share);
}

function backward({ inputs, outputs, weight, bias }: Layer, x: Float32Array, error: Float32Array): Float32Array {
  const below = new Float32Array(inputs);
  for (let row = 0; row < outputs; row++) {
    const e = error[row] ?? 0;
    if (e === 0) continue;
    bias.gradient[row] = (bias.gradient[row] ?? 0) + e;
    for (let i = 0, at = row * inputs; i < inputs; i++, at++) {
      weight.gradient[at] = (weight.gradient[at] ?? 0) + e * (x[i] ?? 0);
      below[i] = (below[i] ?? 0) + e * (weight.values[at] ?? 0);
    }
  }
  // What ReLU cut off learns nothing.
  return below.map((e, i) => ((x[i] ?? 0) === 0 ? 0 : e));
}

/** Stochastic gradient descent with momentum. */
export function createSgd(rate: number, momentum: number): Optimizer {
  const velocities = new Map<Parameter, Float32Array>();
  return (parameters) => {
    for (const parameter of parameters) {
      const velocity = velocities.get(parameter) ?? new Float32Array(parameter.values.length);
      velocities.set(parameter, velocity);
      for (let i = 0; i < velocity.length; i++) {
        velocity[i] = momentum * (velocity[i] ?? 0) + (parameter.gradient[i] ?? 0);
        parameter.values[i] = (parameter.values[i] ?? 0) - rate * (velocity[i] ?? 0);
      }
    }
  };
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101); plain Adam without decay. */
export function createAdam(rate: number, decay = 0): Optimizer {
  const states = new Map<Parameter, { mean: Float32Array; square: Float32Array }>();
  let step = 0;
  return (parameters) => {
    step++;
    const scale = Math.sqrt(1 - 0.999 ** step) / (1 - 0.9 ** step);
    for (const parameter of parameters) {
      const { values, gradient } = parameter;
      const created = { mean: new Float32Array(values.length), square: new Float32Array(values.length) };
      const { mean, square } = states.get(parameter) ?? created;
      states.set(parameter, { mean, square });
      for (let i = 0; i < values.length; i++) {
        const g = gradient[i] ?? 0;
        mean[i] = 0.9 * (mean[i] ?? 0) + 0.1 * g;
        square[i] = 0.999 * (square[i] ?? 0) + 0.001 * g * g;
        const move = (scale * (mean[i] ?? 0)) / (Math.sqrt(square[i] ?? 0) + 1e-8);
        values[i] = (values[i] ?? 0) * (1 - rate * decay) - rate * move;
      }
    }
  };
}
