import { valuesPerElement } from '../tensors/decode.ts';
import { elementCount } from '../tensors/dtype.ts';
import type { RowSample } from '../tensors/row-sample.ts';
import type { TensorEntry } from './format.ts';

/** A tensor, and the rows of it that are read, by its channels-first shape. */
export interface Wanted {
  readonly tensor: TensorEntry;
  readonly shape: readonly number[];
  readonly sample: RowSample;
}

/** Number of values of a whole tensor. */
export const valueCount = (tensor: TensorEntry) => elementCount(tensor.shape) * valuesPerElement(tensor.dtype);

/** Number of values of the rows that are read. */
export const countOf = ({ rows, width }: RowSample) => rows.length * width;

/** True where all rows are read. */
export const isWhole = ({ tensor, sample }: Wanted) => countOf(sample) === valueCount(tensor);

/** The shape of what is read. */
export const cutShape = ({ shape, sample }: Wanted) =>
  shape.length === 0 || shape[0] === sample.rows.length ? shape : [sample.rows.length, ...shape.slice(1)];
