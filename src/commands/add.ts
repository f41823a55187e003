import { Args, Flags } from '@oclif/core';
import { describePlace, formatBytes, formatConfidence } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { addFiles } from '../repo/add-files.ts';
import type { AddedFile, AddResult } from '../repo/results.ts';

/** Why `--move` did not take a file away. */
const LEFT = {
  changed: 'it has changed since it was read',
  unfinished:
    'it is broken, and was written within the last hour: perhaps somebody is still writing it. Later, "wsvc add --move" takes it as it is.',
} as const;

export default class Add extends WsvcCommand {
  static override summary = 'Store model files, stage them, and say where each belongs.';
  static override description =
    'Files are stored losslessly. wsvc reads the weights and says on which training trajectory each file lies and what it was made from. Nothing is committed yet.';
  static override examples = [
    '<%= config.bin %> add model.bin',
    '<%= config.bin %> add runs/a/*.pt',
    '<%= config.bin %> add checkpoints/',
    { description: 'Without a second copy on the disk.', command: '<%= config.bin %> add --move runs/a/*.pt' },
  ];
  static override strict = false;
  static override flags = {
    move: Flags.boolean({
      description:
        'Take the files away once they are stored, so that there is no second copy. They are read back first; a broken file goes only when nobody has written to it for an hour. "status" lists them as stored, "restore PATH" brings them back.',
    }),
  };
  static override args = { file: Args.string({ required: true, description: 'Files, or folders of model files.' }) };

  async run(): Promise<AddResult> {
    const { argv, flags } = await this.parse(Add);
    const result = await this.perform(addFiles(await this.repository(flags), argv.map(String), { move: flags.move }));
    this.print(result.added.flatMap((file) => this.describe(file)));
    this.tellSkipped(result.skipped);
    return result;
  }

  private describe(file: AddedFile): string[] {
    const stored =
      file.sameAs === undefined ? `stored as ${formatBytes(file.storedBytes)}` : `the same as ${file.sameAs}`;
    const size = `${formatBytes(file.bytes)} ${stored}`;
    const { trajectory, confidence } = file.placement;
    const sure = trajectory === null ? '' : ` (${formatConfidence(confidence)} sure)`;
    const place = `${describePlace(file.placement)}${sure}`;
    const head = `${this.paint('bold', file.path)}  ${file.format}, ${size}`;
    const problem =
      file.problem ?? (file.format === 'unknown' ? 'It begins like no format that wsvc reads.' : undefined);
    const what =
      problem === undefined ? this.paint('cyan', place) : `${this.paint('yellow', 'no weights read:')} ${problem}`;
    const left = file.left === undefined ? [] : [`  ${this.paint('yellow', 'left here:')} ${LEFT[file.left]}`];
    return [head, `  ${what}${file.moved ? ', moved in' : ''}`, ...left];
  }
}
