import { formatBytes } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { measureUsage, type UsageResult } from '../repo/measure-usage.ts';

const percent = (part: number, whole: number): string => (whole === 0 ? '' : `${((100 * part) / whole).toFixed(1)} %`);

export default class Du extends WsvcCommand {
  static override summary = 'Show where the space goes.';
  static override description =
    'By trajectory: the bytes of the files as they were added, and as they are stored. What several checkpoints share counts once, where it was first used.';
  static override examples = ['<%= config.bin %> du', '<%= config.bin %> du --json'];

  async run(): Promise<UsageResult> {
    const { flags } = await this.parse(Du);
    const result = await this.perform(measureUsage(await this.repository(flags)));
    this.print(this.describe(result));
    return result;
  }

  private describe(result: UsageResult): readonly string[] {
    const row = (name: string, count: string, raw: number, stored: number) => [
      name,
      count,
      formatBytes(raw),
      formatBytes(stored),
      percent(stored, raw),
    ];
    const shares = result.trajectories.map(({ trajectory, checkpoints, pruned, rawBytes, storedBytes }) =>
      row(
        trajectory ?? '(no trajectory)',
        pruned === 0 ? String(checkpoints) : `${checkpoints} (${pruned} pruned)`,
        rawBytes,
        storedBytes,
      ),
    );
    const count = result.trajectories.reduce((sum, { checkpoints }) => sum + checkpoints, 0);
    const all = row('all', String(count), result.rawBytes, result.storedBytes);
    const others: readonly (readonly [string, number])[] = [
      ['kept only as bases of others', result.onlyBasesBytes],
      ['needed by nothing (see "wsvc gc")', result.unreachableBytes],
      ['pack headers', result.envelopeBytes],
      ...(result.setAsideBytes === 0
        ? []
        : [['damaged packs set aside (*.pack.damaged)', result.setAsideBytes] as const]),
      ['history', result.historyBytes],
      ['derived data', result.derivedBytes],
      ['temporary files', result.temporaryBytes],
      ['all of .wsvc', result.totalBytes],
    ];
    return [
      ...drawTable(['trajectory', 'checkpoints', 'files', 'stored', 'share'], [...shares, all]),
      '',
      ...drawTable(
        ['besides', 'bytes'],
        others.map(([name, bytes]) => [name, formatBytes(bytes)]),
      ),
    ];
  }
}
