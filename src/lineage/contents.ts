import type { ContentId } from '../objects/ids.ts';
import type { Summary, SummaryTraits, TensorSummary } from '../sketch/summary.ts';
import { contentPrefix, isTelling, traitsOf } from '../sketch/traits.ts';
import { isFloat } from '../tensors/dtype.ts';
import type { Archive, ContentIndex, Member } from './model.ts';

/** A member whose weights are the query's, byte for byte. */
export interface ContentMatch {
  readonly member: Member;
  readonly relation: 'identical' | 'recontained';
  /** Other members with the same weights. */
  readonly others: number;
}

/** The tensors that a checkpoint is compared by. */
export function comparedTensors({ tensors }: Summary): readonly TensorSummary[] {
  return tensors.filter(({ role, dtype }) => role === 'weight' && isFloat(dtype));
}

/** The tensors that say something: weights whose values differ from one another (constants are common to everybody). */
export function tellingTensors(summary: Summary): readonly TensorSummary[] {
  return summary.tensors.filter((tensor) => tensor.role === 'weight' && isTelling(tensor));
}

/** TorchScript and a plain state dict are both zip archives of PyTorch's. */
const archiveOf = ({ declared }: Summary) => declared.archive;

/** The same container, and every tensor of it under the same name: only bytes that are no tensors differ. */
export function isSameCheckpoint(a: Summary, b: Summary): boolean {
  if (a.format !== b.format || archiveOf(a) !== archiveOf(b) || a.tensors.length !== b.tensors.length) return false;
  return a.tensors.every(({ name, content }, i) => b.tensors[i]?.name === name && b.tensors[i]?.content === content);
}

/** The same weights under the same names, whatever the container. */
function hasSameNames(a: Summary, b: Summary): boolean {
  const names = new Map(tellingTensors(b).map(({ name, content }) => [name, content]));
  return tellingTensors(a).every(({ name, content }) => names.get(name) === content);
}

/**
 * Finds the member that holds exactly the query's weights: the same file first, then the same tensors, then the original of what has the same names,
 * then the original of all.
 */
export function findByContent(summary: Summary, archive: Archive): ContentMatch | undefined {
  const { withFiles, withWeights } = archive.contents.findEqual(summary);
  const others = withWeights.filter((member) => member.summary !== summary);
  const same = new Set([...withFiles, ...others]);
  const identical = withFiles[0] ?? others.find((member) => isSameCheckpoint(member.summary, summary));
  const named = others.filter((member) => hasSameNames(summary, member.summary));
  const alike = named.length > 0 ? named : others;
  const member = identical ?? alike.find(({ id }) => !archive.isCopyOfMember(id)) ?? alike[0];
  return member && { member, relation: identical ? 'identical' : 'recontained', others: same.size - 1 };
}

/** Which members hold each of the query's telling contents. */
export function holdersOf(summary: Summary, archive: Archive): ReadonlyMap<ContentId, readonly Member[]> {
  const known = lastHolders.get(archive);
  if (known?.summary === summary) return known.holders;
  const wanted = new Set(tellingTensors(summary).map(({ content }) => content));
  const holders = archive.contents.findHolders(wanted);
  lastHolders.set(archive, { summary, holders });
  return holders;
}

interface Holders {
  readonly summary: Summary;
  readonly holders: ReadonlyMap<ContentId, readonly Member[]>;
}

/** Of the query that was asked last: one question asks several times. */
const lastHolders = new WeakMap<Archive, Holders>();

/** Questions after which a table of all contents is made: one question is answered sooner by looking at every member. */
const QUESTIONS_BEFORE_TABLE = 8;

/** Answers a question about contents without a table of all; members come in the order of the archive. */
export interface ContentScan {
  /** Members with the files and with the weights that these traits say. */
  findEqual(traits: SummaryTraits): { readonly withFiles: readonly Member[]; readonly withWeights: readonly Member[] };
  /** Members that may hold a content that begins like one of these. */
  findLikely(prefixes: ReadonlySet<number>): readonly Member[];
}

/** Looks at every member. */
export function scanOf(members: readonly Member[]): ContentScan {
  return {
    findEqual: ({ filesKey, weightsKey }) => ({
      withFiles: members.filter((member) => traitsOf(member.summary).filesKey === filesKey),
      withWeights: members.filter((member) => traitsOf(member.summary).weightsKey === weightsKey),
    }),
    findLikely: () => members,
  };
}

/** The same out of tables of all members. */
function lookUpIn(members: readonly Member[], tables: () => ContentTables): ContentScan {
  return {
    findEqual: ({ filesKey, weightsKey }) => ({
      withFiles: tables().byFiles.get(filesKey) ?? [],
      withWeights: tables().byWeights.get(weightsKey) ?? [],
    }),
    findLikely: (prefixes) => likelyHolders(members, tables().byPrefix, prefixes),
  };
}

/**
 * Answers by the traits of all members; only those that seem to hold something are looked at closely.
 *
 * @param scan answers the first questions, before a table of all contents is made
 */
export function createContentIndex(members: readonly Member[], scan: ContentScan = scanOf(members)): ContentIndex {
  let questions = 0;
  const tables = lookUpIn(
    members,
    lazily(() => createTables(members)),
  );
  const next = (): ContentScan => (++questions > QUESTIONS_BEFORE_TABLE ? tables : scan);
  return {
    findEqual(summary) {
      const traits = traitsOf(summary);
      const { withFiles, withWeights } = next().findEqual(traits);
      const alike = traits.weightsKey === '' ? [] : withWeights;
      return { withFiles, withWeights: alike.filter((member) => member.summary.parameters === summary.parameters) };
    },
    findHolders(wanted) {
      const holders = new Map<ContentId, Member[]>(Array.from(wanted, (content) => [content, []]));
      const prefixes = new Set(Array.from(wanted, contentPrefix));
      if (prefixes.size === 0) return holders;
      for (const member of next().findLikely(prefixes)) addHeld(holders, member, prefixes);
      return holders;
    },
  };
}

function addHeld(holders: ReadonlyMap<ContentId, Member[]>, member: Member, prefixes: ReadonlySet<number>): void {
  if (!holdsAny(traitsOf(member.summary).contents, prefixes)) return;
  for (const content of new Set(member.summary.tensors.map(({ content }) => content)))
    holders.get(content)?.push(member);
}

/** Members by what makes them equal to others, in their own order. */
interface ContentTables {
  readonly byFiles: ReadonlyMap<string, readonly Member[]>;
  readonly byWeights: ReadonlyMap<string, readonly Member[]>;
  /** Places among the members of those that hold a content that begins like this. */
  readonly byPrefix: ReadonlyMap<number, readonly number[]>;
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function push<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

function createTables(members: readonly Member[]): ContentTables {
  const byFiles = new Map<string, Member[]>();
  const byWeights = new Map<string, Member[]>();
  const byPrefix = new Map<number, number[]>();
  for (const [place, member] of members.entries()) {
    const { filesKey, weightsKey, contents } = traitsOf(member.summary);
    push(byFiles, filesKey, member);
    push(byWeights, weightsKey, member);
    for (const prefix of contents) push(byPrefix, prefix, place);
  }
  return { byFiles, byWeights, byPrefix };
}

/** Those that hold something that begins like what is wanted, in the order of the members. */
function likelyHolders(
  members: readonly Member[],
  byPrefix: ContentTables['byPrefix'],
  prefixes: ReadonlySet<number>,
): readonly Member[] {
  const places = new Set([...prefixes].flatMap((prefix) => byPrefix.get(prefix) ?? []));
  return [...places].sort((a, b) => a - b).flatMap((place) => members[place] ?? []);
}

function holdsAny(contents: Uint32Array, prefixes: ReadonlySet<number>): boolean {
  for (let i = 0; i < contents.length; i++) if (prefixes.has(contents[i] ?? 0)) return true;
  return false;
}
