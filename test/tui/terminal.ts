import { spawnSync } from 'node:child_process';

/** True where a real terminal can be opened. Says so loudly where not. */
export function hasTmux(): boolean {
  const isThere = spawnSync('tmux', ['-V']).status === 0;
  if (!isThere) console.warn('SKIPPED: no tmux; the browser is not tried in a real terminal.');
  return isThere;
}

/** How long something may take to appear on a busy machine. */
const PATIENCE_MS = 20_000;
const POLL_MS = 100;

let opened = 0;

/** A real terminal, with a shell in it. */
export interface RealTerminal {
  /** Types keys, as tmux names them: `Enter`, `C-c`, `PageDown`; text is typed as it is. */
  press(...keys: readonly string[]): void;
  /** Types a line to the shell. */
  type(line: string): void;
  lines(): readonly string[];
  /** The screen with its colours, as escape sequences. */
  styled(): string;
  /** Waits until the screen fits; returns its lines. */
  waitFor(what: RegExp): Promise<readonly string[]>;
  /** A variable of tmux about this terminal: `alternate_on`, `cursor_flag`, `pane_pid`. */
  ask(variable: string): string;
  resize(columns: number, rows: number): void;
  close(): void;
}

/** Opens a terminal of 80 x 24 with a bare shell in `directory`, in a tmux server of its own. */
export function openTerminal(directory: string): RealTerminal {
  opened += 1;
  const server = ['-L', `wsvc-test-${process.pid}-${opened}`, '-f', '/dev/null'];
  const tmux = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync('tmux', [...server, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const env = ['env', 'PS1=$ ', 'LC_ALL=C.UTF-8', 'bash', '--norc', '--noprofile'];
  tmux('-u', 'new-session', '-d', '-x', '80', '-y', '24', '-c', directory, ...env);
  const lines = (): readonly string[] =>
    tmux('capture-pane', '-p')
      .split('\n')
      .map((line) => line.trimEnd());
  return {
    press: (...keys) => void tmux('send-keys', ...keys),
    type: (line) => void tmux('send-keys', line, 'Enter'),
    lines,
    styled: () => tmux('capture-pane', '-p', '-e'),
    waitFor: async (what) => {
      for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
        const shown = lines();
        if (what.test(shown.join('\n'))) return shown;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      throw new Error(`${what} did not appear on:\n${lines().join('\n')}`);
    },
    ask: (variable) => tmux('display-message', '-p', `#{${variable}}`).trim(),
    resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    close: () => void spawnSync('tmux', [...server, 'kill-server']),
  };
}
