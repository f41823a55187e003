import { LIST_START } from './scroll-list.ts';
import type { BrowserState, Screen } from './state.ts';

type Opening =
  | { readonly kind: 'checkpoints'; readonly trajectory: string }
  | Pick<Extract<Screen, { kind: 'checkpoint' }>, 'kind' | 'commit' | 'source' | 'shown'>
  | Pick<Extract<Screen, { kind: 'identification' }>, 'kind' | 'answer'>;

/** Goes one level in; a filter that was being typed stays with the screen it is about. */
export function openScreen(state: BrowserState, opening: Opening): BrowserState {
  const screen: Screen = { ...opening, list: LIST_START, filter: '' };
  const prompt = state.prompt?.purpose === 'filter' ? undefined : state.prompt;
  return { ...state, screen, prompt, behind: [...state.behind, state.screen], isHelpOpen: false };
}

/** Goes one level out: first the filter goes, then the screen. On the first screen nothing happens. */
export function leaveScreen(state: BrowserState): BrowserState {
  if (state.screen.filter !== '') return { ...state, screen: { ...state.screen, filter: '', list: LIST_START } };
  const screen = state.behind.at(-1);
  return screen === undefined ? state : { ...state, screen, behind: state.behind.slice(0, -1) };
}
