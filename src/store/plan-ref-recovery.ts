import { type CommitId, type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { parseCommitMessage } from '../objects/trailers.ts';
import { findAlike } from './alike-ids.ts';
import { type CommitKind, type FoundCommits, reachFrom } from './find-commits.ts';
import type { Commit, Head } from './history.ts';
import { isIdText, type LostRef, type RefSurvey, tipsOf } from './survey-refs.ts';

/** What is wrong with a ref, and what is to be done about it. */
export interface RefChange {
  readonly ref: string;
  readonly problem: string;
  /** Where it is to stand: an object, or (HEAD alone) a branch; null where nothing was found: it goes, unless it names an id. */
  readonly target: string | null;
  /** How that was found. */
  readonly why: string;
  /** Commits of the history that nothing else reaches. */
  readonly commits: readonly CommitId[];
  /** True where no branch is left, or none was made yet. */
  readonly isBare: boolean;
}

/** What a plan is made from. */
export interface RecoverySources {
  readonly survey: RefSurvey;
  readonly found: FoundCommits;
  /** Kinds of the commits that no whole ref reaches. */
  readonly kinds: ReadonlyMap<CommitId, CommitKind>;
  /** The last value that a reflog of git has for a ref. */
  readonly lastLogged: ReadonlyMap<string, string>;
}

const BRANCHES = 'refs/heads/';
const RECORDS: Readonly<Record<string, CommitKind>> = { 'refs/wsvc/pruned': 'pruned', 'refs/wsvc/moved': 'moved' };

const branchOf = (head: Head | undefined): string | undefined => (head?.kind === 'branch' ? head.branch : undefined);

/** Finds where lost refs stood; every choice says what it rests on. */
class RefRecovery {
  readonly changes: RefChange[] = [];
  readonly #sources: RecoverySources;
  readonly #targets: Map<string, GitObjectId>;
  #reached: ReadonlySet<CommitId>;

  constructor(sources: RecoverySources) {
    this.#sources = sources;
    this.#targets = new Map(sources.survey.whole);
    this.#reached = reachFrom(this.#starts(), sources.found.commits);
  }

  #starts(): readonly CommitId[] {
    return [...tipsOf(this.#sources.survey), ...[...this.#targets.values()].map((id) => parseCommitId(id))];
  }

  #change(ref: string, problem: string, target: GitObjectId | undefined, why: string): void {
    const before = this.#reached;
    if (target !== undefined) this.#targets.set(ref, target);
    this.#reached = reachFrom(this.#starts(), this.#sources.found.commits);
    const commits = [...this.#reached].filter((id) => !before.has(id) && this.#isOfKind(id, 'history'));
    const { isBare } = this.#sources.survey;
    this.changes.push({ ref, problem, target: target ?? null, why, commits, isBare });
  }

  #commit(id: CommitId | string | undefined): Commit | undefined {
    return id === undefined ? undefined : this.#sources.found.commits.get(id as CommitId);
  }

  #isOfKind(id: CommitId, kind: CommitKind): boolean {
    return (this.#sources.kinds.get(id) ?? 'history') === kind;
  }

  #trajectoryOf({ message }: Commit): string | undefined {
    try {
      return parseCommitMessage(message).trailers?.trajectory;
    } catch {
      return undefined;
    }
  }

  /** Of these commits the last one made that none of the others comes after. */
  #newest(commits: readonly Commit[]): Commit | undefined {
    const all = this.#sources.found.commits;
    const earlier = reachFrom(
      commits.flatMap(({ parents }) => parents),
      all,
    );
    const last = commits.filter(({ id }) => !earlier.has(id));
    const depth = (commit: Commit) => reachFrom([commit.id], all).size;
    return last.reduce<Commit | undefined>((best, commit) => {
      if (best === undefined) return commit;
      const later = commit.author.timestamp - best.author.timestamp || depth(commit) - depth(best);
      return later > 0 || (later === 0 && commit.id < best.id) ? commit : best;
    }, undefined);
  }

  /** Commits of the history that nothing reaches yet and none of their own comes after. */
  #looseTips(kind: CommitKind): readonly Commit[] {
    const loose = [...this.#sources.found.commits.values()].filter(
      ({ id }) => !this.#reached.has(id) && this.#isOfKind(id, kind),
    );
    const earlier = new Set(loose.flatMap(({ parents }) => parents));
    return loose.filter(({ id }) => !earlier.has(id));
  }

  #ofTrajectory(name: string): Commit | undefined {
    const all = [...this.#sources.found.commits.values()];
    return this.#newest(all.filter((commit) => this.#trajectoryOf(commit) === name));
  }

  /** Git's own record of a branch is older where wsvc moved it on. */
  #fromReflog(ref: string, newest: Commit | undefined): readonly [GitObjectId, string] | undefined {
    const logged = this.#commit(this.#sources.lastLogged.get(ref));
    if (logged === undefined) return undefined;
    const isOlder = newest !== undefined && reachFrom([newest.id], this.#sources.found.commits).has(logged.id);
    if (isOlder && newest.id !== logged.id) return undefined;
    return [parseGitObjectId(logged.id), "git's reflog says so"];
  }

  #chooseBranch(ref: string): readonly [GitObjectId, string] | undefined {
    const name = ref.slice(BRANCHES.length);
    const newest = this.#ofTrajectory(name);
    const logged = this.#fromReflog(ref, newest);
    if (logged !== undefined) return logged;
    if (newest !== undefined) return [parseGitObjectId(newest.id), 'the newest commit that was made on it'];
    const { head } = this.#sources.survey;
    const tip = head?.kind === 'branch' && head.branch === name ? this.#newest(this.#looseTips('history')) : undefined;
    return tip === undefined ? undefined : [parseGitObjectId(tip.id), 'the newest commit that no branch reaches'];
  }

  #chooseTag(ref: string): readonly [GitObjectId, string] | undefined {
    const name = ref.slice('refs/tags/'.length);
    const tag = [...this.#sources.found.tags].find(([, made]) => made.name === name);
    return tag === undefined ? undefined : [tag[0], 'the annotated tag of that name'];
  }

  #chooseRecord(ref: string): readonly [GitObjectId, string] | undefined {
    const kind = RECORDS[ref];
    const newest = kind === undefined ? undefined : this.#newest(this.#looseTips(kind));
    return newest === undefined ? undefined : [parseGitObjectId(newest.id), 'the newest record of its kind'];
  }

  #choose({ fullName, text }: LostRef): readonly [GitObjectId, string] | undefined {
    const { commits, tags } = this.#sources.found;
    const candidates = fullName.startsWith(BRANCHES) ? [...commits.keys()] : [...commits.keys(), ...tags.keys()];
    const alike = findAlike(text.trim().slice(0, 40), candidates);
    if (alike !== undefined) return [parseGitObjectId(alike), 'the only commit whose id is nearly what it says'];
    if (fullName.startsWith(BRANCHES)) return this.#chooseBranch(fullName);
    if (fullName.startsWith('refs/tags/')) return this.#chooseTag(fullName) ?? this.#fromReflog(fullName, undefined);
    const pinned = this.#commit(fullName.replace(/^refs\/wsvc\/pins\//, ''));
    if (pinned !== undefined) return [parseGitObjectId(pinned.id), 'its name says so'];
    return this.#chooseRecord(fullName) ?? this.#fromReflog(fullName, undefined);
  }

  /** Refs that are known by name. */
  recoverNamed(): void {
    const { lost, remembered } = this.#sources.survey;
    for (const id of remembered) {
      if (this.#reached.has(id) || this.#commit(id) === undefined) continue;
      const problem = 'What a lost ref named can be read again.';
      this.#change(this.#freeName(), problem, parseGitObjectId(id), 'it is in "refs.damaged"');
    }
    for (const ref of lost) {
      const chosen = this.#choose(ref);
      this.#change(ref.fullName, ref.problem, chosen?.[0], chosen?.[1] ?? 'no commit of it was found');
    }
    for (const { fullName } of lost.filter((ref) => ref.fullName.startsWith(BRANCHES))) {
      const isFound = this.changes.some(({ ref, target }) => ref === fullName && target !== null);
      const name = fullName.slice(BRANCHES.length);
      // Commits of the same name beside the chosen ones, or any where none was found, may have been what it named.
      this.recoverRest(`Perhaps it was on ${name}.`, isFound ? name : undefined);
    }
  }

  /** Where no branch is left: branches by what the commits say, and one for every other end of the history. */
  recoverAll(): void {
    const problem = 'No branch is left, and commits are stored.';
    const tips = this.#looseTips('history');
    const names = new Set<string>();
    for (const commit of this.#sources.found.commits.values()) names.add(this.#trajectoryOf(commit) ?? '');
    names.delete('');
    const { head } = this.#sources.survey;
    for (const name of [...names].sort()) this.#recoverAs(`${BRANCHES}${name}`, problem);
    if (head?.kind === 'branch' && tips.length > 0 && !names.has(head.branch))
      this.#recoverAs(`${BRANCHES}${head.branch}`, problem);
    this.recoverRest(problem);
    for (const [id, { name }] of this.#sources.found.tags) {
      const ref = `refs/tags/${name}`;
      if (!this.#targets.has(ref)) this.#change(ref, problem, id, 'the annotated tag of that name');
    }
    for (const ref of Object.keys(RECORDS)) {
      const chosen = this.#targets.has(ref) ? undefined : this.#chooseRecord(ref);
      if (chosen !== undefined) this.#change(ref, problem, ...chosen);
    }
  }

  #recoverAs(ref: string, problem: string): void {
    const chosen = this.#chooseBranch(ref);
    if (chosen !== undefined) this.#change(ref, problem, ...chosen);
  }

  #freeName(): string {
    for (let number = 1; ; number++) {
      const name = `${BRANCHES}recovered-${number}`;
      if (!this.#targets.has(name)) return name;
    }
  }

  /** A branch for every end of the history (or of that trajectory) that is left. */
  recoverRest(problem: string, trajectory?: string): void {
    for (;;) {
      const tips = this.#looseTips('history');
      const tip = this.#newest(
        tips.filter((one) => trajectory === undefined || this.#trajectoryOf(one) === trajectory),
      );
      if (tip === undefined) return;
      this.#change(this.#freeName(), problem, parseGitObjectId(tip.id), 'commits that no branch reaches');
    }
  }

  /** HEAD: the branch that its text is nearly, else one that is there. */
  recoverHead(): void {
    const { head, headText } = this.#sources.survey;
    const branches = [...this.#targets.keys()].filter((name) => name.startsWith(BRANCHES));
    const isNamed = ({ fullName, text }: LostRef) => fullName === `${BRANCHES}${branchOf(head)}` && isIdText(text);
    const isThere = head?.kind === 'detached' || branches.includes(`${BRANCHES}${branchOf(head)}`);
    if (this.#sources.survey.lost.some(isNamed)) return;
    if (isThere || (head !== undefined && branches.length === 0)) return;
    const problem =
      head === undefined ? 'It names neither a branch nor a commit.' : 'It names a branch that is not there.';
    const alike =
      head === undefined
        ? findAlike(
            headText.trim(),
            branches.map((name) => `ref: ${name}`),
          )
        : undefined;
    const tips = branches.flatMap((name) => this.#commit(this.#targets.get(name)) ?? []);
    const newest = this.#newest(tips)?.id;
    const branch =
      alike?.slice('ref: '.length) ??
      branches.find((name) => String(this.#targets.get(name)) === newest) ??
      `${BRANCHES}main`;
    const why = alike === undefined ? 'the branch of the newest commit' : 'the only branch that is nearly what it says';
    const isBare = this.#sources.survey.isBare && head !== undefined;
    this.changes.push({ ref: 'HEAD', problem, target: branch, why, commits: [], isBare });
  }
}

/** Plans where lost refs are to stand; empty where nothing is wrong. */
export function planRefRecovery(sources: RecoverySources): readonly RefChange[] {
  const recovery = new RefRecovery(sources);
  recovery.recoverNamed();
  if (sources.survey.isBare) recovery.recoverAll();
  recovery.recoverHead();
  return recovery.changes;
}
