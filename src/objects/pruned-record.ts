import { fromHex, toHex } from '../bytes/hex.ts';
import { type CanonicalValue, decodeCanonical, encodeCanonical } from './canonical.ts';
import { asBytes, asCount, asList, asMap, asRecord, asText, reject, rejectVersion } from './fields.ts';
import { type FileHash, type ManifestId, parseFileHash, parseManifestId } from './ids.ts';

/** One run of `wsvc prune`. */
export interface Pruning {
  /** Milliseconds since 1970, UTC. */
  readonly at: number;
  /** What the user asked for, in words. */
  readonly policy: string;
}

/** A file of a pruned checkpoint, as its manifest had it. */
export interface PrunedFile {
  readonly name: string;
  readonly byteLength: number;
  readonly sha256: FileHash;
}

/** A checkpoint whose content was given up. */
export interface PrunedCheckpoint {
  readonly id: ManifestId;
  readonly pruning: Pruning;
  readonly files: readonly PrunedFile[];
}

/** A trajectory as it was seen while the weights of all its checkpoints could be read. */
export interface FrozenTrajectory {
  readonly members: readonly { readonly id: ManifestId; readonly position: number }[];
  readonly forkedFrom?: {
    readonly id: ManifestId;
    readonly confidence: number;
    /** That it is this one or the one before or after it. */
    readonly confidenceWithinOne?: number;
  };
  readonly isOrdered: boolean;
  readonly orderConfidence: number;
  readonly direction: 'inferred' | 'declared' | 'unknown';
}

/** An edge of descent from or to a checkpoint that is pruned. */
export interface FrozenEdge {
  readonly child: ManifestId;
  readonly parent: ManifestId;
  readonly relation: string;
  readonly confidence: number;
  readonly logPValue?: number;
  readonly weight: number;
}

/** What is known of pruned checkpoints beside their summaries (docs/format.md, section "Pruned checkpoints"). */
export interface PrunedRecord {
  readonly checkpoints: readonly PrunedCheckpoint[];
  readonly trajectories: readonly FrozenTrajectory[];
  readonly edges: readonly FrozenEdge[];
}

const DIRECTIONS = ['inferred', 'declared', 'unknown'] as const;
const VERSION = 1;

function trajectoryValue(trajectory: FrozenTrajectory): CanonicalValue {
  const { members, forkedFrom, isOrdered, orderConfidence, direction } = trajectory;
  return {
    members: members.map(({ id, position }) => [fromHex(id), position]),
    isOrdered,
    orderConfidence,
    direction,
    ...(forkedFrom === undefined ? {} : { forkedFrom: forkValue(forkedFrom) }),
  };
}

function forkValue({ id, confidence, confidenceWithinOne }: NonNullable<FrozenTrajectory['forkedFrom']>) {
  return [fromHex(id), confidence, ...(confidenceWithinOne === undefined ? [] : [confidenceWithinOne])];
}

function edgeValue({ child, parent, relation, confidence, logPValue, weight }: FrozenEdge): CanonicalValue {
  return [fromHex(child), fromHex(parent), relation, confidence, weight, logPValue ?? null];
}

/** Encodes the record as canonical msgpack: equal records give equal bytes. */
export function encodePrunedRecord({ checkpoints, trajectories, edges }: PrunedRecord): Uint8Array {
  const prunings = [
    ...new Map(checkpoints.map(({ pruning }) => [`${pruning.at} ${pruning.policy}`, pruning])).values(),
  ];
  const sorted = [...checkpoints].sort((a, b) => (a.id < b.id ? -1 : 1));
  const indexOf = ({ at, policy }: Pruning) => prunings.findIndex((one) => one.at === at && one.policy === policy);
  return encodeCanonical({
    version: VERSION,
    prunings: prunings.map(({ at, policy }) => [at, policy]),
    checkpoints: sorted.map(({ id, pruning, files }) => [
      fromHex(id),
      indexOf(pruning),
      files.map(({ name, byteLength, sha256 }) => [name, byteLength, fromHex(sha256)]),
    ]),
    trajectories: trajectories.map(trajectoryValue),
    edges: edges.map(edgeValue),
  });
}

const readId = (value: CanonicalValue | undefined): ManifestId =>
  parseManifestId(toHex(asBytes(value, 32, 'the id of a pruned checkpoint')));

const readNumber = (value: CanonicalValue | undefined, what: string): number =>
  typeof value === 'number' ? value : reject(what, 'it must be a number');

function readFile(value: CanonicalValue): PrunedFile {
  const [name, byteLength, sha256] = asList(value, 'a pruned file');
  return {
    name: asText(name, "a pruned file's name"),
    byteLength: asCount(byteLength, "a pruned file's length"),
    sha256: parseFileHash(toHex(asBytes(sha256, 32, "a pruned file's hash"))),
  };
}

function readCheckpoint(value: CanonicalValue, prunings: readonly Pruning[]): PrunedCheckpoint {
  const [id, index, files] = asList(value, 'a pruned checkpoint');
  const pruning = prunings[asCount(index, 'the pruning of a checkpoint')];
  if (pruning === undefined) return reject('a pruned checkpoint', 'its pruning must be listed');
  return { id: readId(id), pruning, files: asList(files, 'the files of a pruned checkpoint').map(readFile) };
}

function readFork(value: CanonicalValue): NonNullable<FrozenTrajectory['forkedFrom']> {
  const [id, confidence, within] = asList(value, 'a fork point');
  const confidenceWithinOne = within === undefined ? undefined : readNumber(within, 'the confidence within one');
  return {
    id: readId(id),
    confidence: readNumber(confidence, 'the confidence of a fork'),
    ...(confidenceWithinOne === undefined ? {} : { confidenceWithinOne }),
  };
}

function readTrajectory(value: CanonicalValue): FrozenTrajectory {
  const keys = ['members', 'isOrdered', 'orderConfidence', 'direction'];
  const record = asRecord(value, 'a frozen trajectory', keys, ['forkedFrom']);
  const members = asList(record.members, 'the members of a trajectory').map((member) => {
    const [id, position] = asList(member, 'a member of a trajectory');
    return { id: readId(id), position: readNumber(position, 'a position') };
  });
  const direction = DIRECTIONS.find((word) => word === record.direction);
  return {
    members,
    isOrdered: record.isOrdered === true,
    orderConfidence: readNumber(record.orderConfidence, 'the confidence of an order'),
    direction: direction ?? reject('a direction', `it must be one of ${DIRECTIONS.join(', ')}`),
    ...(record.forkedFrom === undefined ? {} : { forkedFrom: readFork(record.forkedFrom) }),
  };
}

function readEdge(value: CanonicalValue): FrozenEdge {
  const [child, parent, relation, confidence, weight, logPValue] = asList(value, 'a frozen edge');
  return {
    child: readId(child),
    parent: readId(parent),
    relation: asText(relation, "an edge's relation"),
    confidence: readNumber(confidence, "an edge's confidence"),
    weight: readNumber(weight, "an edge's weight"),
    ...(logPValue === null ? {} : { logPValue: readNumber(logPValue, "an edge's p-value") }),
  };
}

function readPruning(value: CanonicalValue): Pruning {
  const [at, policy] = asList(value, 'a pruning');
  return { at: asCount(at, 'the time of a pruning'), policy: asText(policy, 'the policy of a pruning') };
}

/**
 * Decodes and checks what {@link encodePrunedRecord} wrote.
 *
 * @throws CorruptError for a broken rule; WsvcError `format-version` for what a newer wsvc has written.
 */
export function decodePrunedRecord(bytes: Uint8Array): PrunedRecord {
  const value = decodeCanonical(bytes);
  const { version } = asMap(value, 'the record of pruned checkpoints');
  if (version !== VERSION) rejectVersion('version of the record of pruned checkpoints', String(version));
  const keys = ['version', 'prunings', 'checkpoints', 'trajectories', 'edges'];
  const record = asRecord(value, 'the record of pruned checkpoints', keys);
  const prunings = asList(record.prunings, 'prunings').map(readPruning);
  return {
    checkpoints: asList(record.checkpoints, 'pruned checkpoints').map((entry) => readCheckpoint(entry, prunings)),
    trajectories: asList(record.trajectories, 'frozen trajectories').map(readTrajectory),
    edges: asList(record.edges, 'frozen edges').map(readEdge),
  };
}
