import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of this process, now and at most since {@link resetPeak}; zeros where the system does not say. */
export function residentBytes(): { readonly now: number; readonly peak: number } {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    const kib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { now: kib('VmRSS') * 1024, peak: kib('VmHWM') * 1024 };
  } catch {
    return { now: 0, peak: 0 };
  }
}

/** Lets the peak start anew (proc(5), clear_refs). */
export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Other systems have no such thing: the peak is then that of the whole run.
  }
}
