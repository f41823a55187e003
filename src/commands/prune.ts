import { Args, Flags } from '@oclif/core';
import { plural } from '../charts/describe.ts';
import { askYes, canAsk } from '../cli/ask.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { describePruned, describePrunePlan } from '../cli/describe-prune.ts';
import { WsvcError } from '../errors.ts';
import { type PruneOptions, type PruneResult, pruneCheckpoints } from '../repo/prune-checkpoints.ts';
import type { Repository } from '../repo/repository.ts';
import { type UndoPruneResult, undoPrune } from '../repo/undo-prune.ts';

const revision = (description: string) =>
  Flags.string({ multiple: true, multipleNonGreedy: true, helpValue: 'REV', description });

export default class Prune extends WsvcCommand {
  static override summary = 'Thin trajectories: give up the content of checkpoints that a policy does not keep.';
  static override description =
    'Always kept: the first and the last checkpoint of a trajectory, branch tips, what is tagged or pinned, and what forks, copies and merges descend from. Commits stay; "log", "show", "lineage" and "identify" still know what was pruned, "restore" names the nearest that are kept. The plan is shown first, with the bytes. The bytes go with "wsvc gc" (what was written within the last hour with "wsvc gc --now"); until then --undo brings them back. The first pruning raises the format of the repository: versions of wsvc that do not know pruning then refuse it.';
  static override examples = [
    '<%= config.bin %> prune --keep-last 5 --keep-every 10 --dry-run',
    '<%= config.bin %> prune run-1 --keep-last 5 --yes',
    { description: 'Keep one for good (so does a tag).', command: '<%= config.bin %> prune --pin run-1@{7}' },
    { description: 'Say which end is the last.', command: '<%= config.bin %> prune run-2 --keep-last 5 --last run-2' },
    '<%= config.bin %> prune --undo',
  ];
  static override strict = false;
  // The generated line says that --keep-last and --keep-every exclude each other.
  static override usage = [
    '<%= command.id %> [TRAJECTORY...] [--keep-last N] [--keep-every N] [--keep-tagged] [--last REV...] [--by-commits] [-n] [-y]',
    '<%= command.id %> --pin REV... | --unpin REV...',
    '<%= command.id %> --undo',
  ];
  static override args = { trajectory: Args.string({ description: 'Trajectories to thin; all of them by default.' }) };
  static override flags = {
    'keep-last': Flags.integer({ min: 1, helpValue: 'N', description: 'Keep so many at the end of each trajectory.' }),
    'keep-every': Flags.integer({ min: 1, helpValue: 'N', description: 'Keep positions 0, N, 2N and so on.' }),
    'keep-tagged': Flags.boolean({ description: 'Keep what is tagged (always done).' }),
    pin: revision('Keep this checkpoint from now on.'),
    unpin: revision('Take a pin away.'),
    last: revision(
      'This checkpoint is the last of its trajectory: where the weights do not tell which end that is, nothing of it is pruned unless you say.',
    ),
    'by-commits': Flags.boolean({
      description:
        'Where the weights do not tell the order surely, take that of the commits: as the files were added (an import commits in the order that it finds).',
    }),
    'dry-run': Flags.boolean({ char: 'n', description: 'Show the plan, and do nothing.' }),
    yes: Flags.boolean({ char: 'y', description: 'Do it without asking.' }),
    undo: Flags.boolean({
      exclusive: ['keep-last', 'keep-every'],
      description: 'Bring back all that "gc" has not taken away yet.',
    }),
  };

  async run(): Promise<PruneResult | UndoPruneResult> {
    const { argv, flags } = await this.parse(Prune);
    const repository = await this.repository(flags);
    if (flags.undo) return this.undo(repository);
    const options: PruneOptions = {
      ...(flags['keep-last'] === undefined ? {} : { keepLast: flags['keep-last'] }),
      ...(flags['keep-every'] === undefined ? {} : { keepEvery: flags['keep-every'] }),
      ...(argv.length === 0 ? {} : { trajectories: argv.map(String) }),
      last: flags.last ?? [],
      byCommits: flags['by-commits'],
      pin: flags.pin ?? [],
      unpin: flags.unpin ?? [],
    };
    const hasPolicy = options.keepLast !== undefined || options.keepEvery !== undefined;
    if (!hasPolicy && options.pin?.length === 0 && options.unpin?.length === 0) {
      throw new WsvcError('usage', 'Say what to keep: --keep-last N, --keep-every N, or both.');
    }
    const plan = await this.perform(
      pruneCheckpoints(repository, { ...options, dryRun: hasPolicy || flags['dry-run'] }),
    );
    this.print(describePrunePlan(plan));
    if (!hasPolicy || flags['dry-run']) return plan;
    if (plan.pruned > 0) await this.confirm(flags.yes);
    const done = await this.perform(pruneCheckpoints(await this.repository(flags), options));
    if (done.pruned > 0) this.print(describePruned(done));
    return done;
  }

  private async confirm(isAgreed: boolean): Promise<void> {
    if (isAgreed || (canAsk() && !this.jsonEnabled() && (await askYes('Prune these?')))) return;
    throw new WsvcError('usage', 'Nothing was pruned.', {
      suggestions: ['Say --yes to do it, or --dry-run to look only.'],
    });
  }

  private async undo(repository: Repository): Promise<UndoPruneResult> {
    const result = await this.perform(undoPrune(repository));
    this.print(
      `Brought back ${plural(result.revived, 'checkpoint')}; the content of ${plural(result.gone, 'other')} is gone.`,
    );
    return result;
  }
}
