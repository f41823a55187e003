import { sha256Hex } from '../bytes/sha256.ts';
import type { Identification } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import { parseManifestId } from '../objects/ids.ts';
import { METHOD_VERSION } from './forest-cache.ts';
import type { Repository } from './repository.ts';
import { viewKey } from './view-cache.ts';

/** What placing a checkpoint takes from its comparison with what is stored. */
export type Finding = Pick<
  Identification,
  'known' | 'relation' | 'direction' | 'parents' | 'confidence' | 'logPValue' | 'trajectory' | 'position'
>;

/** Findings kept: of what was added and waits to be committed. */
const KEPT_FINDINGS = 64;

/** As JSON, which has no infinite numbers. */
interface StoredFinding extends Omit<Finding, 'logPValue'> {
  readonly logPValue?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function encodeFinding({ logPValue, trajectory, position, ...finding }: Finding): Uint8Array {
  const stored: StoredFinding = {
    known: finding.known,
    relation: finding.relation,
    direction: finding.direction,
    parents: finding.parents,
    confidence: finding.confidence,
    ...(logPValue === undefined ? {} : { logPValue: String(logPValue) }),
    ...(trajectory === undefined ? {} : { trajectory }),
    ...(position === undefined ? {} : { position }),
  };
  return encoder.encode(JSON.stringify(stored));
}

function decodeFinding(payload: Uint8Array): Finding {
  const { logPValue, parents, ...rest } = JSON.parse(decoder.decode(payload)) as StoredFinding;
  return {
    ...rest,
    parents: parents.map(({ id, weight }) => ({ id: parseManifestId(id), weight })),
    ...(logPValue === undefined ? {} : { logPValue: Number(logPValue) }),
  };
}

/**
 * Asks what a checkpoint comes from, once for a state of the history: `commit` finds again what `add` found out. Derived, and a function of what the key
 * names: the checkpoint, where the refs stand, and the method.
 */
export async function recallFinding(
  repository: Repository,
  id: ManifestId,
  find: () => Promise<Finding>,
): Promise<Finding> {
  const { findings } = repository;
  const key = sha256Hex(encoder.encode(`finding ${METHOD_VERSION} ${await viewKey(repository)} ${id}`));
  const kept = findings.get(key);
  if (kept !== undefined) return decodeFinding(kept);
  const found = await find();
  if (findings.size >= KEPT_FINDINGS) await findings.retain([]);
  await findings.append([{ key, payload: encodeFinding(found) }]);
  return found;
}
