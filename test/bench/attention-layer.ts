import type { NamedParameter, RowLayer } from './transformer-layers.ts';

interface Sizes {
  readonly width: number;
  readonly heads: number;
  readonly tokens: number;
}

/**
 * Attention between the tokens of one example (Vaswani et al., arXiv 1706.03762). A row holds query, key and value of a token side by side, each
 * head after head; what comes out is as wide as one of them.
 */
export class Attention implements RowLayer {
  readonly parameters: readonly NamedParameter[] = [];
  readonly #sizes: Sizes;
  #x: Float64Array = new Float64Array();
  /** Of every example, head and token: how much it looks at each token. */
  #looks: Float64Array = new Float64Array();

  constructor(sizes: Sizes) {
    this.#sizes = sizes;
  }

  forward(x: Float64Array): Float64Array {
    const { width, heads, tokens } = this.#sizes;
    const rows = x.length / (3 * width);
    this.#x = x;
    this.#looks = new Float64Array(rows * heads * tokens);
    const y = new Float64Array(rows * width);
    for (let row = 0; row < rows; row++)
      for (let head = 0; head < heads; head++) {
        const looks = this.#lookFrom(row, head);
        for (let other = 0; other < tokens; other++)
          this.#eachUnit(row, other, head, ({ out, value }) => {
            y[out] = (y[out] ?? 0) + (looks[other] ?? 0) * (x[value] ?? 0);
          });
      }
    return y;
  }

  backward(error: Float64Array): Float64Array {
    const { width, heads, tokens } = this.#sizes;
    const below = new Float64Array(this.#x.length);
    const errors = new Float64Array(tokens);
    for (let row = 0; row < error.length / width; row++)
      for (let head = 0; head < heads; head++) {
        const looks = this.#looksOf(row, head);
        for (let other = 0; other < tokens; other++) errors[other] = this.#passValue(error, below, row, head, other);
        const mean = errors.reduce((sum, e, other) => sum + e * (looks[other] ?? 0), 0);
        for (let other = 0; other < tokens; other++)
          this.#passScore((looks[other] ?? 0) * ((errors[other] ?? 0) - mean), below, row, head, other);
      }
    return below;
  }

  #looksOf(row: number, head: number): Float64Array {
    const { heads, tokens } = this.#sizes;
    const first = (row * heads + head) * tokens;
    return this.#looks.subarray(first, first + tokens);
  }

  #lookFrom(row: number, head: number): Float64Array {
    const { width, heads, tokens } = this.#sizes;
    const [x, looks] = [this.#x, this.#looksOf(row, head)];
    const scale = 1 / Math.sqrt(width / heads);
    for (let other = 0; other < tokens; other++) {
      let score = 0;
      this.#eachUnit(row, other, head, ({ query, key }) => {
        score += (x[query] ?? 0) * (x[key] ?? 0);
      });
      looks[other] = score * scale;
    }
    const largest = Math.max(...looks);
    let total = 0;
    for (let other = 0; other < tokens; other++) {
      looks[other] = Math.exp((looks[other] ?? 0) - largest);
      total += looks[other] ?? 0;
    }
    for (let other = 0; other < tokens; other++) looks[other] = (looks[other] ?? 0) / total;
    return looks;
  }

  /** Sends an error to the value of a token that was looked at; returns the error of the look itself. */
  #passValue(error: Float64Array, below: Float64Array, row: number, head: number, other: number): number {
    const look = this.#looksOf(row, head)[other] ?? 0;
    let sum = 0;
    this.#eachUnit(row, other, head, ({ out, value }) => {
      const e = error[out] ?? 0;
      below[value] = (below[value] ?? 0) + look * e;
      sum += e * (this.#x[value] ?? 0);
    });
    return sum;
  }

  #passScore(e: number, below: Float64Array, row: number, head: number, other: number): void {
    const { width, heads } = this.#sizes;
    const scaled = e / Math.sqrt(width / heads);
    this.#eachUnit(row, other, head, ({ query, key }) => {
      below[query] = (below[query] ?? 0) + scaled * (this.#x[key] ?? 0);
      below[key] = (below[key] ?? 0) + scaled * (this.#x[query] ?? 0);
    });
  }

  /** The places of the units of a head: of a row's query and output, and of another token's key and value. */
  #eachUnit(
    row: number,
    other: number,
    head: number,
    visit: (at: { readonly query: number; readonly key: number; readonly value: number; readonly out: number }) => void,
  ): void {
    const { width, heads, tokens } = this.#sizes;
    const size = width / heads;
    const looked = Math.floor(row / tokens) * tokens + other;
    const query = row * 3 * width + head * size;
    const key = looked * 3 * width + width + head * size;
    for (let i = 0; i < size; i++)
      visit({ query: query + i, key: key + i, value: key + width + i, out: row * width + head * size + i });
  }
}
