import { expect, it } from 'vitest';
import { createStatistics, type TensorStatistics } from '../../src/tensors/statistics.ts';
import { STATISTICS_FIELDS, StatisticsTable } from '../../src/tensors/statistics-table.ts';

const numbersOf = (statistics: TensorStatistics) => STATISTICS_FIELDS.map((field) => statistics[field]);

it('gives back the statistics of every tensor, and one accumulator serves all', () => {
  const tensors = [[1, -2, 0, 0], [Number.NaN, 5], [Number.POSITIVE_INFINITY], [], [3, 3, 3]];
  const alone = tensors.map((values) => {
    const statistics = createStatistics();
    statistics.add(Float32Array.from(values));
    return numbersOf(statistics.result());
  });
  const [shared, table] = [createStatistics(), new StatisticsTable(2 * tensors.length)];
  const kept = tensors.map((values) => {
    shared.restart();
    shared.add(Float32Array.from(values));
    return table.add(shared.result());
  });
  expect(kept.map(numbersOf)).toEqual(alone);
  const again = alone.map((numbers) => table.addNumbers(Float64Array.from(numbers)));
  expect(again.map(numbersOf)).toEqual(alone);
  expect(kept.map(numbersOf)).toEqual(alone);
});
