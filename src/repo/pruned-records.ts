import { WsvcError } from '../errors.ts';
import type { CommitId, GitObjectId, ManifestId } from '../objects/ids.ts';
import {
  decodePrunedRecord,
  encodePrunedRecord,
  type PrunedCheckpoint,
  type PrunedRecord,
  type Pruning,
} from '../objects/pruned-record.ts';
import { decodeSummary, encodeSummary } from '../sketch/encode-summary.ts';
import type { Summary } from '../sketch/summary.ts';
import type { History, Signature } from '../store/history.ts';

/** Wsvc's own ref that holds the record: it travels with the history. */
const REF = 'pruned';
const RECORD_FILE = 'record';
const SUMMARIES = 'summaries/';

/** What was pruned, as the repository has it now. */
export interface PrunedState extends PrunedRecord {
  readonly byId: ReadonlyMap<ManifestId, PrunedCheckpoint>;
  /** The commit of the record; absent where nothing was ever pruned. */
  readonly commit?: CommitId;
  readonly summaryFiles: ReadonlyMap<ManifestId, GitObjectId>;
}

/** The durable record of pruned checkpoints: what nothing could compute again once their content is gone. */
export interface PrunedRecords {
  read(): Promise<PrunedState>;
  find(id: ManifestId): Promise<PrunedCheckpoint | undefined>;
  /** The summary of a pruned checkpoint; `undefined` for one that is not pruned. */
  summary(id: ManifestId): Promise<Summary | undefined>;
  /** Replaces the record; durable when it resolves. Summaries of checkpoints that it names stay. */
  write(record: PrunedRecord, summaries: ReadonlyMap<ManifestId, Summary>, why: RecordReason): Promise<void>;
  /** Looks again what other processes have written; called when the lock was taken. */
  forget(): void;
}

export interface RecordReason {
  readonly message: string;
  readonly author: Signature;
}

const NOTHING: PrunedState = {
  checkpoints: [],
  trajectories: [],
  edges: [],
  byId: new Map(),
  summaryFiles: new Map(),
};

async function load(history: History): Promise<PrunedState> {
  const { commit, files } = await history.readRecords(REF);
  const file = files.get(RECORD_FILE);
  if (commit === undefined || file === undefined) return NOTHING;
  const record = decodePrunedRecord(await history.readRecord(file));
  const byId = new Map(record.checkpoints.map((checkpoint) => [checkpoint.id, checkpoint]));
  const summaryFiles = new Map<ManifestId, GitObjectId>();
  for (const { id } of record.checkpoints) {
    const summary = files.get(`${SUMMARIES}${id}`);
    if (summary !== undefined) summaryFiles.set(id, summary);
  }
  return { ...record, byId, commit, summaryFiles };
}

/** The record's files: what is named by a git object stays as it is. */
function filesOf(
  record: PrunedRecord,
  kept: PrunedState['summaryFiles'],
  fresh: ReadonlyMap<ManifestId, Summary>,
): ReadonlyMap<string, Uint8Array | GitObjectId> {
  const files = new Map<string, Uint8Array | GitObjectId>([[RECORD_FILE, encodePrunedRecord(record)]]);
  for (const { id } of record.checkpoints) {
    const summary = fresh.get(id);
    const content = summary === undefined ? kept.get(id) : encodeSummary(summary);
    if (content !== undefined) files.set(`${SUMMARIES}${id}`, content);
  }
  return files;
}

/** Opens the record of a history; nothing is read before the first question. */
export function openPrunedRecords(history: History): PrunedRecords {
  let state: Promise<PrunedState> | undefined;
  const read = (): Promise<PrunedState> => {
    state ??= load(history);
    return state;
  };
  return {
    read,
    forget: () => {
      state = undefined;
    },
    find: async (id) => (await read()).byId.get(id),
    async summary(id) {
      const file = (await read()).summaryFiles.get(id);
      return file === undefined ? undefined : decodeSummary(await history.readRecord(file));
    },
    async write(record, summaries, { message, author }) {
      const before = await read();
      const files = filesOf(record, before.summaryFiles, summaries);
      await history.writeRecords(REF, { message, author, files }, before.commit);
      state = undefined;
    },
  };
}

/** "2026-11-24, by "keep the last 5"", in UTC. */
export function describePruning({ at, policy }: Pruning): string {
  return `${new Date(at).toISOString().slice(0, 10)} (${policy})`;
}

/** The error for a checkpoint whose content was given up. */
export function prunedError(
  what: string,
  { pruning }: PrunedCheckpoint,
  suggestions: readonly string[] = [],
): WsvcError {
  return new WsvcError('pruned', `The content of ${what} was pruned on ${describePruning(pruning)}.`, { suggestions });
}
