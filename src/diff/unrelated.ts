/** Share of the energies of two tensors by which they differ at least to be unrelated; 1 for independent ones. */
const UNRELATED = 0.5;

/** Whether values have nothing to do with those at their place: they differ by more than half of what two independent tensors differ by. */
export function areUnrelated(a: Float32Array, b: Float32Array, start = 0, end = a.length): boolean {
  let difference = 0;
  let energy = 0;
  for (let i = start; i < end; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    const d = x - y;
    difference += d * d;
    energy += x * x + y * y;
  }
  return difference > UNRELATED * energy;
}
