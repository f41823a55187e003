import { copyFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runProgram } from './program.ts';
import { timeProcess } from './timing.ts';

/** What keeping a series took. */
export interface Kept {
  /** Bytes after each file. */
  readonly sizes: readonly number[];
  /** CPU time of storing all, in ms. */
  readonly cpuMs: number;
}

/** Another way to keep a series of files. */
export interface Peer {
  readonly name: string;
  /** What must be installed. */
  readonly program: string;
  /** Stores the files one by one in an empty folder. */
  store(folder: string, files: readonly string[]): Kept;
}

/** Bytes of all files below a folder. */
export function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Stores file by file, each of which says the CPU time that it took. */
function keep(files: readonly string[], place: string, storeOne: (file: string, index: number) => number): Kept {
  const sizes: number[] = [];
  let cpuMs = 0;
  for (const [i, file] of files.entries()) {
    cpuMs += storeOne(file, i);
    sizes.push(bytesBelow(place));
  }
  return { sizes, cpuMs };
}

const GIT = ['git', '-c', 'user.name=bench', '-c', 'user.email=bench@example.org', '-c', 'gc.auto=0'];

/** Adds and commits each file as git does it; CPU time of the adds only, as for wsvc. */
function keepInGit(
  folder: string,
  files: readonly string[],
  place: string,
  prepare: readonly (readonly string[])[] = [],
  after = (): number => 0,
): Kept {
  runProgram(folder, [...GIT, 'init', '--quiet']);
  for (const command of prepare) runProgram(folder, [...GIT, ...command]);
  return keep(files, join(folder, '.git', place), (file) => {
    const name = basename(file);
    copyFileSync(file, join(folder, name));
    const { cpuMs } = timeProcess(folder, [...GIT, 'add', name]);
    runProgram(folder, [...GIT, 'commit', '--quiet', '-m', name]);
    return cpuMs + after();
  });
}

const git: Peer = {
  name: 'git, loose',
  program: 'git',
  store: (folder, files) => keepInGit(folder, files, 'objects'),
};

const gitGc: Peer = {
  name: 'git, gc after each',
  program: 'git',
  store(folder, files) {
    const gc = () => timeProcess(folder, [...GIT, 'gc', '--quiet', '--prune=now']).cpuMs;
    return keepInGit(folder, files, 'objects', [], gc);
  },
};

const gitLfs: Peer = {
  name: 'git-lfs',
  program: 'git-lfs',
  store(folder, files) {
    const patterns = [...new Set(files.map((file) => `*.${file.split('.').at(-1)}`))];
    const prepare = [
      ['lfs', 'install', '--local'],
      ['lfs', 'track', ...patterns],
    ];
    return keepInGit(folder, files, 'lfs/objects', prepare);
  },
};

const zstdOf = (folder: string, file: string, ...options: readonly string[]): number =>
  timeProcess(folder, ['zstd', '-q', '-3', '-T1', ...options, file, '-o', join(folder, basename(file))]).cpuMs;

const zstd: Peer = {
  name: 'zstd -3',
  program: 'zstd',
  store: (folder, files) => keep(files, folder, (file) => zstdOf(folder, file)),
};

const zstdPatch: Peer = {
  name: 'zstd -3 --patch-from',
  program: 'zstd',
  store: (folder, files) =>
    keep(files, folder, (file, i) => {
      const before = files[i - 1];
      return before === undefined ? zstdOf(folder, file) : zstdOf(folder, file, `--patch-from=${before}`);
    }),
};

const restic: Peer = {
  name: 'restic',
  program: 'restic',
  store(folder, files) {
    const env = {
      RESTIC_PASSWORD: 'bench',
      RESTIC_REPOSITORY: join(folder, 'repository'),
      RESTIC_CACHE_DIR: join(folder, 'cache'),
    };
    timeProcess(folder, ['restic', 'init'], env);
    const backUp = (file: string) => timeProcess(folder, ['restic', 'backup', file], env).cpuMs;
    return keep(files, join(folder, 'repository', 'data'), backUp);
  },
};

const borg: Peer = {
  name: 'borg',
  program: 'borg',
  store(folder, files) {
    const env = { BORG_BASE_DIR: folder };
    timeProcess(folder, ['borg', 'init', '-e', 'none', 'repository'], env);
    const create = (file: string) =>
      timeProcess(folder, ['borg', 'create', `repository::${basename(file)}`, file], env).cpuMs;
    return keep(files, join(folder, 'repository', 'data'), create);
  },
};

export const PEERS: readonly Peer[] = [git, gitGc, gitLfs, zstd, zstdPatch, restic, borg];
