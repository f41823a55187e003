import { styleText } from 'node:util';

/** Colours that output uses; never the only signal. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta', text: string) => string;

/** True where output on this stream may be coloured: on a terminal, unless `NO_COLOR` says no, or where `FORCE_COLOR` says yes. */
export function hasColour(stream: NodeJS.WriteStream): boolean {
  if (process.env.NO_COLOR) return false;
  return Boolean(process.env.FORCE_COLOR) || stream.isTTY === true;
}

/** Colours text for a terminal; leaves it plain for everything else. */
export function painter(stream: NodeJS.WriteStream): Paint {
  if (!hasColour(stream)) return (_style, text) => text;
  return (style, text) => styleText(style, text);
}
