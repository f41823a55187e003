import { Args } from '@oclif/core';
import { formatConfidence, shortId } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { readLineageGraph } from '../repo/lineage-graph.ts';
import type { LineageResult } from '../repo/lineage-results.ts';

export default class Lineage extends WsvcCommand {
  static override summary = 'Show what descends from what.';
  static override examples = ['<%= config.bin %> lineage', '<%= config.bin %> lineage run-2'];
  static override args = { revision: Args.string({ description: 'Only what this revision descends from.' }) };

  async run(): Promise<LineageResult> {
    const { args, flags } = await this.parse(Lineage);
    const result = await readLineageGraph(await this.repository(flags), args.revision);
    this.printPaged(this.draw(result));
    return result;
  }

  private draw({ nodes, edges }: LineageResult): string[] {
    const label = new Map(nodes.map(({ commit, source }) => [commit, source]));
    const children = new Map<string, LineageResult['edges'][number][]>();
    for (const edge of edges) children.set(edge.parent, [...(children.get(edge.parent) ?? []), edge]);
    const hasParent = new Set(edges.map(({ child }) => child));
    const lines: string[] = [];
    // What has several parents stands under each of them, what comes from it under the first.
    const drawn = new Set<string>();
    const visit = (commit: string, indent: string, how: string): void => {
      lines.push(`${indent}${this.paint('yellow', shortId(commit))} ${label.get(commit) ?? ''}${how}`);
      const below = drawn.has(commit) ? [] : (children.get(commit) ?? []);
      drawn.add(commit);
      below.sort((a, b) => Number(a.relation === 'next') - Number(b.relation === 'next'));
      for (const edge of below) {
        const inner = edge.relation === 'next' && below.length === 1 ? indent : `${indent}  `;
        visit(
          edge.child,
          edge === below.at(-1) && edge.relation === 'next' ? indent : inner,
          `  ${this.paint('dim', `${edge.relation} ${formatConfidence(edge.confidence)}`)}`,
        );
      }
    };
    for (const { commit } of nodes) if (commit !== null && !hasParent.has(commit)) visit(commit, '', '');
    return lines;
  }
}
