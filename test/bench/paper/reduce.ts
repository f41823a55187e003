import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Inner products of all pairs, after the mean vector is taken out. */
function centredGram(vectors: readonly Float32Array[]): Matrix {
  const count = vectors.length;
  const gram = Matrix.zeros(count, count);
  for (const [i, a] of vectors.entries()) {
    for (let j = i; j < count; j++) {
      const b = vectors[j] ?? a;
      let sum = 0;
      for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
      gram.set(i, j, sum).set(j, i, sum);
    }
  }
  return gram.center('row').center('column');
}

/** Principal components by way of the inner products: `vectors.length` rows of up to `dimensions` coordinates, largest variance first. */
export function principalComponents(vectors: readonly Float32Array[], dimensions: number): readonly Float32Array[] {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(centredGram(vectors), {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((value, i) => ({ value, i })).toSorted((a, b) => b.value - a.value);
  const kept = order.slice(0, Math.min(dimensions, vectors.length - 1));
  return vectors.map((_, row) =>
    Float32Array.from(kept, ({ value, i }) => Math.sqrt(Math.max(0, value)) * eigenvectorMatrix.get(row, i)),
  );
}
