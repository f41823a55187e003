/** A drawing, or a part of one, as SVG text. */
export type Svg = string;

type Attributes = Readonly<Record<string, string | number>>;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as XML may hold it; characters that XML forbids become U+FFFD. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c).replace(/[^\P{Cc}\t\n]/gu, '\ufffd');
}

/** Rounds to a hundredth of a pixel: more is never seen, and files stay small and the same everywhere. */
function formatNumber(value: string | number): string {
  return typeof value === 'string' ? escapeXml(value) : String(Math.round(value * 100) / 100);
}

/** An element with its attributes (numbers are pixels) and what stands inside. */
export function element(name: string, attributes: Attributes, ...inside: readonly Svg[]): Svg {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${formatNumber(value)}"`);
  return inside.length === 0
    ? `<${name}${written.join('')}/>`
    : `<${name}${written.join('')}>${inside.join('')}</${name}>`;
}

/** A line of text. */
export function label(text: string, x: number, y: number, attributes: Attributes = {}): Svg {
  return element('text', { x, y, ...attributes }, escapeXml(text));
}

/** A line through points. */
export function polyline(points: readonly (readonly [number, number])[], attributes: Attributes): Svg {
  const path = points.map(([x, y]) => `${formatNumber(x)},${formatNumber(y)}`).join(' ');
  return element('polyline', { points: path, fill: 'none', ...attributes });
}

/** A whole drawing on a white ground, with a title that screen readers read out. Each part goes on a line of its own. */
export function drawing(title: string, width: number, height: number, parts: readonly Svg[]): Svg {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
    'font-family': 'sans-serif',
    'font-size': 11,
  };
  const ground = element('rect', { width, height, fill: '#ffffff' });
  const heading = label(title, 12, 20, { 'font-size': 14, fill: '#222222' });
  const lines = [element('title', {}, escapeXml(title)), ground, heading, ...parts];
  return `${element('svg', attributes, '\n', ...lines.map((line) => `${line}\n`))}\n`;
}
