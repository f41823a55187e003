import { Args, Flags } from '@oclif/core';
import { WsvcCommand } from '../cli/base-command.ts';
import { formatBytes } from '../cli/describe.ts';
import { restoreFiles } from '../repo/restore-files.ts';
import type { RestoreResult } from '../repo/results.ts';

export default class Restore extends WsvcCommand {
  static override summary = 'Bring files back, byte for byte.';
  static override examples = [
    '<%= config.bin %> restore model.bin',
    '<%= config.bin %> restore run-1@{12} -o best.pt',
    '<%= config.bin %> restore run-2~1:ckpt.safetensors',
  ];
  static override strict = false;
  static override args = { what: Args.string({ required: true, description: 'Paths, revisions, or REV:PATH.' }) };
  static override flags = {
    output: Flags.string({ char: 'o', description: 'Write the file here.' }),
    force: Flags.boolean({ char: 'f', description: 'Overwrite files that are saved nowhere.' }),
  };

  async run(): Promise<RestoreResult> {
    const { argv, flags } = await this.parse(Restore);
    const result = await this.perform(
      restoreFiles(await this.repository(flags), argv.map(String), {
        force: flags.force,
        ...(flags.output === undefined ? {} : { output: flags.output }),
      }),
    );
    for (const { path, bytes, sha256 } of result.restored)
      this.print(`Restored ${path} (${formatBytes(bytes)}, sha256 ${sha256})`);
    return result;
  }
}
