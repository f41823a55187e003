import { CorruptError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId } from '../objects/ids.ts';
import type { Disk } from './disk.ts';
import { encodeCommit } from './git-format.ts';
import type { GitObjects } from './git-objects.ts';
import { GitObjectBatch } from './git-pack.ts';
import type { GitRefs } from './git-refs.ts';
import type { GitTrees } from './git-trees.ts';
import type { Commit, NewRecords, RecordTree } from './history.ts';
import { writeRecordTree } from './record-tree.ts';

/** Where the pins of users are. */
const PINS = 'refs/wsvc/pins/';

/** True for a ref of wsvc's own records, whose trees hold no checkpoints. */
export const isRecordRef = (fullName: string): boolean =>
  fullName.startsWith('refs/wsvc/') && !fullName.startsWith(PINS);

/** What records need of the history that they are part of. */
export interface RecordHost {
  readonly disk: Disk;
  readonly objects: GitObjects;
  readonly trees: GitTrees;
  readonly refs: GitRefs;
  readCommit(id: CommitId): Promise<Commit>;
}

/** Wsvc's own refs: record trees, and pins. */
export class GitRecords {
  readonly #host: RecordHost;

  constructor(host: RecordHost) {
    this.#host = host;
  }

  async readTree(name: string): Promise<RecordTree> {
    const { refs, trees } = this.#host;
    const id = await refs.find(`refs/wsvc/${name}`);
    if (id === undefined) return { files: new Map() };
    const commit = parseCommitId(id);
    const files = new Map<string, GitObjectId>();
    const { tree } = await this.#host.readCommit(commit);
    for await (const file of trees.files(tree)) files.set(file.path, file.id);
    return { commit, files };
  }

  async read(file: GitObjectId): Promise<Uint8Array> {
    const { type, content } = await this.#host.objects.read(file);
    if (type !== 'blob') throw new CorruptError(`git object ${file} is a ${type} where a record must be`);
    return content;
  }

  async write(name: string, records: NewRecords, expected: CommitId | undefined): Promise<CommitId> {
    const batch = new GitObjectBatch(this.#host.objects, this.#host.disk);
    const parents = expected === undefined ? [] : [expected];
    const tree = await writeRecordTree(batch, records.files);
    const { message, author } = records;
    const content = encodeCommit({ parents, tree, message, author });
    const commit = parseCommitId(await batch.write({ type: 'commit', content }));
    await batch.flush();
    await this.#host.refs.update(`refs/wsvc/${name}`, commit, expected);
    return commit;
  }

  async listPins(): Promise<readonly CommitId[]> {
    const refs = await this.#host.refs.list('any');
    return refs.filter(({ fullName }) => fullName.startsWith(PINS)).map(({ id }) => parseCommitId(id));
  }

  async writePin(commit: CommitId): Promise<void> {
    await this.#host.readCommit(commit);
    const name = `${PINS}${commit}`;
    if ((await this.#host.refs.find(name)) === undefined) await this.#host.refs.update(name, commit, undefined);
  }

  async deletePin(commit: CommitId): Promise<void> {
    await this.#host.refs.remove(`${PINS}${commit}`);
  }
}
