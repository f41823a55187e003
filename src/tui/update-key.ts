import type { Effect, Key, KeyName } from './events.ts';
import { listItems, selectedItem, selectedTarget } from './items.ts';
import { layOut } from './layout.ts';
import { moveBy } from './scroll-list.ts';
import type { BrowserState, Prompt } from './state.ts';
import type { Target } from './target.ts';
import type { Update } from './update-result.ts';
import { leaveScreen, openScreen } from './update-screen.ts';

/** What a key asks for, whichever key it is. */
type Wish =
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'first'
  | 'last'
  | 'in'
  | 'out'
  | 'filter'
  | 'identify'
  | 'restore'
  | 'help'
  | 'quit';

const NAMED: Readonly<Partial<Record<KeyName, Wish>>> = {
  up: 'up',
  down: 'down',
  left: 'out',
  right: 'in',
  'page-up': 'page-up',
  'page-down': 'page-down',
  home: 'first',
  end: 'last',
  enter: 'in',
  escape: 'out',
  backspace: 'out',
};

const CHARACTERS: ReadonlyMap<string, Wish> = new Map<string, Wish>([
  ['k', 'up'],
  ['j', 'down'],
  ['h', 'out'],
  ['l', 'in'],
  ['g', 'first'],
  ['G', 'last'],
  [' ', 'page-down'],
  ['/', 'filter'],
  ['i', 'identify'],
  ['r', 'restore'],
  ['?', 'help'],
  ['q', 'quit'],
]);

function only(state: BrowserState, ...effects: readonly Effect[]): Update {
  return { state, effects };
}

function move(state: BrowserState, step: number): Update {
  const list = moveBy(state.screen.list, step, listItems(state).length, layOut(state).list);
  return only({ ...state, screen: { ...state.screen, list } });
}

function openCheckpoint(state: BrowserState, { commit, source }: Target): Update {
  const opened = openScreen(state, { kind: 'checkpoint', commit, source, shown: undefined });
  const running = { ...opened.running, 'load-checkpoint': `Reading ${source}…` };
  return only({ ...opened, running }, { kind: 'load-checkpoint', commit });
}

function goIn(state: BrowserState): Update {
  const item = selectedItem(state);
  if (item?.kind === 'trajectory') {
    return only(openScreen(state, { kind: 'checkpoints', trajectory: item.trajectory.name }));
  }
  if (item?.kind !== 'checkpoint' && item?.kind !== 'line') return only(state);
  const target = selectedTarget(state);
  return target === undefined ? only(state) : openCheckpoint(state, target);
}

function ask(state: BrowserState, prompt: Omit<Prompt, 'choices'>): Update {
  return only({ ...state, prompt: { ...prompt, choices: [] } });
}

function askIdentify(state: BrowserState): Update {
  if (state.running.identify === undefined) return ask(state, { purpose: 'identify', text: '' });
  return only({ ...state, status: { tone: 'info', text: 'A file is being identified; ask again when it is done.' } });
}

function askRestore(state: BrowserState): Update {
  const target = selectedTarget(state);
  if (target !== undefined)
    return ask(state, { purpose: 'restore', text: state.pathToTree + target.source, commit: target.commit });
  return only({ ...state, status: { tone: 'info', text: 'Select a checkpoint to restore.' } });
}

/** The height of the list is a page, less one line that stays in sight. */
function pageOf(state: BrowserState): number {
  return Math.max(1, layOut(state).list - 1);
}

const GRANT = {
  up: (state) => move(state, -1),
  down: (state) => move(state, 1),
  'page-up': (state) => move(state, -pageOf(state)),
  'page-down': (state) => move(state, pageOf(state)),
  first: (state) => move(state, Number.NEGATIVE_INFINITY),
  last: (state) => move(state, Number.POSITIVE_INFINITY),
  in: goIn,
  out: (state) => only(leaveScreen(state)),
  filter: (state) => ask(state, { purpose: 'filter', text: state.screen.filter }),
  identify: askIdentify,
  restore: askRestore,
  help: (state) => only({ ...state, isHelpOpen: true }),
  quit: (state) => only(state, { kind: 'quit' }),
} as const satisfies Record<Wish, (state: BrowserState) => Update>;

/** What a key does where no prompt is open. */
export function pressKey(state: BrowserState, key: Key): Update {
  const wish = 'name' in key ? NAMED[key.name] : CHARACTERS.get(key.character);
  return wish === undefined ? only(state) : GRANT[wish](state);
}
