import { Args } from '@oclif/core';
import { WsvcCommand } from '../cli/base-command.ts';
import { EXIT_NO } from '../cli/exit-codes.ts';
import { findMergeBase } from '../repo/refs.ts';

export default class MergeBase extends WsvcCommand {
  static override summary = 'Find the best common ancestor of two revisions.';
  static override examples = ['<%= config.bin %> merge-base run-1 run-2'];
  static override args = {
    a: Args.string({ required: true, description: 'A revision.' }),
    b: Args.string({ required: true, description: 'Another revision.' }),
  };

  async run(): Promise<{ commit: string | null }> {
    const { args, flags } = await this.parse(MergeBase);
    const commit = await findMergeBase(await this.repository(flags), args.a, args.b);
    if (commit === null) process.exitCode = EXIT_NO;
    else this.print(commit);
    return { commit };
  }
}
