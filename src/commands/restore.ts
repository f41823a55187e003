import { Args, Flags } from '@oclif/core';
import { formatBytes } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { EXIT_CODES } from '../cli/exit-codes.ts';
import { WRITABLE_FORMATS } from '../formats/writers.ts';
import { convertCheckpoint } from '../repo/convert-checkpoint.ts';
import { restoreFiles } from '../repo/restore-files.ts';
import type { RestoreResult } from '../repo/results.ts';

export default class Restore extends WsvcCommand {
  static override summary = 'Bring files back, byte for byte.';
  static override description =
    'A path comes back as it is staged, else as it was last committed; REV:PATH as that commit has it. Of several, damaged ones are named and the others restored (exit code 12).';
  static override examples = [
    '<%= config.bin %> restore model.bin',
    '<%= config.bin %> restore run-1@{12} -o best.pt',
    '<%= config.bin %> restore run-2~1:ckpt.safetensors',
    {
      description: 'In another format.',
      command: '<%= config.bin %> restore run-1 --format safetensors -o best.safetensors',
    },
  ];
  static override strict = false;
  static override args = { what: Args.string({ required: true, description: 'Paths, revisions, or REV:PATH.' }) };
  static override flags = {
    output: Flags.string({ char: 'o', description: 'Write the file here.' }),
    format: Flags.option({
      options: WRITABLE_FORMATS,
      description: 'Convert to this format instead of restoring the stored bytes.',
    })(),
    force: Flags.boolean({ char: 'f', description: 'Overwrite files that are saved nowhere.' }),
  };

  async run(): Promise<RestoreResult> {
    const { args, argv, flags } = await this.parse(Restore);
    const repository = await this.repository(flags);
    const output = flags.output === undefined ? {} : { output: flags.output };
    const named = argv.map(String);
    const operation =
      flags.format === undefined
        ? restoreFiles(repository, named, { force: flags.force, ...output })
        : convertCheckpoint(repository, args.what, { format: flags.format, force: flags.force, ...output });
    const result = await this.perform(operation);
    for (const { path, bytes, sha256 } of result.restored)
      this.print(`Restored ${path} (${formatBytes(bytes)}, sha256 ${sha256})`);
    for (const note of result.notes ?? []) this.print(`  ${note}`);
    for (const path of result.pruned)
      this.print(`${this.paint('yellow', 'passed over')} ${path}: its content was pruned.`);
    const failed = result.failed ?? [];
    for (const { path, problem } of failed) this.print(`${this.paint('red', 'not restored')} ${path}: ${problem}`);
    if (failed.length > 0) {
      this.print('"wsvc fsck --repair", with "--from DIR" where a backup is, may bring them back.');
      process.exitCode = EXIT_CODES.corrupt;
    }
    return result;
  }
}
