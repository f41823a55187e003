import { Args, Flags } from '@oclif/core';
import { plural, shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { type SwitchResult, switchBranch } from '../repo/switch-branch.ts';

export default class Switch extends WsvcCommand {
  static override summary = 'Move to another branch and make the work tree hold its files.';
  static override description = 'No file is overwritten or removed unless its content is saved.';
  static override examples = [
    '<%= config.bin %> switch run-2',
    '<%= config.bin %> switch -c experiment',
    '<%= config.bin %> switch --detach run-1~2',
  ];
  static override args = {
    branch: Args.string({ required: true, description: 'Branch, or a revision with --detach.' }),
  };
  static override flags = {
    create: Flags.boolean({ char: 'c', description: 'Make the branch first.' }),
    detach: Flags.boolean({ description: 'Stand on a commit instead of a branch.' }),
    force: Flags.boolean({ char: 'f', description: 'Overwrite files that are saved nowhere.' }),
  };

  async run(): Promise<SwitchResult> {
    const { args, flags } = await this.parse(Switch);
    const { create, detach, force } = flags;
    const result = await this.perform(
      switchBranch(await this.repository(flags), args.branch, { create, detach, force }),
    );
    const where = result.branch === null ? `commit ${shortId(result.commit ?? '')}` : `branch ${result.branch}`;
    this.print(
      `Now on ${where}: ${plural(result.restored.length, 'file')} restored, ${result.removed.length} removed.`,
    );
    if (result.pruned.length > 0)
      this.print(`Left alone ${plural(result.pruned.length, 'path')}: the content was pruned.`);
    return result;
  }
}
