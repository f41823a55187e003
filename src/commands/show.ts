import { Args } from '@oclif/core';
import { describePlace, formatBytes, formatCount } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import type { ShownTensor, ShowResult } from '../repo/results.ts';
import { isFileOnDisk, showFile, showStored } from '../repo/show-checkpoint.ts';

function number(value: number | null): string {
  return value === null ? '-' : value.toPrecision(3);
}

function row(tensor: ShownTensor): readonly string[] {
  const odd = [
    ...(tensor.nanCount > 0 ? [`${tensor.nanCount} NaN`] : []),
    ...(tensor.infinityCount > 0 ? [`${tensor.infinityCount} Inf`] : []),
    ...(tensor.role === 'weight' ? [] : [tensor.role]),
  ];
  const zeros = tensor.zeroShare === null ? '-' : `${(tensor.zeroShare * 100).toFixed(1)} %`;
  const shape = tensor.shape.length === 0 ? 'scalar' : tensor.shape.join(' x ');
  return [
    tensor.name,
    tensor.dtype,
    shape,
    formatBytes(tensor.bytes),
    number(tensor.mean),
    number(tensor.standardDeviation),
    zeros,
    odd.join(', '),
  ];
}

export default class Show extends WsvcCommand {
  static override summary = 'Show one checkpoint: a stored one, or any model file.';
  static override examples = [
    '<%= config.bin %> show run-1',
    '<%= config.bin %> show model.safetensors',
    '<%= config.bin %> show run-1~3:ckpt.pt',
  ];
  static override args = { what: Args.string({ required: true, description: 'A file, a revision, or REV:PATH.' }) };

  async run(): Promise<ShowResult> {
    const { args, flags } = await this.parse(Show);
    const { workingDirectory } = await this.environment(flags);
    const result = (await isFileOnDisk(workingDirectory, args.what))
      ? await showFile(workingDirectory, args.what)
      : await showStored(await this.repository(flags), args.what);
    this.printPaged(this.describe(result));
    return result;
  }

  private describe(result: ShowResult): string[] {
    const head = [
      `${this.paint('bold', result.path)}  ${result.format}, ${formatBytes(result.bytes)}, ${formatCount(result.parameters)} parameters`,
      `sha256 ${result.sha256}`,
    ];
    if (result.commit !== null) head.push(`commit ${this.paint('yellow', result.commit)}`);
    if (result.placement !== null) head.push(`place  ${describePlace(result.placement)}`);
    if (result.problem !== undefined) head.push(`${this.paint('yellow', 'no weights read:')} ${result.problem}`);
    const declared = Object.entries(result.declared).map(([key, value]) => `${key} ${value}`);
    if (declared.length > 0) head.push(`says   ${declared.join(', ')}`);
    if (result.tensors.length === 0) return head;
    const title = ['tensor', 'type', 'shape', 'size', 'mean', 'std', 'zeros', ''];
    return [...head, '', ...drawTable(title, result.tensors.map(row))];
  }
}
