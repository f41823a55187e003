import type { ContentId } from '../objects/ids.ts';
import type { Summary, TensorSummary } from '../sketch/summary.ts';
import type { Archive, Member } from './model.ts';

/** A member whose weights are the query's, byte for byte. */
export interface ContentMatch {
  readonly member: Member;
  readonly relation: 'identical' | 'recontained';
  /** Other members with the same weights. */
  readonly others: number;
}

/** The tensors that say something: weights whose values differ from one another (constants are common to everybody). */
export function tellingTensors(summary: Summary): readonly TensorSummary[] {
  return summary.tensors.filter(
    (t) => t.role === 'weight' && (t.statistics.standardDeviation > 0 || t.statistics.nanCount > 0),
  );
}

function weightContents(summary: Summary): string {
  return summary.tensors
    .filter((tensor) => tensor.role === 'weight')
    .map((tensor) => tensor.content)
    .sort()
    .join();
}

const fileHashes = (summary: Summary) => summary.files.map((file) => file.sha256).join();

/** Finds the member that holds exactly the query's weights: the same file first, then the earliest. */
export function findByContent(summary: Summary, archive: Archive): ContentMatch | undefined {
  const hashes = fileHashes(summary);
  const contents = weightContents(summary);
  const same = archive.members.filter(
    (member) =>
      fileHashes(member.summary) === hashes ||
      (contents !== '' &&
        member.summary.parameters === summary.parameters &&
        member.summary !== summary &&
        weightContents(member.summary) === contents),
  );
  const identical = same.find((member) => fileHashes(member.summary) === hashes);
  const member = identical ?? same[0];
  return member && { member, relation: identical ? 'identical' : 'recontained', others: same.length - 1 };
}

/** Which members hold each of the query's telling contents. */
export function holdersOf(summary: Summary, archive: Archive): ReadonlyMap<ContentId, readonly Member[]> {
  const holders = new Map<ContentId, Member[]>(tellingTensors(summary).map((tensor) => [tensor.content, []]));
  for (const member of archive.members) {
    const seen = new Set<ContentId>();
    for (const { content } of member.summary.tensors) {
      if (seen.has(content)) continue;
      seen.add(content);
      holders.get(content)?.push(member);
    }
  }
  return holders;
}
