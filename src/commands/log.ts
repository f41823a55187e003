import { Args, Flags } from '@oclif/core';
import { describePlace } from '../charts/describe.ts';
import { drawHistory } from '../charts/history-graph.ts';
import { drawTrajectories } from '../charts/trajectory-chart.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import type { TrajectoryLogResult } from '../repo/lineage-results.ts';
import { logHistory } from '../repo/log-history.ts';
import { logTrajectories } from '../repo/log-trajectory.ts';
import type { LogEntry, LogResult } from '../repo/results.ts';

export default class Log extends WsvcCommand {
  static override summary = 'Show the history, newest first, or the trajectories in weight space.';
  static override examples = [
    '<%= config.bin %> log',
    '<%= config.bin %> log run-2 --graph',
    {
      description: 'All trajectories, each in the order of its weights.',
      command: '<%= config.bin %> log --trajectory',
    },
    { description: 'One of them.', command: '<%= config.bin %> log --trajectory run-2' },
  ];
  static override args = {
    revision: Args.string({ description: 'Where to start (HEAD by default); a trajectory with --trajectory.' }),
  };
  static override flags = {
    trajectory: Flags.boolean({ description: 'Show trajectories in weight-space order.' }),
    graph: Flags.boolean({ description: 'Draw the branches beside the history.' }),
    all: Flags.boolean({ description: 'Start from every branch and tag.' }),
    'max-count': Flags.integer({ char: 'n', min: 0, description: 'Show at most so many commits.' }),
  };

  async run(): Promise<LogResult | TrajectoryLogResult> {
    const { args, flags } = await this.parse(Log);
    const repository = await this.repository(flags);
    if (flags.trajectory) {
      const result = await logTrajectories(repository, args.revision);
      this.printPaged(drawTrajectories(result, { paint: this.paint, columns: process.stdout.columns ?? 80 }));
      return result;
    }
    const limit = flags['max-count'];
    const result = await logHistory(repository, {
      all: flags.all,
      ...(args.revision === undefined ? {} : { revision: args.revision }),
      ...(limit === undefined ? {} : { limit }),
    });
    const described = result.commits.map((entry) => this.describe(entry));
    this.printPaged(flags.graph ? drawHistory(result.commits, described) : described.flat());
    return result;
  }

  private describe(entry: LogEntry): string[] {
    const refs = entry.refs.length === 0 ? '' : this.paint('cyan', ` (${entry.refs.join(', ')})`);
    const lines = [
      `${this.paint('yellow', `commit ${entry.commit}`)}${refs}`,
      `Author: ${entry.author}`,
      `Date:   ${entry.date}`,
    ];
    for (const path of entry.paths) lines.push(`File:   ${path}`);
    if (entry.placement !== null) lines.push(`Place:  ${describePlace(entry.placement)}`);
    if (entry.pruned !== undefined) {
      const { at, policy } = entry.pruned;
      lines.push(`Pruned: ${this.paint('yellow', `${at.slice(0, 10)} (${policy})`)}`);
    }
    return [...lines, '', ...entry.message.split('\n').map((line) => `    ${line}`), ''];
  }
}
