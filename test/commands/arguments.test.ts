import { describe, expect, it } from 'vitest';
import { normalizeArguments } from '../../src/cli/arguments.ts';
import { runWsvc } from './program.ts';

describe('arguments', () => {
  it.each<[string, string]>([
    ['', ''],
    ['status', 'status'],
    ['-C dir status', 'status -C dir'],
    ['-Cdir status --json', 'status -Cdir --json'],
    ['--directory=dir log -n 1', 'log --directory=dir -n 1'],
    ['--json -C dir add x', 'add --json -C dir x'],
    ['add -C dir x', 'add -C dir x'],
    ['-C dir', '--help'],
    ['-C', '--help'],
    ['--json', '--help'],
    ['help', '--help'],
    ['help add', 'add --help'],
    ['-h', '--help'],
    ['add -h', 'add --help'],
    ['add -- -h', 'add -- -h'],
    ['version', '--version'],
    ['--help', '--help'],
    ['--version', '--version'],
  ])('%j are read as %j', (typed, read) => {
    const split = (line: string) => line.split(' ').filter((word) => word !== '');
    expect(normalizeArguments(split(typed))).toEqual(split(read));
  });
});

it('prune --help shows that both ways of keeping go together', async () => {
  const { stdout } = await runWsvc('.', 'prune', '--help');
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('[--keep-last N] [--keep-every N]');
});
