import { Args, Flags } from '@oclif/core';
import { shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { createBranch, deleteBranch, listBranches } from '../repo/refs.ts';
import type { NamedCommit } from '../repo/results.ts';

export default class Branch extends WsvcCommand {
  static override summary = 'List, make or delete branches; every trajectory is one.';
  static override examples = [
    '<%= config.bin %> branch',
    '<%= config.bin %> branch keep run-1~3',
    '<%= config.bin %> branch -d keep',
  ];
  static override args = {
    name: Args.string({ description: 'Name of the branch to make or delete.' }),
    revision: Args.string({ description: 'Where it stands; HEAD by default.' }),
  };
  static override flags = {
    delete: Flags.boolean({ char: 'd', description: 'Delete the branch.' }),
    force: Flags.boolean({ char: 'f', description: 'Delete it even if only it reaches its checkpoints.' }),
  };

  async run(): Promise<readonly NamedCommit[]> {
    const { args, flags } = await this.parse(Branch);
    const repository = await this.repository(flags);
    if (args.name === undefined) return this.list(await listBranches(repository));
    const done = flags.delete
      ? await deleteBranch(repository, args.name, flags.force)
      : await createBranch(repository, args.name, args.revision);
    this.print(`${flags.delete ? 'Deleted' : 'Made'} branch ${done.name} (at ${shortId(done.commit)}).`);
    return [done];
  }

  private list(branches: readonly NamedCommit[]): readonly NamedCommit[] {
    for (const { name, commit, current } of branches) {
      this.print(
        `${current ? '*' : ' '} ${current ? this.paint('green', name) : name}  ${this.paint('yellow', shortId(commit))}`,
      );
    }
    return branches;
  }
}
