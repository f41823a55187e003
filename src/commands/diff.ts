import { Args, Flags } from '@oclif/core';
import { formatConfidence } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { EXIT_NO } from '../cli/exit-codes.ts';
import { type DiffSide, diffCheckpoints, readFileSide, readStoredSide } from '../repo/diff-checkpoints.ts';
import { readNamed } from '../repo/explain-name.ts';
import type { DiffResult, TensorDiff } from '../repo/lineage-results.ts';
import { isFileOnDisk } from '../repo/show-checkpoint.ts';

function row({
  name,
  from,
  status,
  relativeChange,
  cosine,
  changedShare,
  rank,
  kind,
  note,
}: TensorDiff): readonly string[] {
  return [
    from === undefined ? name : `${name} (${from})`,
    status,
    relativeChange === null ? '-' : relativeChange.toPrecision(3),
    cosine === null ? '-' : cosine.toFixed(5),
    changedShare === null ? '-' : `${(changedShare * 100).toFixed(1)} %`,
    rank === null ? '-' : String(rank),
    note ?? kind,
  ];
}

export default class Diff extends WsvcCommand {
  static override summary = 'Compare two checkpoints tensor by tensor: does one come from the other, and how?';
  static override description =
    'A and B are files or revisions; two files need no repository. Tensors are matched whatever their names, order and layout.';
  static override examples = [
    '<%= config.bin %> diff before.pt after.safetensors',
    '<%= config.bin %> diff run-1~1 run-1',
    '<%= config.bin %> diff run-1@{3} unknown.bin --exit-code',
  ];
  static override args = {
    a: Args.string({ required: true, description: 'A file, a revision, or REV:PATH.' }),
    b: Args.string({ required: true, description: 'Another.' }),
  };
  static override flags = { 'exit-code': Flags.boolean({ description: 'Exit with 1 when they differ.' }) };

  async run(): Promise<DiffResult> {
    const { args, flags } = await this.parse(Diff);
    const result = await diffCheckpoints(await this.side(args.a, flags), await this.side(args.b, flags));
    this.printPaged([
      ...this.verdict(result),
      '',
      ...drawTable(['tensor', 'status', 'change', 'cosine', 'changed', 'rank', 'kind'], result.tensors.map(row)),
    ]);
    if (flags['exit-code'] && result.tensors.some(({ status }) => status !== 'same')) process.exitCode = EXIT_NO;
    return result;
  }

  private async side(named: string, flags: { readonly directory?: string | undefined }): Promise<DiffSide> {
    const { workingDirectory } = await this.environment(flags);
    if (await isFileOnDisk(workingDirectory, named)) return readFileSide(workingDirectory, named);
    return readNamed(workingDirectory, named, async () => readStoredSide(await this.repository(flags), named));
  }

  private verdict(result: DiffResult): readonly string[] {
    const word = this.paint(result.known ? 'green' : 'yellow', result.known ? result.relation : 'no relation shown');
    const p = result.pValue === null ? '' : `, p-value ${result.pValue.toExponential(1)}`;
    // Where there is nothing to compare there is nothing to be sure of.
    const sure = result.pValue === null && !result.known ? '' : ` (${formatConfidence(result.confidence)} sure${p})`;
    return [`${word}${sure}`, result.summary, ...result.notes.map((note) => this.paint('dim', note))];
  }
}
