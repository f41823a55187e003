/** Shapes that were seen: files of a hundred thousand tensors have few. */
const shapes = new Map<string, readonly number[]>();
const MOST_SHAPES = 1024;

/** The same list for all tensors of one shape. */
export function shareShape(shape: readonly number[]): readonly number[] {
  const key = shape.join();
  const known = shapes.get(key);
  if (known !== undefined) return known;
  if (shapes.size >= MOST_SHAPES) shapes.clear();
  shapes.set(key, shape);
  return shape;
}
