import { spawnSync } from 'node:child_process';

/** Writes lines to stdout, through `$PAGER` (less) when stdout is a terminal that they do not fit on. */
export function writePaged(lines: readonly string[]): void {
  const text = `${lines.join('\n')}\n`;
  const fits = lines.length < (process.stdout.rows ?? 24);
  if (lines.length === 0) return;
  if (process.stdout.isTTY !== true || fits || process.env.PAGER === 'cat') {
    process.stdout.write(text);
    return;
  }
  const pager = process.env.WSVC_PAGER ?? process.env.PAGER ?? 'less';
  const env = { ...process.env, LESS: process.env.LESS ?? 'FRX' };
  const { error } = spawnSync(pager, { input: text, stdio: ['pipe', 'inherit', 'inherit'], shell: true, env });
  if (error !== undefined) process.stdout.write(text);
}
