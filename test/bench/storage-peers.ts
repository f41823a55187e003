import { copyFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runProgram } from './program.ts';
import { timeProcess } from './timing.ts';

/** Another way to keep a series of files. */
export interface Peer {
  readonly name: string;
  /** What must be installed. */
  readonly program: string;
  /** Stores the files one by one in an empty folder; says what they take, and the CPU time of storing. */
  store(folder: string, files: readonly string[]): { readonly storedBytes: number; readonly cpuMs: number };
}

/** Bytes of all files below a folder. */
export function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const GIT = ['git', '-c', 'user.name=bench', '-c', 'user.email=bench@example.org', '-c', 'gc.auto=0'];

/** Adds and commits each file as git does it; CPU time of the adds only, as for wsvc. */
function addToGit(folder: string, files: readonly string[], prepare: readonly (readonly string[])[] = []): number {
  runProgram(folder, [...GIT, 'init', '--quiet']);
  for (const command of prepare) runProgram(folder, [...GIT, ...command]);
  let cpuMs = 0;
  for (const file of files) {
    const name = basename(file);
    copyFileSync(file, join(folder, name));
    cpuMs += timeProcess(folder, [...GIT, 'add', name]).cpuMs;
    runProgram(folder, [...GIT, 'commit', '--quiet', '-m', name]);
  }
  return cpuMs;
}

const gitObjects = (folder: string) => bytesBelow(join(folder, '.git', 'objects'));

const git: Peer = {
  name: 'git, loose',
  program: 'git',
  store(folder, files) {
    const cpuMs = addToGit(folder, files);
    return { storedBytes: gitObjects(folder), cpuMs };
  },
};

const gitGc: Peer = {
  name: 'git, after gc',
  program: 'git',
  store(folder, files) {
    const added = addToGit(folder, files);
    const packed = timeProcess(folder, [...GIT, 'gc', '--quiet', '--prune=now']).cpuMs;
    return { storedBytes: gitObjects(folder), cpuMs: added + packed };
  },
};

const gitLfs: Peer = {
  name: 'git-lfs',
  program: 'git-lfs',
  store(folder, files) {
    const cpuMs = addToGit(folder, files, [
      ['lfs', 'install', '--local'],
      ['lfs', 'track', '*.safetensors'],
    ]);
    return { storedBytes: bytesBelow(join(folder, '.git', 'lfs', 'objects')), cpuMs };
  },
};

const zstd: Peer = {
  name: 'zstd -3 a file',
  program: 'zstd',
  store(folder, files) {
    const outputs = files.map((file) => ['zstd', '-q', '-3', '-T1', file, '-o', join(folder, basename(file))]);
    const cpuMs = outputs.reduce((sum, command) => sum + timeProcess(folder, command).cpuMs, 0);
    return { storedBytes: bytesBelow(folder), cpuMs };
  },
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
    const cpuMs = files.reduce((sum, file) => sum + timeProcess(folder, ['restic', 'backup', file], env).cpuMs, 0);
    return { storedBytes: bytesBelow(join(folder, 'repository', 'data')), cpuMs };
  },
};

const borg: Peer = {
  name: 'borg',
  program: 'borg',
  store(folder, files) {
    const env = { BORG_BASE_DIR: folder };
    timeProcess(folder, ['borg', 'init', '-e', 'none', 'repository'], env);
    const cpuMs = files.reduce(
      (sum, file) => sum + timeProcess(folder, ['borg', 'create', `repository::${basename(file)}`, file], env).cpuMs,
      0,
    );
    return { storedBytes: bytesBelow(join(folder, 'repository', 'data')), cpuMs };
  },
};

export const PEERS: readonly Peer[] = [git, gitGc, zstd, gitLfs, restic, borg];
