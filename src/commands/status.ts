import { plural } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { readStatus } from '../repo/read-status.ts';
import type { StatusResult } from '../repo/results.ts';

export default class Status extends WsvcCommand {
  static override summary = 'Show which model files are staged, changed or not saved.';
  static override description =
    'A file is saved when its content is reachable from any branch or tag. Files that were not touched since they were added are not read again.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json'];

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(Status);
    const result = await readStatus(await this.repository(flags));
    this.print(this.describe(result));
    return result;
  }

  private describe(result: StatusResult): string[] {
    const lines = [result.branch === null ? 'HEAD is on no branch' : `On branch ${this.paint('cyan', result.branch)}`];
    lines.push(
      ...this.section(
        'Staged (commit with "wsvc commit"):',
        'green',
        result.staged.map(({ path }) => path),
      ),
    );
    lines.push(...this.section('Changed since saved (use "wsvc add"):', 'red', result.changed));
    lines.push(...this.section('Not saved (use "wsvc add" or "wsvc import"):', 'red', result.untracked));
    lines.push(
      ...this.section('Stored here only (moved in; "wsvc restore" brings them back):', 'green', result.stored),
    );
    lines.push(...this.section('Missing here, but saved or staged (use "wsvc restore"):', 'yellow', result.missing));
    lines.push(
      ...this.section(
        'Only here: the stored content was pruned (use "wsvc add" to store it again):',
        'yellow',
        result.pruned,
      ),
    );
    lines.push(
      ...this.section(
        'Not saved, and cannot be under these names:',
        'red',
        (result.skipped ?? []).map(({ path, problem }) => `${JSON.stringify(path)}  ${problem}`),
      ),
    );
    lines.push('', `${plural(result.saved, 'model file')} here ${result.saved === 1 ? 'is' : 'are'} saved.`);
    return lines;
  }

  private section(title: string, style: 'green' | 'red' | 'yellow', paths: readonly string[]): string[] {
    return paths.length === 0 ? [] : ['', title, ...paths.map((path) => `  ${this.paint(style, path)}`)];
  }
}
