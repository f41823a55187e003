import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { WsvcError } from '../errors.ts';

/** An open file. Offsets and lengths in bytes. */
export interface DiskFile {
  readonly fd: number;
  /** Appends all of the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Reads up to `byteLength` bytes; fewer only at the end of the file. */
  read(offset: number, byteLength: number): Promise<Uint8Array>;
  /** Identifies the file, whatever its path names by now. */
  inode(): Promise<number>;
  /** Forces what was written to the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskStat {
  readonly kind: 'file' | 'directory';
  readonly byteLength: number;
  readonly modifiedMs: number;
  /** Identifies the file behind a path, so that a replaced one is seen. */
  readonly inode: number;
}

/** `wx+` creates and fails when the path exists. */
export type OpenMode = 'r' | 'r+' | 'wx+' | 'a+';

/**
 * The file operations that the store's promises rest on. The store uses no others, so that a test can fail, cut or
 * record each of them.
 *
 * @throws WsvcError `system`, with node's error as its cause.
 */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  readFile(path: string): Promise<Uint8Array>;
  /** Names in a directory, sorted; none when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** `undefined` when there is nothing of that name. */
  find(path: string): Promise<DiskStat | undefined>;
  /** Makes a directory and those above it; harmless when it exists. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name, and fails when that exists: an atomic create with content. */
  link(from: string, to: string): Promise<void>;
  /** Removes a file; harmless when it is gone. */
  remove(path: string): Promise<void>;
  /** Removes a directory that is empty; harmless when it is not, or is gone. */
  removeDirectory(path: string): Promise<void>;
  /** Makes renames, links and removals in a directory durable. */
  syncDirectory(path: string): Promise<void>;
}

function causeCode(error: unknown): string | undefined {
  const cause = error instanceof WsvcError ? error.cause : error;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}

/** True for an error that says that a path does not exist. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(causeCode(error) ?? '');
/** True for an error that says that a path is a directory. */
export const isDirectoryError = (error: unknown): boolean => causeCode(error) === 'EISDIR';
/** True for an error that says that a path exists. */
export const isExisting = (error: unknown): boolean => causeCode(error) === 'EEXIST';

const SUGGESTIONS: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some disk space and run the command again; what was saved before is intact.',
  EDQUOT: 'Free some of your quota and run the command again; what was saved before is intact.',
  EACCES: 'Check who owns the repository and whether you may write to it.',
  EPERM: 'Check who owns the repository and whether you may write to it.',
  EROFS: 'The file system is mounted read-only.',
};

function systemError(action: string, path: string, cause: unknown): WsvcError {
  const code = causeCode(cause) ?? 'unknown error';
  const suggestion = SUGGESTIONS[code];
  return new WsvcError('system', `Cannot ${action} "${path}" (${code}).`, {
    cause,
    ...(suggestion === undefined ? {} : { suggestions: [suggestion] }),
  });
}

async function attempt<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw systemError(action, path, error);
  }
}

/** One `write` may take less than it is given; one `read` may return less than it could. Both are repeated. */
class NodeFile implements DiskFile {
  readonly fd: number;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
    this.fd = handle.fd;
  }

  write(bytes: Uint8Array): Promise<void> {
    return attempt('write', this.#path, async () => {
      for (let done = 0; done < bytes.byteLength; ) {
        done += (await this.#handle.write(bytes, done)).bytesWritten;
      }
    });
  }

  read(offset: number, byteLength: number): Promise<Uint8Array> {
    return attempt('read', this.#path, async () => {
      const bytes = new Uint8Array(byteLength);
      let done = 0;
      while (done < byteLength) {
        const { bytesRead } = await this.#handle.read(bytes, done, byteLength - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done === byteLength ? bytes : bytes.slice(0, done);
    });
  }

  inode(): Promise<number> {
    return attempt('look at', this.#path, async () => (await this.#handle.stat()).ino);
  }

  sync(): Promise<void> {
    return attempt('flush', this.#path, () => this.#handle.sync());
  }

  close(): Promise<void> {
    return attempt('close', this.#path, () => this.#handle.close());
  }
}

async function findPath(path: string): Promise<DiskStat | undefined> {
  try {
    const found = await stat(path);
    const kind = found.isDirectory() ? 'directory' : 'file';
    return { kind, byteLength: found.size, modifiedMs: found.mtimeMs, inode: found.ino };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw systemError('look at', path, error);
  }
}

async function listNames(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw systemError('list', path, error);
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw systemError('remove', path, error);
  }
}

async function removeDirectory(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    const code = causeCode(error) ?? '';
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) throw systemError('remove', path, error);
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its renames are journalled by the file system.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The real file system. */
export const nodeDisk: Disk = {
  open: (path, mode) => attempt('open', path, async () => new NodeFile(await open(path, mode), path)),
  readFile: (path) => attempt('read', path, async () => new Uint8Array(await readFile(path))),
  list: listNames,
  find: findPath,
  makeDirectory: (path) => attempt('make', path, async () => void (await mkdir(path, { recursive: true }))),
  rename: (from, to) => attempt('rename to', to, () => rename(from, to)),
  link: (from, to) => attempt('create', to, () => link(from, to)),
  remove: removeFile,
  removeDirectory,
  syncDirectory: (path) => attempt('flush', path, () => syncDirectory(path)),
};
