import { Args, Flags } from '@oclif/core';
import { plural, shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import type { Repository } from '../repo/repository.ts';
import { isPathToUnstage, type ResetOptions, type ResetResult, resetStaging } from '../repo/reset-staging.ts';

export default class Reset extends WsvcCommand {
  static override summary = 'Unstage files, or move the current branch to another commit.';
  static override examples = [
    '<%= config.bin %> reset',
    '<%= config.bin %> reset model.bin',
    '<%= config.bin %> reset run-1~2',
    '<%= config.bin %> reset --hard HEAD~1',
  ];
  static override strict = false;
  static override args = { what: Args.string({ description: 'Paths to unstage, or a revision to move to.' }) };
  static override flags = {
    hard: Flags.boolean({ description: 'Make the work tree hold what the revision holds.' }),
    force: Flags.boolean({ char: 'f', description: 'Overwrite files that are saved nowhere.' }),
  };

  async run(): Promise<ResetResult> {
    const { argv, flags } = await this.parse(Reset);
    const repository = await this.repository(flags);
    const options = await this.options(argv.map(String), flags, repository);
    const result = await this.perform(resetStaging(repository, options));
    if (result.unstaged.length > 0) this.print(`Unstaged ${result.unstaged.join(', ')}.`);
    const moved = result.restored.length + result.removed.length;
    if (result.commit !== null)
      this.print(`HEAD is at ${shortId(result.commit)}${moved > 0 ? `; ${plural(moved, 'file')} changed` : ''}.`);
    if (result.pruned.length > 0)
      this.print(`Left alone ${plural(result.pruned.length, 'path')}: the content was pruned.`);
    return result;
  }

  private async options(
    named: readonly string[],
    { hard, force }: { readonly hard: boolean; readonly force: boolean },
    repository: Repository,
  ): Promise<ResetOptions> {
    const [first] = named;
    if (first === undefined) return hard ? { revision: 'HEAD', hard, force } : {};
    const arePaths = named.length > 1 || (await isPathToUnstage(repository, first));
    return arePaths ? { paths: named } : { revision: first, hard, force };
  }
}
