import type { Completion, Key, KeyName } from './events.ts';
import { LIST_START } from './scroll-list.ts';
import type { BrowserState, Prompt } from './state.ts';
import type { Update } from './update-result.ts';

function closed(state: BrowserState): BrowserState {
  return { ...state, prompt: undefined };
}

/** A filter acts while it is typed. */
function filtered(state: BrowserState, filter: string): BrowserState {
  return { ...state, screen: { ...state.screen, filter, list: LIST_START } };
}

function typed(state: BrowserState, prompt: Prompt, text: string): Update {
  const next = { ...state, prompt: { ...prompt, text, choices: [] } };
  return { state: prompt.purpose === 'filter' ? filtered(next, text) : next, effects: [] };
}

function accept(state: BrowserState, { purpose, text, commit }: Prompt): Update {
  const path = text.trim();
  const next = closed(state);
  if (purpose === 'filter' || path === '') return { state: next, effects: [] };
  if (purpose === 'identify') {
    const running = { ...next.running, identify: `Identifying ${path}…` };
    return { state: { ...next, running }, effects: [{ kind: 'identify', file: path }] };
  }
  if (commit === undefined) return { state: next, effects: [] };
  const running = { ...next.running, restore: `Restoring ${path}…` };
  return { state: { ...next, running }, effects: [{ kind: 'restore', commit, output: path }] };
}

function cancel(state: BrowserState, { purpose }: Prompt): Update {
  return { state: purpose === 'filter' ? filtered(closed(state), '') : closed(state), effects: [] };
}

function withoutLast(text: string): string {
  return [...text].slice(0, -1).join('');
}

/** Up to the last slash or space before the end. */
function withoutLastWord(text: string): string {
  return text.replace(/[^/ ]*[/ ]*$/, '');
}

function pressNamed(state: BrowserState, prompt: Prompt, name: KeyName): Update {
  if (name === 'enter') return accept(state, prompt);
  if (name === 'escape') return cancel(state, prompt);
  if (name === 'backspace')
    return prompt.text === '' ? cancel(state, prompt) : typed(state, prompt, withoutLast(prompt.text));
  if (name === 'clear-line') return typed(state, prompt, '');
  if (name === 'clear-word') return typed(state, prompt, withoutLastWord(prompt.text));
  if (name === 'tab' && prompt.purpose !== 'filter') {
    return { state, effects: [{ kind: 'complete-path', text: prompt.text }] };
  }
  return { state, effects: [] };
}

/** What a key does to the line that is typed on. */
export function pressPromptKey(state: BrowserState, prompt: Prompt, key: Key): Update {
  if ('name' in key) return pressNamed(state, prompt, key.name);
  return typed(state, prompt, prompt.text + key.character);
}

/** Takes a completion in, unless the user typed on meanwhile. */
export function completePrompt(state: BrowserState, asked: string, completion: Completion): BrowserState {
  const { prompt } = state;
  if (prompt === undefined || prompt.purpose === 'filter' || prompt.text !== asked) return state;
  return { ...state, prompt: { ...prompt, text: completion.text, choices: completion.choices } };
}
