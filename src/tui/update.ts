import { unreachable } from '../assert.ts';
import { plural } from '../charts/describe.ts';
import type { BrowserEvent, Task } from './events.ts';
import { listItems } from './items.ts';
import { layOut } from './layout.ts';
import { fitList } from './scroll-list.ts';
import type { BrowserState, Screen, Status } from './state.ts';
import { pressKey } from './update-key.ts';
import { completePrompt, pressPromptKey } from './update-prompt.ts';
import type { Update } from './update-result.ts';
import { openScreen } from './update-screen.ts';

function finish(state: BrowserState, task: Task, status?: Status): BrowserState {
  const { [task]: _done, ...running } = state.running;
  return { ...state, running, ...(status === undefined ? {} : { status }) };
}

/** The checkpoint may have been left, and come to again, before it was read. */
function withShown(
  state: BrowserState,
  commit: string,
  shown: Extract<Screen, { kind: 'checkpoint' }>['shown'],
): BrowserState {
  const fill = (screen: Screen): Screen =>
    screen.kind === 'checkpoint' && screen.commit === commit ? { ...screen, shown } : screen;
  return { ...state, screen: fill(state.screen), behind: state.behind.map(fill) };
}

function fitScreen(state: BrowserState): BrowserState {
  const { screen } = state;
  const list = fitList(screen.list, listItems(state).length, layOut(state).list);
  return { ...state, screen: { ...screen, list } };
}

function quiet(state: BrowserState): Update {
  return { state, effects: [] };
}

function pressAnyKey(state: BrowserState, key: Extract<BrowserEvent, { kind: 'key' }>['key']): Update {
  if ('name' in key && key.name === 'interrupt') return { state, effects: [{ kind: 'quit' }] };
  const heard = { ...state, status: undefined };
  if (heard.isHelpOpen) return quiet({ ...heard, isHelpOpen: false });
  return heard.prompt === undefined ? pressKey(heard, key) : pressPromptKey(heard, heard.prompt, key);
}

function react(state: BrowserState, event: BrowserEvent): Update {
  switch (event.kind) {
    case 'key':
      return pressAnyKey(state, event.key);
    case 'resized':
      return quiet({ ...state, columns: event.columns, rows: event.rows });
    case 'trajectories-loaded':
      return quiet({ ...finish(state, 'load-trajectories'), trajectories: event.result.trajectories });
    case 'checkpoint-loaded':
      return quiet(withShown(finish(state, 'load-checkpoint'), event.commit, event.result));
    case 'identified':
      return quiet(openScreen(finish(state, 'identify'), { kind: 'identification', answer: event.result }));
    case 'restored': {
      const { restored, path } = event.result;
      const what = restored.length === 1 ? path : plural(restored.length, 'file');
      return quiet(finish(state, 'restore', { tone: 'info', text: `Restored ${what}, checked against its SHA-256.` }));
    }
    case 'completed':
      return quiet(completePrompt(finish(state, 'complete-path'), event.text, event.completion));
    case 'progressed':
      return quiet({ ...state, running: { ...state.running, [event.task]: event.label } });
    case 'failed':
      return quiet(finish(state, event.task, { tone: 'error', text: event.message }));
    default:
      return unreachable(event);
  }
}

/** Everything the browser does: the state after an event, and the effects it asks for. Pure. */
export function update(state: BrowserState, event: BrowserEvent): Update {
  const { state: next, effects } = react(state, event);
  return { state: fitScreen(next), effects };
}
