type Values = Float32Array | Float64Array;

/**
 * Inner products of many vectors with one, to the last bit as one after the other: four sums at once, for one alone would wait for itself at
 * every step.
 */
export function productsWith(vectors: readonly Float64Array[], other: Float64Array): Float64Array {
  const products = new Float64Array(vectors.length);
  for (let i = 0; i < vectors.length; i += 4) {
    const [a = other, b = a, c = a, d = a] = vectors.slice(i, i + 4);
    let p = 0;
    let q = 0;
    let r = 0;
    let s = 0;
    for (let k = 0; k < a.length; k++) {
      const value = other[k] ?? 0;
      p += (a[k] ?? 0) * value;
      q += (b[k] ?? 0) * value;
      r += (c[k] ?? 0) * value;
      s += (d[k] ?? 0) * value;
    }
    put(products, i, p, q, r, s);
  }
  return products;
}

/** As {@link productsWith}, of the differences of vectors from a base, in single precision. */
export function productsOfDifferences(
  vectors: readonly Float32Array[],
  base: Float32Array,
  other: Values,
): Float64Array {
  const products = new Float64Array(vectors.length);
  for (let i = 0; i < vectors.length; i += 4) {
    const [a = base, b = a, c = a, d = a] = vectors.slice(i, i + 4);
    let p = 0;
    let q = 0;
    let r = 0;
    let s = 0;
    for (let k = 0; k < base.length; k++) {
      const value = other[k] ?? 0;
      const from = base[k] ?? 0;
      p += Math.fround((a[k] ?? 0) - from) * value;
      q += Math.fround((b[k] ?? 0) - from) * value;
      r += Math.fround((c[k] ?? 0) - from) * value;
      s += Math.fround((d[k] ?? 0) - from) * value;
    }
    put(products, i, p, q, r, s);
  }
  return products;
}

/** Writes four values as far as there is room: a typed array takes none beyond its end. */
function put(products: Float64Array, at: number, p: number, q: number, r: number, s: number): void {
  products[at] = p;
  products[at + 1] = q;
  products[at + 2] = r;
  products[at + 3] = s;
}
