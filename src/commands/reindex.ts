import { plural } from '../charts/describe.ts';
import { WsvcCommand } from '../cli/base-command.ts';
import { reindex } from '../repo/reindex.ts';
import type { ReindexResult } from '../repo/results.ts';

export default class Reindex extends WsvcCommand {
  static override summary = 'Compute all derived data anew from the stored weights.';
  static override description =
    'Sketches, neighbor indexes and caches are never trusted and may be deleted at any time. The old ones stay until the new ones are whole.';
  static override examples = ['<%= config.bin %> reindex'];

  async run(): Promise<ReindexResult> {
    const { flags } = await this.parse(Reindex);
    const result = await this.perform(reindex(await this.repository(flags)));
    this.print(`Read ${plural(result.checkpoints, 'checkpoint')} anew.`);
    return result;
  }
}
