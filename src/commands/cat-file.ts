import { Args } from '@oclif/core';
import { WsvcCommand } from '../cli/base-command.ts';
import { type CatResult, catFile } from '../repo/cat-file.ts';

export default class CatFile extends WsvcCommand {
  static override summary = 'Print a blob, manifest, pointer or commit as it is stored.';
  static override examples = [
    '<%= config.bin %> cat-file run-1',
    '<%= config.bin %> cat-file run-1:ckpt.pt',
    '<%= config.bin %> cat-file 3f2a9c… > chunk.bin',
  ];
  static override args = {
    object: Args.string({ required: true, description: 'A blob id, a revision, or REV:PATH.' }),
  };

  async run(): Promise<CatResult | undefined> {
    const { args, flags } = await this.parse(CatFile);
    const { result, bytes } = await catFile(await this.repository(flags), args.object);
    if (!this.jsonEnabled()) process.stdout.write(bytes);
    return result;
  }
}
