import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { drawSeries, resnetShapes, writeWeights } from '../bench/speed-files.ts';
import { startWsvc } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'wsvc-threads-'));
afterAll(() => rmSync(folder, { recursive: true }));

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** The packs, and the hashes of what is restored, of three checkpoints that were added one after the other. */
async function storeSeries(threads: string): Promise<readonly string[]> {
  const place = mkdtempSync(join(folder, 'repository-'));
  const wsvc = async (...args: string[]) => {
    const child = startWsvc(place, args, { WSVC_THREADS: threads });
    child.stdout.resume();
    const [status] = await once(child, 'close');
    expect(status).toBe(0);
  };
  await wsvc('init');
  const added: string[] = [];
  for (const [step, weights] of drawSeries(resnetShapes([32, 64, 128, 256]), 3, 5).entries()) {
    await writeWeights(place, `k${step}.safetensors`, weights, 'f32');
    added.push(hashOf(join(place, `k${step}.safetensors`)));
    await wsvc('add', `k${step}.safetensors`);
  }
  await wsvc('commit', '-m', 'series');
  for (const step of [0, 1, 2]) rmSync(join(place, `k${step}.safetensors`));
  await wsvc('restore', '.');
  expect([0, 1, 2].map((step) => hashOf(join(place, `k${step}.safetensors`)))).toEqual(added);
  return readdirSync(join(place, '.wsvc', 'blobs', 'packs')).sort();
}

it('writes the same packs, and restores the same files, with and without threads', async () => {
  const packs = await storeSeries('0');
  expect(packs).toHaveLength(3);
  expect(await storeSeries('2')).toEqual(packs);
});
