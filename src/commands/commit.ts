import { Flags } from '@oclif/core';
import { describePlace, shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { commitStaged } from '../repo/commit-staged.ts';
import type { CommitResult } from '../repo/results.ts';

export default class Commit extends WsvcCommand {
  static override summary = 'Commit what is staged, each checkpoint at its inferred place.';
  static override examples = [
    '<%= config.bin %> commit -m "After the learning rate change"',
    '<%= config.bin %> commit --trajectory baseline',
    '<%= config.bin %> commit --onto run-1~2',
  ];
  static override flags = {
    message: Flags.string({ char: 'm', description: 'Commit message.' }),
    onto: Flags.string({ description: 'Declare the revision that the checkpoint comes from.' }),
    trajectory: Flags.string({ description: 'Declare the trajectory (branch) that it lies on.' }),
  };

  async run(): Promise<CommitResult> {
    const { flags } = await this.parse(Commit);
    const { message, onto, trajectory } = flags;
    const result = await this.perform(
      commitStaged(await this.repository(flags), {
        ...(message === undefined ? {} : { message }),
        ...(onto === undefined ? {} : { onto }),
        ...(trajectory === undefined ? {} : { trajectory }),
      }),
    );
    for (const { commit, branch, paths, placement } of result.commits) {
      this.print(
        `[${this.paint('cyan', branch)} ${this.paint('yellow', shortId(commit))}] ${paths.join(', ')}: ${describePlace(placement)}`,
      );
    }
    if (result.commits.length === 0) this.print('Nothing new: all that was staged is committed already.');
    else if (!result.head.moved && result.head.branch !== null) this.print(`HEAD stays on ${result.head.branch}.`);
    return result;
  }
}
