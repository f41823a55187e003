import { beforeAll, describe, expect, it } from 'vitest';
import { suggestWord } from '../../src/cli/did-you-mean.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { refuseWsvc } from './program.ts';

const temporary = temporaryFolders();

describe('words that were mistyped', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporary();
  });

  it.each([
    { args: ['idenify', 'x.pt'], message: 'wsvc has no command idenify.', hint: 'Did you mean wsvc identify?' },
    { args: ['stat'], message: 'wsvc has no command stat.', hint: 'Did you mean wsvc status?' },
    { args: ['frobnicate'], message: 'wsvc has no command frobnicate.', hint: 'wsvc --help lists the commands.' },
    { args: ['identify', '--tensor', 'x'], message: 'There is no flag --tensor.', hint: 'Did you mean --tensors?' },
    { args: ['status', '--nope'], message: 'There is no flag --nope.', hint: 'See --help.' },
  ])('$args', async ({ args, message, hint }) => {
    const refused = await refuseWsvc(folder, ...args);
    expect(refused).toMatchObject({ status: 2, code: 'usage', message });
    expect(refused.suggestions).toContain(hint);
  });

  it('suggests nothing where nothing is known', () => {
    expect(suggestWord('x', [])).toBeUndefined();
  });
});
