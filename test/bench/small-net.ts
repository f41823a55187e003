/** A fully connected network and its training in plain TypeScript: what the benchmarks make their checkpoints with. */

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

/** What the network is trained on, one at a time. */
export interface Example {
  readonly input: Float32Array;
  readonly label: number;
}

export type Activation = 'relu' | 'tanh';

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
  readonly #activation: Activation;

  constructor(widths: readonly number[], seed: number, activation: Activation = 'relu') {
    this.#activation = activation;
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
      this.trainOn(
        Array.from({ length: batchSize }, () => this.#drawExample()),
        optimize,
      );
    }
  }

  /** Takes one step on a batch of examples. */
  trainOn(batch: readonly Example[], optimize: Optimizer): void {
    for (const parameter of this.parameters) parameter.gradient.fill(0);
    for (const example of batch) this.#accumulate(example, 1 / batch.length);
    optimize(this.parameters);
  }

  #drawExample(): Example {
    const label = Math.floor(this.#random.uniform() * this.#classes.length);
    const input = Float32Array.from(this.#classes[label] ?? [], (x) => x + 2.5 * this.#random.normal());
    return { input, label };
  }

  #accumulate({ input, label }: Example, share: number): void {
    const activations = [input];
    this.#layers.forEach((layer, i) => {
      const activation = i < this.#layers.length - 1 ? this.#activation : undefined;
      activations.push(forward(layer, activations[i] ?? input, activation));
    });
    let error: Float32Array = lossGradient(activations.at(-1) ?? input, label, share);
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const [layer, below] = [this.#layers[i], activations[i]];
      if (layer === undefined || below === undefined) continue;
      addGradients(layer, below, error);
      if (i > 0) error = propagate(layer, below, error, this.#activation);
    }
  }
}

function forward(
  { inputs, outputs, weight, bias }: Layer,
  x: Float32Array,
  activation: Activation | undefined,
): Float32Array<ArrayBuffer> {
  const y = new Float32Array(outputs);
  const { values } = weight;
  for (let row = 0; row < outputs; row++) {
    let sum = bias.values[row] ?? 0;
    for (let i = 0, at = row * inputs; i < inputs; i++, at++) sum += (values[at] ?? 0) * (x[i] ?? 0);
    if (activation === 'relu' && sum < 0) sum = 0;
    y[row] = activation === 'tanh' ? Math.tanh(sum) : sum;
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

function addGradients({ inputs, outputs, weight, bias }: Layer, x: Float32Array, error: Float32Array): void {
  const { gradient } = weight;
  for (let row = 0; row < outputs; row++) {
    const e = error[row] ?? 0;
    if (e === 0) continue;
    bias.gradient[row] = (bias.gradient[row] ?? 0) + e;
    for (let i = 0, at = row * inputs; i < inputs; i++, at++) gradient[at] = (gradient[at] ?? 0) + e * (x[i] ?? 0);
  }
}

/** Brings an error through a layer and the activation below it. */
function propagate(
  { inputs, outputs, weight }: Layer,
  x: Float32Array,
  error: Float32Array,
  activation: Activation,
): Float32Array {
  const below = new Float32Array(inputs);
  const { values } = weight;
  for (let row = 0; row < outputs; row++) {
    const e = error[row] ?? 0;
    if (e === 0) continue;
    for (let i = 0, at = row * inputs; i < inputs; i++, at++) below[i] = (below[i] ?? 0) + e * (values[at] ?? 0);
  }
  if (activation === 'tanh') return below.map((e, i) => e * (1 - (x[i] ?? 0) ** 2));
  // What ReLU cut off learns nothing.
  return below.map((e, i) => ((x[i] ?? 0) === 0 ? 0 : e));
}

/** A learning rate, or one for every step (the first is 0). */
export type Rate = number | ((step: number) => number);

const rateAt = (rate: Rate, step: number): number => (typeof rate === 'number' ? rate : rate(step));

/** Stochastic gradient descent with momentum. */
export function createSgd(rate: Rate, momentum: number): Optimizer {
  const velocities = new Map<Parameter, Float32Array>();
  let step = 0;
  return (parameters) => {
    const now = rateAt(rate, step++);
    for (const parameter of parameters) {
      const velocity = velocities.get(parameter) ?? new Float32Array(parameter.values.length);
      velocities.set(parameter, velocity);
      for (let i = 0; i < velocity.length; i++) {
        velocity[i] = momentum * (velocity[i] ?? 0) + (parameter.gradient[i] ?? 0);
        parameter.values[i] = (parameter.values[i] ?? 0) - now * (velocity[i] ?? 0);
      }
    }
  };
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101); plain Adam without decay. */
export function createAdam(rate: Rate, decay = 0): Optimizer {
  const states = new Map<Parameter, { mean: Float32Array; square: Float32Array }>();
  let step = 0;
  return (parameters) => {
    const now = rateAt(rate, step++);
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
        values[i] = (values[i] ?? 0) * (1 - now * decay) - now * move;
      }
    }
  };
}
