import { createRequire } from 'node:module';
import type { HierarchicalNSW } from 'hnswlib-node';

type Hnswlib = typeof import('hnswlib-node');

let library: Hnswlib | null | undefined;

function isHnswlib(value: unknown): value is Hnswlib {
  return typeof value === 'object' && value !== null && 'HierarchicalNSW' in value;
}

/** It compiles when it is installed, so it may be missing or built for another Node: every error of loading it means "absent". */
function loadHnswlib(): Hnswlib | null {
  try {
    const loaded: unknown = createRequire(import.meta.url)('hnswlib-node');
    return isHnswlib(loaded) ? loaded : null;
  } catch {
    return null;
  }
}

/** Creates an empty graph over inner products; `undefined` when hnswlib-node is not installed. */
export function createGraph(dimension: number): HierarchicalNSW | undefined {
  library ??= loadHnswlib();
  return library === null ? undefined : new library.HierarchicalNSW('ip', dimension);
}
