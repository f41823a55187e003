import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolders } from '../store/temporary.ts';
import { trainRun, writeNet } from './models.ts';
import { askWsvc, runWsvc } from './program.ts';

const temporary = temporaryFolders();

describe('fsck', () => {
  it('prints some of what a lost pack takes with it, and all of it as JSON', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    for (const [i, net] of trainRun(71, 30).entries()) await writeNet(folder, `${i}.safetensors`, net);
    await askWsvc(folder, 'import', '.');
    const packs = join(folder, '.wsvc', 'blobs', 'packs');
    for (const name of readdirSync(packs)) truncateSync(join(packs, name), 200);
    const printed = await runWsvc(folder, 'fsck');
    expect(printed.status).toBe(3);
    const lines = printed.stdout.trim().split('\n');
    const json = await runWsvc(folder, 'fsck', '--json');
    const { findings } = JSON.parse(json.stdout) as { readonly findings: readonly unknown[] };
    expect(findings.length).toBeGreaterThan(24);
    expect(lines).toHaveLength(24 + 2);
    expect(lines).toContain(`… and ${findings.length - 24} more of these: --json lists them all.`);
  });
});
