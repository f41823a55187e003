import { Args, Flags } from '@oclif/core';
import { shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { createTag, deleteTag, listTags } from '../repo/refs.ts';
import type { NamedCommit } from '../repo/results.ts';

export default class Tag extends WsvcCommand {
  static override summary = 'List, make or delete tags.';
  static override examples = [
    '<%= config.bin %> tag',
    '<%= config.bin %> tag v1.0 run-1@{12}',
    '<%= config.bin %> tag -d v1.0',
  ];
  static override args = {
    name: Args.string({ description: 'Name of the tag.' }),
    revision: Args.string({ description: 'What it marks; HEAD by default.' }),
  };
  static override flags = { delete: Flags.boolean({ char: 'd', description: 'Delete the tag.' }) };

  async run(): Promise<readonly NamedCommit[]> {
    const { args, flags } = await this.parse(Tag);
    const repository = await this.repository(flags);
    if (args.name === undefined) {
      const tags = await listTags(repository);
      for (const { name, commit } of tags) this.print(`${name}  ${this.paint('yellow', shortId(commit))}`);
      return tags;
    }
    const done = flags.delete
      ? await deleteTag(repository, args.name)
      : await createTag(repository, args.name, args.revision);
    this.print(`${flags.delete ? 'Deleted' : 'Made'} tag ${done.name} (at ${shortId(done.commit)}).`);
    return [done];
  }
}
