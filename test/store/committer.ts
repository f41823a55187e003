/*
 * A process that commits: `committer.ts DIRECTORY NAME COUNT`. Each commit stores a blob of its own, goes on top of main, and
 * is printed once it is done. Tests run several at once, or kill one.
 */
import { WsvcError } from '../../src/errors.ts';
import { openHistory } from '../../src/store/git-history.ts';
import { openBlobStore } from '../../src/store/pack-blob-store.ts';
import { idOf, putAll } from './blobs.ts';
import { newCommit } from './repository-samples.ts';

const [directory = '', name = '', count = '0'] = process.argv.slice(2);
const history = await openHistory(directory);
const store = await openBlobStore(directory);

async function commitOnTop(n: number): Promise<string> {
  for (;;) {
    const { commit: tip } = (await history.listBranches()).find((branch) => branch.name === 'main') ?? {};
    const commit = newCommit(n, tip === undefined ? [] : [tip], `${name}/${n}.pt`);
    const id = await history.writeCommit({ ...commit, message: `${name} ${n}\n` });
    try {
      await history.updateBranch('main', id, tip);
      return id;
    } catch (error) {
      // Another was faster: on top of that one, then.
      if (!(error instanceof WsvcError) || error.code !== 'locked') throw error;
    }
  }
}

for (let n = 0; n < Number(count); n++) {
  const plain = new TextEncoder().encode(`${name} ${n} `.repeat(200));
  await putAll(store, [{ plain }]);
  const id = await commitOnTop(n);
  process.stdout.write(`${idOf(plain)} ${id}\n`);
}
