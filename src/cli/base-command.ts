import { Command, Flags } from '@oclif/core';
import { escapeLine } from '../charts/describe.ts';
import type { Environment } from '../repo/environment.ts';
import type { Operation } from '../repo/operation.ts';
import { openRepository, type Repository } from '../repo/repository.ts';
import type { SkippedFile } from '../repo/results.ts';
import { readEnvironment } from './environment.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { writePaged } from './pager.ts';
import { runOperation } from './progress.ts';
import { reportError } from './report-error.ts';
import { type Paint, painter } from './style.ts';

/** What all commands share: `-C`, `--json`, one way to print and one to fail. */
export abstract class WsvcCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    directory: Flags.directory({ char: 'C', description: 'Run as if started in this folder.', helpGroup: 'GLOBAL' }),
  };

  /** Colours for stdout. */
  protected readonly paint: Paint = painter(process.stdout);

  protected environment(flags: { readonly directory?: string | undefined }): Promise<Environment> {
    return readEnvironment(flags.directory);
  }

  protected async repository(flags: { readonly directory?: string | undefined }): Promise<Repository> {
    return openRepository(await this.environment(flags));
  }

  /** As `repository`, also where it is damaged so that no other command would open it. */
  protected async damagedRepository(flags: { readonly directory?: string | undefined }): Promise<Repository> {
    return openRepository(await this.environment(flags), { mayBeDamaged: true });
  }

  protected perform<Result>(operation: Operation<Result>): Promise<Result> {
    return runOperation(operation);
  }

  /** Prints lines for people; nothing with `--json`. */
  protected print(lines: string | readonly string[]): void {
    if (this.jsonEnabled()) return;
    const text = typeof lines === 'string' ? lines : lines.join('\n');
    if (text !== '') process.stdout.write(`${escapeLine(text)}\n`);
  }

  /** Names files of a folder that could not be taken in; the command then ends with the code of a bad file, though the others are in. */
  protected tellSkipped(skipped: readonly SkippedFile[] = []): void {
    for (const { path, problem } of skipped)
      this.print(`${this.paint('red', 'not taken in')} ${JSON.stringify(path)}: ${problem}`);
    if (skipped.length > 0) process.exitCode = EXIT_CODES['bad-file'];
  }

  /** Prints lines through the pager where there is one and they do not fit. */
  protected printPaged(lines: readonly string[]): void {
    if (!this.jsonEnabled()) writePaged(lines.map(escapeLine));
  }

  protected override async catch(error: Error): Promise<void> {
    const isHelpOrExit = 'code' in error && error.code === 'EEXIT';
    if (isHelpOrExit) throw error;
    reportError(error, this.jsonEnabled());
  }

  protected override logJson(json: unknown): void {
    if (json !== undefined) process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
  }
}
