import type { GitObjectId } from '../objects/ids.ts';

export type GitObjectType = 'blob' | 'tree' | 'commit' | 'tag';

export interface GitObject {
  readonly type: GitObjectType;
  readonly content: Uint8Array;
}

/** Where objects are read from and written to. */
export interface ObjectStore {
  /** @throws WsvcError `not-found`; CorruptError */
  read(id: GitObjectId): Promise<GitObject>;
  /** Durable when it resolves, unless the store is a batch. */
  write(object: GitObject): Promise<GitObjectId>;
}
