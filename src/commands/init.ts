import path from 'node:path';
import { Args } from '@oclif/core';
import { WsvcCommand } from '../cli/base-command.ts';
import { initRepository } from '../repo/repository.ts';

export default class Init extends WsvcCommand {
  static override summary = 'Make a repository for model checkpoints.';
  static override examples = ['<%= config.bin %> init', '<%= config.bin %> init experiments'];
  static override args = {
    directory: Args.string({ description: 'Folder to make it in; the current one by default.' }),
  };

  async run(): Promise<{ repository: string }> {
    const { args, flags } = await this.parse(Init);
    const { workingDirectory } = await this.environment(flags);
    const { repository, created } = await initRepository(path.resolve(workingDirectory, args.directory ?? '.'));
    this.print(`${created ? 'Initialized an empty' : 'Checked the existing'} wsvc repository in ${repository}`);
    return { repository };
  }
}
