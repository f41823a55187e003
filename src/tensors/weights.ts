/** One tensor's values, decoded; row-major in `shape`. */
export interface WeightArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The decoded weights of one checkpoint by tensor name, axes in channels-first order: (out, in, kernel...). */
export type Weights = ReadonlyMap<string, WeightArray>;

/** Some rows of every tensor of a checkpoint, as many as ranking it among others takes. */
export interface WeightSample {
  readonly weights: Weights;
  /** The shapes that the tensors have in the checkpoint's {@link Weights}. */
  readonly shapes: Pick<ReadonlyMap<string, readonly number[]>, 'size' | 'get'>;
}
