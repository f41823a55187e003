import { Args, Flags } from '@oclif/core';
import { describePlace, formatBytes, formatCount } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { readNamed } from '../repo/explain-name.ts';
import { describePruned } from '../repo/pruned-content.ts';
import type { ShownTensor, ShowResult } from '../repo/results.ts';
import { isFileOnDisk, showFile, showStored } from '../repo/show-checkpoint.ts';

function number(value: number | null): string {
  return value === null ? '-' : value.toPrecision(3);
}

/** What is odd about a tensor: numbers that are none, and not being a weight. */
function describeOddities({ nanCount, infinityCount, role }: ShownTensor): string {
  const odd = [
    ...(nanCount === null || nanCount === 0 ? [] : [`${nanCount} NaN`]),
    ...(infinityCount === null || infinityCount === 0 ? [] : [`${infinityCount} Inf`]),
    ...(role === 'weight' ? [] : [role]),
  ];
  return odd.join(', ');
}

function row(tensor: ShownTensor): readonly string[] {
  const { zeroShare, shape } = tensor;
  return [
    tensor.name,
    tensor.dtype,
    shape.length === 0 ? 'scalar' : shape.join(' x '),
    formatBytes(tensor.bytes),
    number(tensor.mean),
    number(tensor.standardDeviation),
    zeroShare === null ? '-' : `${(zeroShare * 100).toFixed(1)} %`,
    describeOddities(tensor),
  ];
}

function describeTotals({ totals, unread = [] }: ShowResult): readonly string[] {
  const { tensors, elements, bytes, nanTensors, infinityTensors } = totals;
  const odd = [
    ...(nanTensors === null || nanTensors === 0 ? [] : [`${nanTensors} with NaN`]),
    ...(infinityTensors === null || infinityTensors === 0 ? [] : [`${infinityTensors} with Inf`]),
  ];
  const sum = `${formatCount(tensors)} tensor${tensors === 1 ? '' : 's'}, ${formatCount(elements)} elements, ${formatBytes(bytes)}`;
  return [[sum, ...odd].join(', '), ...unread.map(({ name, reason }) => `not read: ${name}: ${reason}`)];
}

export default class Show extends WsvcCommand {
  static override summary = 'Show one checkpoint: a stored one, or any model file.';
  static override examples = [
    '<%= config.bin %> show run-1',
    '<%= config.bin %> show model.safetensors',
    { description: 'At once, whatever its size.', command: '<%= config.bin %> show model.safetensors --headers' },
    '<%= config.bin %> show run-1~3:ckpt.pt',
  ];
  static override args = { what: Args.string({ required: true, description: 'A file, a revision, or REV:PATH.' }) };

  static override flags = {
    headers: Flags.boolean({
      description: 'Only what the headers of a file say: names, types, shapes. No weight is read.',
    }),
  };

  async run(): Promise<ShowResult> {
    const { args, flags } = await this.parse(Show);
    const { workingDirectory } = await this.environment(flags);
    const result = (await isFileOnDisk(workingDirectory, args.what))
      ? await this.perform(showFile(workingDirectory, args.what, { headersOnly: flags.headers }))
      : await readNamed(workingDirectory, args.what, async () => showStored(await this.repository(flags), args.what));
    this.printPaged(this.describe(result));
    return result;
  }

  private describe(result: ShowResult): string[] {
    const head = [
      `${this.paint('bold', result.path)}  ${result.format}, ${formatBytes(result.bytes)}, ${formatCount(result.parameters)} parameters`,
      ...(result.sha256 === null ? [] : [`sha256 ${result.sha256}`]),
    ];
    if (result.files.length > 1) head.push(`files  ${result.files.map(({ name }) => name).join(', ')}`);
    if (result.commit !== null) head.push(`commit ${this.paint('yellow', result.commit)}`);
    if (result.placement !== null) head.push(`place  ${describePlace(result.placement)}`);
    if (result.problem !== undefined) head.push(`${this.paint('yellow', 'no weights read:')} ${result.problem}`);
    if (result.pruned !== undefined) head.push(`${this.paint('yellow', 'pruned')} ${describePruned(result.pruned)}`);
    const declared = Object.entries(result.declared).map(([key, value]) => `${key} ${value}`);
    if (declared.length > 0) head.push(`says   ${declared.join(', ')}`);
    if (result.tensors.length === 0) return [...head, ...describeTotals(result).slice(1)];
    const title = ['tensor', 'type', 'shape', 'size', 'mean', 'std', 'zeros', ''];
    return [...head, '', ...drawTable(title, result.tensors.map(row)), '', ...describeTotals(result)];
  }
}
