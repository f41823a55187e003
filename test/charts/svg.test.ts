import { describe, expect, it } from 'vitest';
import { drawDendrogram, leavesInOrder } from '../../src/charts/svg/dendrogram.ts';
import { element, escapeXml, label } from '../../src/charts/svg/element.ts';
import { colourOf, linearScale, ticksOf } from '../../src/charts/svg/scale.ts';
import { drawSteps } from '../../src/charts/svg/step-chart.ts';
import { drawWeightMap } from '../../src/charts/svg/weight-map.ts';

const JOINS = [
  { left: 0, right: 2, height: 1 },
  { left: 1, right: 3, height: 2 },
  { left: 4, right: 5, height: 6 },
];

describe('SVG elements', () => {
  it('escapes what would be markup, and characters that XML forbids', () => {
    expect(escapeXml('<a href="x">&\u001b[31m')).toBe('&lt;a href=&quot;x&quot;&gt;&amp;\ufffd[31m');
    expect(element('g', { id: '"' })).toBe('<g id="&quot;"/>');
  });

  it('rounds numbers to a hundredth', () => {
    expect(label('n', 1 / 3, 2)).toBe('<text x="0.33" y="2">n</text>');
  });
});

describe('scales', () => {
  it('maps ends to ends, and one value to the middle', () => {
    expect(linearScale([2, 6], 100, 0).at(3)).toBe(75);
    expect(linearScale([5, 5], 0, 10).at(5)).toBe(5);
  });

  it.each([
    { values: [0, 1], ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
    { values: [-3, 17], ticks: [0, 5, 10, 15] },
    { values: [0, 6000], ticks: [0, 2000, 4000, 6000] },
  ])('divides $values at round numbers', ({ values, ticks }) => {
    expect(ticksOf(linearScale(values, 0, 1), 5)).toEqual(ticks);
  });

  it('has a colour for every trajectory', () => {
    expect(new Set(Array.from({ length: 60 }, (_, i) => colourOf(i))).size).toBe(60);
  });
});

describe('drawings', () => {
  it('puts joined leaves side by side', () => {
    expect(leavesInOrder(JOINS, 4)).toEqual([0, 2, 1, 3]);
    expect(leavesInOrder([], 1)).toEqual([0]);
  });

  it.each([
    ['dendrogram', drawDendrogram('a < b', JOINS, [0, 1, 0, 1])],
    [
      'map',
      drawWeightMap('a < b', [
        {
          name: 'run',
          points: [
            [0, 0],
            [1, 2],
          ],
        },
      ]),
    ],
    ['empty map', drawWeightMap('a < b', [{ name: 'run', points: [] }])],
    ['steps', drawSteps('a < b', [{ name: 'run', lengths: [3, 2, 1] }])],
  ])('gives a %s of finite numbers, with its title escaped and read out', (_, svg) => {
    expect(svg).toContain('<title>a &lt; b</title>');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg.match(/<(?!\/)[^>]*[^/]>/g)?.length).toBe(svg.match(/<\/[^>]+>/g)?.length);
  });

  it('colours what one group holds in its colour, and what joins groups in grey', () => {
    const svg = drawDendrogram('t', JOINS, [0, 1, 0, 1]);
    const strokes = [...svg.matchAll(/<polyline[^>]*stroke="([^"]+)"/g)].map(([, stroke]) => stroke);
    expect(strokes).toEqual([colourOf(0), colourOf(1), '#444444']);
  });
});
