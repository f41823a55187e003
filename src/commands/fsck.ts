import { Flags } from '@oclif/core';
import { formatBytes, plural, shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { EXIT_FINDINGS } from '../cli/exit-codes.ts';
import { checkRepository, type FsckLevel } from '../repo/check-repository.ts';
import { type RepairResult, repairRepository } from '../repo/repair-repository.ts';
import type { FsckFinding, FsckResult } from '../repo/results.ts';

const LEVELS = ['connectivity', 'stored', 'content'] as const satisfies readonly FsckLevel[];

/** Lines of one kind that are printed. */
const MOST_LINES = 24;

export default class Fsck extends WsvcCommand {
  static override summary = 'Check that every committed checkpoint can be restored.';
  static override description =
    'Changes nothing unless asked to repair. Exit code 3 when something is wrong (still wrong, after a repair); each finding names the commits it affects.';
  static override examples = [
    '<%= config.bin %> fsck',
    '<%= config.bin %> fsck --level connectivity',
    '<%= config.bin %> fsck --prove',
    '<%= config.bin %> fsck --repair',
    {
      description: 'From a backup: another repository, or a folder with copies of the files.',
      command: '<%= config.bin %> fsck --repair --from /backup/run-a',
    },
  ];
  static override flags = {
    level: Flags.option({ options: LEVELS, default: 'content' as const, description: 'How deep to look.' })(),
    prove: Flags.boolean({
      description: 'Restore every file of every commit and count the bytes that differ from what was added.',
    }),
    repair: Flags.boolean({
      description:
        'Put back what other packs, packs without a readable index, or unchanged files of the work tree hold of what is damaged; make lost refs, the staging area, indices of git and settings anew.',
    }),
    from: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['repair'],
      helpValue: 'DIR',
      description:
        'Look there too: another wsvc repository, or a folder with copies of the files, whatever they are called. Everything is compared with its hash first.',
    }),
  };

  async run(): Promise<FsckResult> {
    const { flags } = await this.parse(Fsck);
    const repository = await this.damagedRepository(flags);
    const options = { level: flags.level, prove: flags.prove };
    const result = flags.repair
      ? await this.repair(repository, { ...options, from: flags.from ?? [] })
      : await this.check(repository, options);
    this.printSome(result.findings.map((finding) => this.describe(finding, result)));
    const { commits, blobs, bytes, pruned } = result.checked;
    this.print(
      `Checked ${plural(commits, 'commit')} and ${plural(blobs, 'blob')} (${formatBytes(bytes)}): ${plural(result.findings.length, 'finding')}.${pruned > 0 ? ` The content of ${plural(pruned, 'checkpoint')} was pruned.` : ''}`,
    );
    if (result.proof !== undefined) {
      const { files, bytes: restored, differingBytes } = result.proof;
      this.print(
        `Restored ${plural(files, 'file')} (${formatBytes(restored)}): ${plural(differingBytes, 'byte')} differ from what was added.`,
      );
    }
    if (result.findings.length > 0) process.exitCode = EXIT_FINDINGS;
    return result;
  }

  private check(...args: Parameters<typeof checkRepository>): Promise<FsckResult> {
    return this.perform(checkRepository(...args));
  }

  private async repair(...args: Parameters<typeof repairRepository>): Promise<RepairResult> {
    const result = await this.perform(repairRepository(...args));
    const { remade, refs, recovered, recoveredGit, rewrittenPacks, setAside, unrecovered } = result.repair;
    for (const { file, how } of remade) this.print(`Made ${file} anew. ${how}`);
    for (const { ref, problem, target, why } of refs) {
      const now = target === null ? 'It is of no use' : `It stands at ${target.replace(/^refs\/heads\//, '')} now`;
      this.print(`${ref}: ${problem} ${now}: ${why}.`);
    }
    this.printSome(recoveredGit.map(({ object, source }) => `Recovered the git object ${object} from ${source}.`));
    this.printSome(recovered.map(({ blob, source }) => `Recovered ${blob} from ${source}.`));
    if (rewrittenPacks > 0) this.print(`Wrote ${plural(rewrittenPacks, 'damaged pack')} anew.`);
    for (const pack of setAside) this.print(`Nothing needs the unreadable pack ${pack}: renamed to ${pack}.damaged.`);
    this.printSome(
      unrecovered.map((blob) => `${this.paint('red', 'not recovered')} ${blob}: no whole copy was found.`),
    );
    if (unrecovered.length > 0)
      this.print('Nothing was taken away. A backup may have them: "wsvc fsck --repair --from DIR".');
    return result;
  }

  /** A damaged pack may take thousands of blobs with it. */
  private printSome(lines: readonly string[]): void {
    for (const line of lines.slice(0, MOST_LINES)) this.print(line);
    if (lines.length > MOST_LINES)
      this.print(`… and ${lines.length - MOST_LINES} more of these: --json lists them all.`);
  }

  private describe({ level, object, problem, commits }: FsckFinding, { isHistoryWhole }: FsckResult): string {
    const affected =
      commits.length === 0
        ? isHistoryWhole || level === 'derived'
          ? 'no commit needs it'
          : 'the history cannot be read whole, so which commits need it is not known'
        : `needed by ${commits.slice(0, 5).map(shortId).join(', ')}${commits.length > 5 ? ', …' : ''}`;
    return `${this.paint('red', level)} ${object}: ${problem} (${affected})`;
  }
}
