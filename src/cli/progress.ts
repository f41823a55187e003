import { escapeControls } from '../errors.ts';
import type { Operation, ProgressEvent } from '../repo/operation.ts';

/** Nothing is shown of what is done sooner. */
const QUIET_MS = 400;
const REDRAW_MS = 80;
const BAR_CELLS = 20;

function drawLine({ phase, done, total, detail }: ProgressEvent, columns: number): string {
  const filled = total === 0 ? 0 : Math.round((Math.min(done, total) / total) * BAR_CELLS);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
  const count = total > 1 ? ` ${done}/${total}` : '';
  const line = `${phase} ${bar}${count}${detail === undefined ? '' : ` ${escapeControls(detail)}`}`;
  return line.length < columns ? line : `${line.slice(0, columns - 2)}…`;
}

/** Draws progress on stderr while an operation runs, only on a terminal, only if it takes long enough to matter. */
export async function runOperation<Result>(operation: Operation<Result>): Promise<Result> {
  const isShown = process.stderr.isTTY === true;
  const started = performance.now();
  let drawn = 0;
  for (;;) {
    const step = await operation.next();
    if (step.done) {
      if (drawn > 0) process.stderr.write('\r\x1b[K');
      return step.value;
    }
    const now = performance.now();
    if (!isShown || now - started < QUIET_MS || now - drawn < REDRAW_MS) continue;
    drawn = now;
    process.stderr.write(`\r\x1b[K${drawLine(step.value, process.stderr.columns ?? 80)}`);
  }
}
