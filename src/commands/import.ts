import { Args, Flags } from '@oclif/core';
import { drawTrajectories } from '../charts/trajectory-chart.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { importFiles } from '../repo/import-files.ts';
import type { TrajectoryLogResult } from '../repo/lineage-results.ts';

export default class Import extends WsvcCommand {
  static override summary = 'Take in a folder of unlabelled checkpoints: recover trajectories, order and forks.';
  static override description =
    'Every file becomes one commit on the branch of its trajectory. Names, times and metadata are not needed. Run again after an interruption, it goes on where it stopped.';
  static override examples = ['<%= config.bin %> import checkpoints/', '<%= config.bin %> import a.bin b.bin c.bin'];
  static override strict = false;
  static override args = { path: Args.string({ required: true, description: 'Folders or files.' }) };
  static override flags = { message: Flags.string({ char: 'm', description: 'Message of every commit.' }) };

  async run(): Promise<TrajectoryLogResult> {
    const { argv, flags } = await this.parse(Import);
    const result = await this.perform(importFiles(await this.repository(flags), argv.map(String), flags.message));
    this.printPaged(drawTrajectories(result, { paint: this.paint, columns: process.stdout.columns ?? 80 }));
    this.tellSkipped(result.skipped);
    return result;
  }
}
