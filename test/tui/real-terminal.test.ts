import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasTmux, openTerminal, type RealTerminal } from './terminal.ts';
import { writeRun } from './write-run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = path.join(ROOT, 'bin', 'run.js');
const isBuilt = existsSync(path.join(ROOT, 'dist', 'commands', 'browse.js'));
if (!isBuilt)
  console.warn('SKIPPED: the program is not built (npm run build); the browser is not tried in a terminal.');

function wsvc(directory: string, ...args: readonly string[]): void {
  execFileSync(process.execPath, [PROGRAM, ...args], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
}

describe.skipIf(!isBuilt || !hasTmux())('wsvc browse in a real terminal of 80 x 24', () => {
  let folder: string;
  let terminal: RealTerminal;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-browse-'));
    wsvc(folder, 'init');
    const files = await writeRun(path.join(folder, 'first'), 1, 8);
    await writeRun(path.join(folder, 'second'), 2, 4);
    wsvc(folder, 'import', 'first');
    wsvc(folder, 'import', 'second');
    await copyFile(files[3] ?? '', path.join(folder, 'mystery.bin'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  beforeEach(() => {
    terminal = openTerminal(folder);
  });
  afterEach(() => terminal.close());

  /** Starts the browser below a line of text, with the terminal's settings written down. */
  async function start(command: string): Promise<void> {
    terminal.type('clear; echo what stood there before; stty -g > before.stty');
    await terminal.waitFor(/^what stood there before$/m);
    terminal.type(command);
    await terminal.waitFor(/^wsvc › trajectories +1\/2$/m);
    expect(terminal.ask('alternate_on')).toBe('1');
    expect(terminal.ask('cursor_flag')).toBe('0');
  }

  /** Checks that the screen shows what it showed, and that the terminal behaves as it did. */
  async function expectAsBefore(code: number): Promise<readonly string[]> {
    await terminal.waitFor(/^what stood there before\n[\s\S]*^\$\s*$/m);
    terminal.type(`echo "left with $?"; stty -g > after.stty; echo done`);
    const lines = await terminal.waitFor(/^done$/m);
    expect(lines.join('\n')).toMatch(new RegExp(`^left with ${code}$`, 'm'));
    expect(lines[0]).toBe('what stood there before');
    expect(lines.join('\n')).not.toContain('trajectories');
    expect(terminal.ask('alternate_on')).toBe('0');
    expect(terminal.ask('cursor_flag')).toBe('1');
    const [before, after] = await Promise.all(
      ['before.stty', 'after.stty'].map((name) => readFile(path.join(folder, name), 'utf8')),
    );
    expect(after).toBe(before);
    return lines;
  }

  /** The browser's own process: the shell's child. */
  function browserPid(): number {
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', terminal.ask('pane_pid')], { encoding: 'utf8' });
    return Number(stdout.trim().split('\n')[0]);
  }

  it('walks in and out, identifies a file, restores one, and is left with q', async () => {
    await start(`node ${PROGRAM}`);
    expect(terminal.lines()[22]).toMatch(/jk↑↓ move .* q quit/);
    terminal.press('Enter');
    await terminal.waitFor(/^wsvc › trajectories › run-\d +1\/8$/m);
    terminal.press('Down', 'j');
    await terminal.waitFor(/^> +2 {2}first\/step02\.safetensors/m);
    terminal.press('l');
    await terminal.waitFor(/^> layer1\.bias|^> layer1\.weight/m);
    await terminal.waitFor(/^place {2}run-\d at 2, next/m);
    terminal.press('h', 'h');
    await terminal.waitFor(/^wsvc › trajectories +1\/2$/m);
    terminal.press('i', 'myst', 'Tab');
    await terminal.waitFor(/^identify file: mystery\.bin█$/m);
    terminal.press('Enter');
    const answer = (await terminal.waitFor(/what is mystery\.bin\?/)).join('\n');
    expect(answer).toMatch(/relation +identical/);
    expect(answer).toMatch(/position +3$/m);
    expect(answer).toMatch(/parent +100\.0 % {2}first\/step03\.safetensors/);
    terminal.press('G', 'r', 'C-u', 'out.bin', 'Enter');
    await terminal.waitFor(/^Restored out\.bin/m);
    const [restored, original] = await Promise.all(
      ['out.bin', 'mystery.bin'].map((name) => readFile(path.join(folder, name))),
    );
    expect(restored?.equals(original ?? Buffer.alloc(0))).toBe(true);
    terminal.press('q');
    await expectAsBefore(0);
  });

  it('says what went wrong and goes on; is left with Ctrl-C, also from where something is typed', async () => {
    await start(`node ${PROGRAM} browse`);
    terminal.press('i', 'no-such-file', 'Enter');
    await terminal.waitFor(/^error: There is no file/m);
    terminal.press('j');
    await terminal.waitFor(/^wsvc › trajectories +2\/2$/m);
    terminal.press('i', 'abc');
    await terminal.waitFor(/^identify file: abc█$/m);
    terminal.press('C-c');
    await expectAsBefore(0);
  });

  it('follows the size of the terminal', async () => {
    await start(`node ${PROGRAM} browse`);
    terminal.press('Enter');
    await terminal.waitFor(/1\/8$/m);
    terminal.resize(50, 10);
    await terminal.waitFor(/^wsvc › trajectories › run-\d {10,20}1\/8$/m);
    expect(terminal.lines().filter((line) => line.startsWith('wsvc'))).toHaveLength(1);
    terminal.resize(80, 24);
    await terminal.waitFor(/^wsvc › trajectories › run-\d {40,}1\/8$/m);
    expect(terminal.lines().filter((line) => line.startsWith('>'))).toHaveLength(1);
    terminal.press('q');
    await expectAsBefore(0);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('leaves the terminal as it was on %s', async (signal, code) => {
    await start(`node ${PROGRAM} browse`);
    process.kill(browserPid(), signal);
    await expectAsBefore(code);
  });

  it('leaves the terminal as it was when it fails inside, and says so', async () => {
    const failing = path.join(folder, 'failing.mjs');
    await writeFile(failing, "process.on('SIGUSR2', () => { throw new Error('made to fail'); });");
    await start(`node --import ${failing} ${PROGRAM} browse`);
    process.kill(browserPid(), 'SIGUSR2');
    const lines = await expectAsBefore(255);
    expect(lines.join(' ')).toContain('Something went wrong inside wsvc: made to fail');
  });

  it('draws without colour where NO_COLOR asks for it', async () => {
    await start(`NO_COLOR=1 CI=true node ${PROGRAM} browse`);
    expect(terminal.styled()).not.toContain('\u001b[');
    terminal.press('q');
    await expectAsBefore(0);
  });

  it('refuses, clearly, what is no terminal', () => {
    const run = spawnSync(process.execPath, [PROGRAM, 'browse'], { cwd: folder, encoding: 'utf8' });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('needs a terminal');
    expect(run.stdout).toBe('');
  });
});
