import path from 'node:path';
import type { OpenCheckpoint } from '../formats/format.ts';
import { readWeights } from '../formats/read-weights.ts';
import { findByContent } from '../lineage/contents.ts';
import { identifyCheckpoint } from '../lineage/identify.ts';
import type { Archive, Identification, NearMember, Query } from '../lineage/model.ts';
import { parseManifestId } from '../objects/ids.ts';
import { summarize } from '../sketch/summarize.ts';
import type { Summary } from '../sketch/summary.ts';
import { axisGraphOf } from './checkpoint-reader.ts';
import { refuseFolder } from './explain-name.ts';
import type { IdentificationResult, IdentifyResult, NearestResult } from './lineage-results.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import { adviseOnGraphs, openNeighborIndexes } from './neighbor-indexes.ts';
import type { Operation } from './operation.ts';
import { expectWeights, withReadableFile } from './pending.ts';
import { describePruned, readPruned } from './pruned-content.ts';
import type { Repository } from './repository.ts';
import { createArchive } from './repository-archive.ts';
import { withLostSummaries } from './stored-summaries.ts';

/** Candidates that are listed when nobody says how many. */
const DEFAULT_CANDIDATES = 5;

export interface IdentifyOptions {
  readonly candidates?: number;
  /** Also say, tensor by tensor, what comes from where. */
  readonly withTensors?: boolean;
}

/** Natural logarithm to a probability; what is below the smallest double becomes that, never 0. */
export function probabilityOf(logPValue: number | undefined): number | null {
  if (logPValue === undefined) return null;
  return Math.max(Math.exp(logPValue), Number.MIN_VALUE);
}

function describeNear(archive: Archive, near: NearMember): NearestResult {
  const member = archive.member(near.id);
  return {
    commit: member.commit ?? null,
    manifest: near.id,
    source: member.source,
    trajectory: member.trajectory ?? null,
    position: member.position ?? null,
    relativeDistance: near.relativeDistance,
    cosine: near.cosine,
  };
}

function describeTensors(
  archive: Archive,
  identification: Identification,
): NonNullable<IdentificationResult['tensors_detail']> {
  return identification.tensors.map(({ name, match, kind, note }) => ({
    name,
    kind,
    match: match === null ? null : { commit: archive.member(match.id).commit ?? null, tensor: match.tensor },
    ...(note === undefined ? {} : { note }),
  }));
}

function describeParents(archive: Archive, identification: Identification): IdentificationResult['parents'] {
  return identification.parents.map(({ id, weight }) => {
    const { commit, source } = archive.member(id);
    return { commit: commit ?? null, source, weight };
  });
}

/** Reasons that are listed of why tensors take no part in the kinship test. */
const LISTED_REASONS = 3;

/** What an unknown file's names did not say: tensors without sure hidden units take no part in the kinship test. */
function explainUnplaced(checkpoint: OpenCheckpoint): readonly string[] {
  const { tensors, unplaced } = axisGraphOf(checkpoint);
  if (unplaced.length === 0) return [];
  const reasons = unplaced.slice(0, LISTED_REASONS).map(({ name, reason }) => `${name} (${reason})`);
  const more = unplaced.length > LISTED_REASONS ? ', …' : '';
  const all = tensors.size + unplaced.length;
  return [`${unplaced.length} of ${all} tensors take no part in the kinship test: ${reasons.join(', ')}${more}.`];
}

function describeIdentification(
  file: string,
  summary: Summary,
  checkpoint: OpenCheckpoint,
  archive: Archive,
  found: Identification,
  options: IdentifyOptions,
): IdentificationResult {
  return {
    file,
    format: checkpoint.format,
    sha256: summary.files[0]?.sha256 ?? '',
    tensors: summary.tensors.length,
    parameters: summary.parameters,
    known: found.known,
    relation: found.relation,
    direction: found.direction,
    nearest: found.nearest === undefined ? null : describeNear(archive, found.nearest),
    trajectory: found.trajectory ?? null,
    position: found.position ?? null,
    parents: describeParents(archive, found),
    confidence: found.confidence,
    ...(found.confidenceWithinOne === undefined ? {} : { confidenceWithinOne: found.confidenceWithinOne }),
    // Where no test applies nothing speaks against chance.
    pValue: probabilityOf(found.logPValue ?? 0),
    candidates: found.candidates
      .slice(0, options.candidates ?? DEFAULT_CANDIDATES)
      .map((candidate) => describeNear(archive, candidate)),
    declared: checkpoint.declared,
    notes: found.known ? found.notes : [...found.notes, ...explainUnplaced(checkpoint)],
    ...(checkpoint.problem === undefined ? {} : { problem: checkpoint.problem.message }),
    ...(options.withTensors ? { tensors_detail: describeTensors(archive, found) } : {}),
  };
}

/** Asks what is stored; what was pruned is still known by its contents, which its summary names. */
async function identifyIn(view: LineageView, readable: Archive, query: Query): Promise<Identification> {
  const isKnownContent = view.archive !== view.readable && findByContent(query.summary, view.archive) !== undefined;
  return identifyCheckpoint(query, isKnownContent ? view.archive : readable);
}

/** A file without weights is known only by its bytes. */
async function identifyByHash(summary: Summary, view: LineageView): Promise<Partial<IdentificationResult>> {
  const sha256 = summary.files[0]?.sha256;
  const stored = [...(await view.recorded()).values()].find(({ checkpoint }) => checkpoint?.pointer.sha256 === sha256);
  if (stored?.checkpoint === undefined) return { pValue: null, notes: ['The file holds no weights.'] };
  const { commit, checkpoint } = stored;
  const source = checkpoint.path;
  return {
    known: true,
    relation: 'identical',
    confidence: 1,
    // Other bytes with this SHA-256.
    pValue: 2 ** -256,
    nearest: {
      commit,
      manifest: checkpoint.pointer.manifest,
      source,
      trajectory: null,
      position: null,
      relativeDistance: 0,
      cosine: 1,
    },
    parents: [{ commit, source, weight: 1 }],
    notes: ['The file is stored, byte for byte.'],
  };
}

/** Says so where the content of the nearest was pruned. */
async function tellPruned(repository: Repository, result: IdentificationResult): Promise<IdentificationResult> {
  if (result.nearest === null) return result;
  const pruned = await readPruned(repository, parseManifestId(result.nearest.manifest));
  if (pruned === undefined) return result;
  return { ...result, pruned, notes: [...result.notes, describePruned(pruned)] };
}

async function identifyOpen(
  repository: Repository,
  file: string,
  checkpoint: OpenCheckpoint,
  view: LineageView,
  archive: Archive,
  options: IdentifyOptions,
): Promise<IdentificationResult> {
  const summary = await summarize(checkpoint);
  const query: Query = {
    summary,
    weights: () => readWeights(checkpoint),
    axisGraph: async () => axisGraphOf(checkpoint),
  };
  const found = await withLostSummaries(repository.checkpoints, () => identifyIn(view, archive, query));
  const described = describeIdentification(file, summary, checkpoint, view.archive, found, options);
  return summary.parameters > 0 ? described : { ...described, ...(await identifyByHash(summary, view)) };
}

/** Many questions in a large space are asked of graphs; a few, of every sketch. */
async function archiveFor(
  repository: Repository,
  { readable: archive }: LineageView,
  questions: number,
): Promise<Archive> {
  const graphs = await openNeighborIndexes(repository.derivedDirectory, archive.members, questions);
  if (graphs.size === 0) return archive;
  return createArchive(archive.members, repository.checkpoints, { shelf: repository.summaries, graphs });
}

/**
 * Says what files are and what they were made from, by their weights alone. Writes nothing to the history.
 *
 * @param files - any paths, also outside the work tree.
 * @throws WsvcError `usage` for a folder; BadFileError for a single file that is broken, or of no known format, and not stored either.
 */
export async function* identifyFiles(
  repository: Repository,
  files: readonly string[],
  options: IdentifyOptions = {},
): Operation<IdentifyResult> {
  yield { phase: 'Reading the repository', done: 0, total: files.length };
  const view = await readLineageView(repository);
  const archive = await archiveFor(repository, view, files.length);
  const results: IdentificationResult[] = [];
  for (const file of files) {
    yield { phase: 'Identifying', done: results.length, total: files.length, detail: file };
    const { workingDirectory } = repository.environment;
    await refuseFolder(workingDirectory, file);
    const absolute = path.resolve(workingDirectory, file);
    const identified = await withReadableFile(absolute, async (checkpoint) => {
      const answer = await identifyOpen(repository, file, checkpoint, view, archive, options);
      const result = await tellPruned(repository, answer);
      // Of several, the others shall have their answers: then the problem stands beside this one's.
      if (files.length === 1 && !result.known) expectWeights(checkpoint);
      return result;
    });
    results.push(identified);
  }
  const advice = adviseOnGraphs(repository.derivedDirectory, archive.members, files.length);
  return { results, ...(advice === undefined ? {} : { advice }) };
}
