import { Flags } from '@oclif/core';
import { formatBytes, plural, shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { EXIT_FINDINGS } from '../cli/exit-codes.ts';
import { checkRepository, type FsckLevel } from '../repo/check-repository.ts';
import type { FsckFinding, FsckResult } from '../repo/results.ts';

const LEVELS = ['connectivity', 'stored', 'content'] as const satisfies readonly FsckLevel[];

export default class Fsck extends WsvcCommand {
  static override summary = 'Check that every committed checkpoint can be restored.';
  static override description =
    'Changes nothing. Exit code 3 when something is wrong; each finding names the commits it affects.';
  static override examples = [
    '<%= config.bin %> fsck',
    '<%= config.bin %> fsck --level connectivity',
    '<%= config.bin %> fsck --prove',
  ];
  static override flags = {
    level: Flags.option({ options: LEVELS, default: 'content' as const, description: 'How deep to look.' })(),
    prove: Flags.boolean({
      description: 'Restore every file of every commit and count the bytes that differ from what was added.',
    }),
  };

  async run(): Promise<FsckResult> {
    const { flags } = await this.parse(Fsck);
    const result = await this.perform(
      checkRepository(await this.repository(flags), { level: flags.level, prove: flags.prove }),
    );
    for (const finding of result.findings) this.print(this.describe(finding));
    const { commits, blobs, bytes } = result.checked;
    this.print(
      `Checked ${plural(commits, 'commit')} and ${plural(blobs, 'blob')} (${formatBytes(bytes)}): ${plural(result.findings.length, 'finding')}.`,
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

  private describe({ level, object, problem, commits }: FsckFinding): string {
    const affected =
      commits.length === 0
        ? 'no commit needs it'
        : `needed by ${commits.slice(0, 5).map(shortId).join(', ')}${commits.length > 5 ? ', …' : ''}`;
    return `${this.paint('red', level)} ${object}: ${problem} (${affected})`;
  }
}
