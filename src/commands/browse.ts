import os from 'node:os';
import { WsvcCommand } from '../cli/base-command.ts';
import { hasColour } from '../cli/style.ts';
import { toWsvcError } from '../cli/to-wsvc-error.ts';
import { WsvcError } from '../errors.ts';

/** Ink draws nothing before it ends where these are set; who starts a browser on a terminal wants to see it. */
const HIDING_VARIABLES = ['CI', 'CONTINUOUS_INTEGRATION'] as const;

function requireTerminal(): void {
  if (process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb') return;
  throw new WsvcError('usage', 'The browser needs a terminal: it cannot read from, or draw on, anything else.', {
    suggestions: ['Use "wsvc log --trajectory" and "wsvc show", with --json for scripts.'],
  });
}

function describeError(thrown: unknown): string {
  const { message, suggestions } = toWsvcError(thrown);
  return [message, ...suggestions].join(' ');
}

export default class Browse extends WsvcCommand {
  static override enableJsonFlag = false;
  static override summary = 'Browse trajectories, checkpoints and tensors in the terminal.';
  static override description =
    'Identifies files and restores checkpoints from within; ? shows the keys. "wsvc" alone opens it inside a repository.';
  static override examples = ['<%= config.bin %> browse', '<%= config.bin %> browse -C models'];

  async run(): Promise<void> {
    const { flags } = await this.parse(Browse);
    requireTerminal();
    const repository = await this.repository(flags);
    for (const name of HIDING_VARIABLES) delete process.env[name];
    const { runBrowser } = await import('../tui/run-browser.tsx');
    const { stdin, stdout } = process;
    const world = { repository, homeDirectory: os.homedir(), describeError };
    await runBrowser(world, { stdin, stdout, hasColour: hasColour(stdout) });
  }

  /** What was only being read when the user quit is of no use to anybody: the process does not wait for it. */
  protected override async finally(error: Error | undefined): Promise<void> {
    await super.finally(error);
    if (process.stdout.isTTY) process.exit();
  }
}
