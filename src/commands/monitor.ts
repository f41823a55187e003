import { Args } from '@oclif/core';
import { formatPosition } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import type { MonitorResult } from '../repo/lineage-results.ts';
import { monitorRun } from '../repo/monitor-run.ts';

function number(value: number | null): string {
  return value === null ? '-' : value.toPrecision(3);
}

export default class Monitor extends WsvcCommand {
  static override summary = 'Show how a run moves through weight space, and flag what is unusual.';
  static override description =
    'Steps are compared with the recent past of the same run: a change of data, labels or objective is flagged as a shift; restarts, overwritten runs and divergence are told apart.';
  static override examples = ['<%= config.bin %> monitor', '<%= config.bin %> monitor run-2 --json'];
  static override args = { trajectory: Args.string({ description: 'Which one; that of HEAD by default.' }) };

  async run(): Promise<MonitorResult> {
    const { args, flags } = await this.parse(Monitor);
    const result = await monitorRun(await this.repository(flags), args.trajectory);
    const rows = result.steps.map((step) => [
      formatPosition(step.position),
      step.source,
      number(step.stepLength),
      number(step.relativeStep),
      step.turn === null ? '-' : `${Math.round((step.turn * 180) / Math.PI)}°`,
      number(step.curvature),
      number(step.distanceFromStart),
      step.flags.join(', '),
    ]);
    this.printPaged([
      this.paint('bold', result.trajectory),
      ...drawTable(['at', 'checkpoint', 'step', 'relative', 'turn', 'curvature', 'from start', ''], rows),
    ]);
    return result;
  }
}
