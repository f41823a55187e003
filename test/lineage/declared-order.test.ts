import { describe, expect, it } from 'vitest';
import { readDeclaredProgress } from '../../src/lineage/declared-order.ts';
import type { Member } from '../../src/lineage/model.ts';
import type { DType } from '../../src/tensors/dtype.ts';

interface Says {
  readonly declared?: Record<string, string | number>;
  readonly tensor?: readonly [name: string, dtype: DType, shape: readonly number[], mean: number];
}

/** A checkpoint of which nothing is known but what it says of its progress. */
function memberThat({ declared = {}, tensor }: Says): Member {
  const [name, dtype, shape, mean] = tensor ?? [];
  const tensors = tensor === undefined ? [] : [{ name, dtype, shape, statistics: { mean } }];
  return { summary: { declared, tensors } } as unknown as Member;
}

const readAll = (...all: readonly Says[]) => readDeclaredProgress(all.map(memberThat));

describe('how far along checkpoints say that they are', () => {
  it('is read from what their files state', () => {
    expect(readAll({ declared: { 'training/global_step': 30 } }, { declared: { 'training/global_step': 10 } })).toEqual(
      Float64Array.of(30, 10),
    );
  });

  it('is read from the batches that a batch norm has counted', () => {
    const counted = (count: number): Says => ({ tensor: ['layer1.0.bn1.num_batches_tracked', 'i64', [], count] });
    expect(readAll(counted(130), counted(150))).toEqual(Float64Array.of(130, 150));
  });

  it('is unknown where one says nothing, all say the same, or what is called so is no counter', () => {
    const step = (dtype: DType, shape: readonly number[], value: number): Says => ({
      tensor: ['optimizer.step', dtype, shape, value],
    });
    expect(readAll(step('i64', [1], 3), {})).toBeUndefined();
    expect(readAll(step('i64', [1], 3), step('i64', [1], 3))).toBeUndefined();
    expect(readAll(step('f32', [1], 3), step('f32', [1], 4))).toBeUndefined();
    expect(readAll(step('i64', [2], 3), step('i64', [2], 4))).toBeUndefined();
  });
});
