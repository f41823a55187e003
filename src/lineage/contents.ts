import type { ContentId } from '../objects/ids.ts';
import type { Summary, TensorSummary } from '../sketch/summary.ts';
import { contentPrefix, isTelling, traitsOf } from '../sketch/traits.ts';
import type { Archive, ContentIndex, Member } from './model.ts';

/** A member whose weights are the query's, byte for byte. */
export interface ContentMatch {
  readonly member: Member;
  readonly relation: 'identical' | 'recontained';
  /** Other members with the same weights. */
  readonly others: number;
}

/** The tensors that say something: weights whose values differ from one another (constants are common to everybody). */
export function tellingTensors(summary: Summary): readonly TensorSummary[] {
  return summary.tensors.filter((tensor) => tensor.role === 'weight' && isTelling(tensor));
}

/** TorchScript and a plain state dict are both zip archives of PyTorch's. */
const archiveOf = ({ declared }: Summary) => declared.archive;

/** The same container, and every tensor of it under the same name: only bytes that are no tensors differ. */
function isSameCheckpoint(a: Summary, b: Summary): boolean {
  if (a.format !== b.format || archiveOf(a) !== archiveOf(b) || a.tensors.length !== b.tensors.length) return false;
  return a.tensors.every(({ name, content }, i) => b.tensors[i]?.name === name && b.tensors[i]?.content === content);
}

/** Finds the member that holds exactly the query's weights: the same file first, then the same tensors, then the earliest. */
export function findByContent(summary: Summary, archive: Archive): ContentMatch | undefined {
  const { withFiles, withWeights } = archive.contents.findEqual(summary);
  const others = withWeights.filter((member) => member.summary !== summary);
  const same = new Set([...withFiles, ...others]);
  const identical = withFiles[0] ?? others.find((member) => isSameCheckpoint(member.summary, summary));
  const member = identical ?? others[0];
  return member && { member, relation: identical ? 'identical' : 'recontained', others: same.size - 1 };
}

/** Which members hold each of the query's telling contents. */
export function holdersOf(summary: Summary, archive: Archive): ReadonlyMap<ContentId, readonly Member[]> {
  const wanted = new Set(tellingTensors(summary).map(({ content }) => content));
  return archive.contents.findHolders(wanted);
}

/** Answers by the traits of all members; only those that seem to hold something are looked at closely. */
export function createContentIndex(members: readonly Member[]): ContentIndex {
  return {
    findEqual(summary) {
      const { filesKey, weightsKey } = traitsOf(summary);
      const withFiles = members.filter((member) => traitsOf(member.summary).filesKey === filesKey);
      const withWeights =
        weightsKey === ''
          ? []
          : members.filter(
              (member) =>
                traitsOf(member.summary).weightsKey === weightsKey && member.summary.parameters === summary.parameters,
            );
      return { withFiles, withWeights };
    },
    findHolders(wanted) {
      const holders = new Map<ContentId, Member[]>(Array.from(wanted, (content) => [content, []]));
      const prefixes = new Set(Array.from(wanted, contentPrefix));
      if (prefixes.size === 0) return holders;
      for (const member of members) {
        if (!holdsAny(traitsOf(member.summary).contents, prefixes)) continue;
        const held = new Set(member.summary.tensors.map(({ content }) => content));
        for (const content of held) holders.get(content)?.push(member);
      }
      return holders;
    },
  };
}

function holdsAny(contents: Uint32Array, prefixes: ReadonlySet<number>): boolean {
  for (let i = 0; i < contents.length; i++) if (prefixes.has(contents[i] ?? 0)) return true;
  return false;
}
