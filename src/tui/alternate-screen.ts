/** Switches to the terminal's second screen, which leaves the first as it is, and clears it. */
const ENTER = '\u001b[?1049h\u001b[2J\u001b[H';
/** Back to the first screen, with the cursor shown and no colours left on. */
const LEAVE = '\u001b[0m\u001b[?1049l\u001b[?25h';
const CLEAR = '\u001b[2J\u001b[H';

/** What of a terminal's output is used. */
export type ScreenOutput = Pick<NodeJS.WriteStream, 'write'>;

/** The second screen while it is shown. */
export interface AlternateScreen {
  /** Wipes it, for a size that changed. */
  clear(): void;
  /** Goes back to the first screen; once, however often it is called. */
  leave(): void;
}

/** Shows the second screen. */
export function enterAlternateScreen(output: ScreenOutput): AlternateScreen {
  output.write(ENTER);
  let isLeft = false;
  return {
    clear: () => {
      if (!isLeft) output.write(CLEAR);
    },
    leave: () => {
      if (isLeft) return;
      isLeft = true;
      output.write(LEAVE);
    },
  };
}
