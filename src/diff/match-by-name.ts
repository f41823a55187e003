import type { ContentId } from '../objects/ids.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

/** Of lists that are matched with several candidates. */
const prefixes = new WeakMap<readonly Named[], string>();

/** The prefix that every name shares, up to and with its last dot: wrappers put one in front (`module.`, `model.`). */
export function commonPrefix(tensors: readonly Named[]): string {
  const known = prefixes.get(tensors) ?? findPrefix(tensors);
  prefixes.set(tensors, known);
  return known;
}

function findPrefix(tensors: readonly Named[]): string {
  const first = tensors[0]?.name ?? '';
  let length = first.length;
  for (const { name } of tensors) while (!name.startsWith(first.slice(0, length))) length--;
  return first.slice(0, first.slice(0, length).lastIndexOf('.') + 1);
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** Takes from both sides the tensors of one name (after the given prefixes) and one shape. */
export function takeSameName(
  query: Map<string, Named>,
  candidate: Map<string, Named>,
  queryPrefix: string,
  candidatePrefix: string,
): TensorPair[] {
  const pairs: TensorPair[] = [];
  for (const [name, tensor] of query) {
    if (!name.startsWith(queryPrefix)) continue;
    const other = candidate.get(candidatePrefix + name.slice(queryPrefix.length));
    if (!other || !sameShape(tensor.shape, other.shape)) continue;
    pairs.push({ query: name, candidate: other.name });
    query.delete(name);
    candidate.delete(other.name);
  }
  return pairs;
}

/** Takes the tensors of equal content and shape, where the content stands once on each side. */
export function takeSameContent(query: Map<string, Named>, candidate: Map<string, Named>): TensorPair[] {
  const once = contentsHeldOnce(query);
  const others = contentsHeldOnce(candidate);
  const pairs: TensorPair[] = [];
  for (const [content, tensor] of once) {
    const other = others.get(content);
    if (!other || !sameShape(tensor.shape, other.shape)) continue;
    pairs.push({ query: tensor.name, candidate: other.name });
    query.delete(tensor.name);
    candidate.delete(other.name);
  }
  return pairs;
}

function contentsHeldOnce(tensors: ReadonlyMap<string, Named>): Map<ContentId, Named> {
  const once = new Map<ContentId, Named>();
  const twice = new Set<ContentId>();
  for (const tensor of tensors.values()) {
    if (tensor.content === undefined) continue;
    if (once.has(tensor.content)) twice.add(tensor.content);
    once.set(tensor.content, tensor);
  }
  for (const content of twice) once.delete(content);
  return once;
}
