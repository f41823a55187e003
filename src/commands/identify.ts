import { Args, Flags } from '@oclif/core';
import { WsvcCommand } from '../cli/base-command.ts';
import { describeIdentification } from '../cli/describe-identification.ts';
import { EXIT_NO } from '../cli/exit-codes.ts';
import { identifyFiles } from '../repo/identify-files.ts';
import type { IdentifyResult } from '../repo/lineage-results.ts';

export default class Identify extends WsvcCommand {
  static override summary = 'Say what files are and what they were made from, by their weights alone.';
  static override description =
    'Needs no label, name or metadata. Exit code 1 when a file is related to nothing in the repository.';
  static override examples = [
    '<%= config.bin %> identify unknown.bin',
    '<%= config.bin %> identify *.pt -k 3',
    '<%= config.bin %> identify merged.safetensors --tensors',
  ];
  static override strict = false;
  static override args = { file: Args.string({ required: true, description: 'Model files; they may lie anywhere.' }) };
  static override flags = {
    candidates: Flags.integer({ char: 'k', min: 1, default: 5, description: 'How many near checkpoints to list.' }),
    tensors: Flags.boolean({ description: 'Say tensor by tensor what comes from where.' }),
    verbose: Flags.boolean({ char: 'v', description: 'Say how the answer was reached.' }),
  };

  async run(): Promise<IdentifyResult> {
    const { argv, flags } = await this.parse(Identify);
    const options = { candidates: flags.candidates, withTensors: flags.tensors };
    const result = await this.perform(identifyFiles(await this.repository(flags), argv.map(String), options));
    for (const one of result.results) this.print(describeIdentification(one, this.paint, flags.verbose));
    if (result.advice !== undefined) this.logToStderr(result.advice);
    if (result.results.some(({ known }) => !known)) process.exitCode = EXIT_NO;
    return result;
  }
}
