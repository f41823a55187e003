import type { ManifestId } from '../objects/ids.ts';
import { type Repository, signatureNow } from './repository.ts';

/**
 * Takes checkpoints off the record of what was pruned, for their content is stored again: durable when it resolves, and before anything
 * relies on it.
 */
export async function revivePruned(repository: Repository, ids: Iterable<ManifestId>): Promise<number> {
  const record = await repository.pruned.read();
  const back = new Set([...ids].filter((id) => record.byId.has(id)));
  if (back.size === 0) return 0;
  const checkpoints = record.checkpoints.filter(({ id }) => !back.has(id));
  const message = `Bring back ${back.size} checkpoint${back.size === 1 ? '' : 's'}`;
  const author = signatureNow(repository.environment);
  await repository.pruned.write({ ...record, checkpoints }, new Map(), { message, author });
  return back.size;
}
