/** One tensor's values, decoded; row-major in `shape`. */
export interface WeightArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The decoded weights of one checkpoint by tensor name, axes in channels-first order: (out, in, kernel...). */
export type Weights = ReadonlyMap<string, WeightArray>;
