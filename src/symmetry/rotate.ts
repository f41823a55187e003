import type { Weights } from '../tensors/weights.ts';
import type { AxisGraph } from './axis-graph.ts';
import { headsOf, type PlacedTensor, placedTensors, product, spaceOf } from './placed-tensors.ts';

/**
 * Rotates the units of every space by a random rotation that leaves their mean alone: a candidate that has lost which unit is which, but none of its
 * other statistics. What alignment makes of it is what alignment alone can reach (lineage.md, A2 step 3).
 *
 * @param random uniform numbers in [0, 1)
 */
export function rotateUnits(weights: Weights, graph: AxisGraph, random: () => number): Weights {
  const rotations = new Map<string, Float64Array>();
  const out = new Map(weights);
  for (const tensor of placedTensors(weights, graph)) {
    let data = tensor.data;
    for (const [axis, label] of tensor.labels.entries()) {
      const space = spaceOf(label);
      if (space === null) continue;
      const size = (tensor.shape[axis] ?? 1) / headsOf(label);
      const rotation = rotations.get(space) ?? rotationOf(size, random);
      rotations.set(space, rotation);
      data = rotateAxis(tensor, data, axis, size, rotation);
    }
    out.set(tensor.name, { shape: weights.get(tensor.name)?.shape ?? tensor.shape, data });
  }
  return out;
}

function rotateAxis(
  tensor: PlacedTensor,
  data: Float32Array,
  axis: number,
  size: number,
  rotation: Float64Array,
): Float32Array {
  const inner = product(tensor.shape.slice(axis + 1));
  const out = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += size * inner) {
    for (let to = 0; to < size; to++) {
      for (let k = 0; k < inner; k++) {
        let sum = 0;
        for (let from = 0; from < size; from++)
          sum += (rotation[to * size + from] ?? 0) * (data[start + from * inner + k] ?? 0);
        out[start + to * inner + k] = sum;
      }
    }
  }
  return out;
}

/** A random rotation of n-space that keeps the vector of ones: Gaussian columns beside it, made orthonormal one after the other. */
function rotationOf(n: number, random: () => number): Float64Array {
  const basis = [constant(n)];
  const target = [constant(n)];
  for (let i = 1; i < n; i++) {
    basis.push(orthonormal(basis, n, random));
    target.push(orthonormal(target, n, random));
  }
  const rotation = new Float64Array(n * n);
  for (let i = 0; i < n; i++) addOuter(rotation, target[i] ?? constant(n), basis[i] ?? constant(n));
  return rotation;
}

function constant(n: number): Float64Array {
  return new Float64Array(n).fill(1 / Math.sqrt(n));
}

/** A random unit vector orthogonal to the given ones; projected twice, against rounding. */
function orthonormal(given: readonly Float64Array[], n: number, random: () => number): Float64Array {
  const vector = Float64Array.from(
    { length: n },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
  for (const other of [...given, ...given]) {
    const along = dot(vector, other);
    for (let i = 0; i < n; i++) vector[i] = (vector[i] ?? 0) - along * (other[i] ?? 0);
  }
  const norm = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / norm);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function addOuter(into: Float64Array, a: Float64Array, b: Float64Array): void {
  const n = a.length;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) into[i * n + j] = (into[i * n + j] ?? 0) + (a[i] ?? 0) * (b[j] ?? 0);
}
