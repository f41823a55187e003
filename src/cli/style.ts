import { styleText } from 'node:util';

/** Colours that output uses; never the only signal. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta', text: string) => string;

function wantsColour(stream: NodeJS.WriteStream): boolean {
  if (process.env.NO_COLOR) return false;
  return Boolean(process.env.FORCE_COLOR) || stream.isTTY === true;
}

/** Colours text for a terminal; leaves it plain for everything else. */
export function painter(stream: NodeJS.WriteStream): Paint {
  if (!wantsColour(stream)) return (_style, text) => text;
  return (style, text) => styleText(style, text);
}
