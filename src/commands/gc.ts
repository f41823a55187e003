import { Flags } from '@oclif/core';
import { formatBytes, formatWait, plural } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { collectGarbage, type GarbageResult, type PlannedRecoding } from '../repo/collect-garbage.ts';

export default class Gc extends WsvcCommand {
  static override summary = 'Remove what nothing needs any more, and merge small packs.';
  static override description =
    'Keeps everything that a branch, a tag, HEAD or a staged file needs. May be interrupted at any moment. What is younger than an hour is left alone. Many loose objects and small packs of git become one pack; unreachable commits are left to "git gc" in .wsvc.';
  static override examples = [
    '<%= config.bin %> gc --dry-run',
    '<%= config.bin %> gc',
    '<%= config.bin %> gc --now',
    '<%= config.bin %> gc --aggressive',
  ];
  static override flags = {
    'dry-run': Flags.boolean({ char: 'n', description: 'Say what would be done, and do nothing.' }),
    now: Flags.boolean({
      description: 'Leave no hour of grace to what is young: after a "wsvc prune", for example.',
    }),
    aggressive: Flags.boolean({
      description:
        'Plan anew what all weights are coded against, over whole trajectories and in both directions; try it, and keep what is smaller. Slow.',
    }),
  };

  async run(): Promise<GarbageResult> {
    const { flags } = await this.parse(Gc);
    const options = { dryRun: flags['dry-run'], now: flags.now, aggressive: flags.aggressive };
    const result = await this.perform(collectGarbage(await this.repository(flags), options));
    this.print(this.describe(result, flags.aggressive));
    return result;
  }

  private describe(result: GarbageResult, isAggressive: boolean): string[] {
    const { dryRun, dropped, copied, bytesBefore, bytesAfter, packsBefore, packsAfter, young } = result;
    const lines: string[] = [];
    if (copied.packs === 0) lines.push('There is nothing to collect among the weights.');
    else {
      const [drop, rewrite] = dryRun ? ['Would drop', 'would rewrite'] : ['Dropped', 'rewrote'];
      lines.push(
        `${drop} ${plural(dropped.blobs, 'blob')} (${formatBytes(dropped.bytes)}), ${rewrite} ${plural(copied.packs, 'pack')}: ` +
          `${plural(packsBefore, 'pack')} of ${formatBytes(bytesBefore)} become ${packsAfter} of ${dryRun ? 'at most ' : ''}${formatBytes(bytesAfter)}.`,
      );
    }
    if (result.recoded !== undefined && copied.packs > 0) lines.push(this.describeRecoding(result.recoded, dryRun));
    if (young > 0) lines.push(this.describeYoung(result));
    if (young > 0 && isAggressive)
      lines.push('What is in them was not planned anew: "wsvc gc --aggressive --now" does that too.');
    return [...lines, ...this.describeRest(result)];
  }

  private describeRecoding(recoded: PlannedRecoding, dryRun: boolean): string {
    const { checkpoints, alone, bytesBefore, bytesAfter } = recoded;
    return (
      `The plan ${dryRun ? 'would code' : 'coded'} ${plural(checkpoints, 'checkpoint')} anew, ${alone} of them without a base: ` +
      `weights of ${formatBytes(bytesBefore)} become about ${formatBytes(bytesAfter)} by an estimate. What does not shrink stays as it is.`
    );
  }

  private describeRest({ dryRun, git, halfWritten }: GarbageResult): string[] {
    const lines: string[] = [];
    if (git.bytes > 0) {
      const what = `${plural(git.objects, 'loose git object')} and ${plural(git.packs, 'small git pack')} of ${formatBytes(git.bytes)}`;
      lines.push(
        dryRun ? `Would pack ${what}.` : `Packed ${what}: ${formatBytes(git.bytesAfter ?? 0)} in one or few files.`,
      );
    }
    if (halfWritten.files > 0)
      lines.push(
        `${plural(halfWritten.files, 'file')} that killed commands left half written: ${formatBytes(halfWritten.bytes)}. ` +
          'They go when they are an hour old, or at once with "wsvc gc --now".',
      );
    return lines;
  }

  private describeYoung({ young, later }: GarbageResult): string {
    const left = `Left alone ${plural(young, 'pack')} younger than an hour`;
    if (later.bytes === 0) return `${left}; all in them is needed.`;
    return (
      `${left}, with ${formatBytes(later.bytes)} that no checkpoint needs: ` +
      `"wsvc gc --now" takes that at once, "wsvc gc" in ${formatWait(later.waitMs)}.`
    );
  }
}
