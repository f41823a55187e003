import type { IdentificationResult, TrajectoryResult } from '../repo/lineage-results.ts';
import type { ShowResult } from '../repo/results.ts';
import type { Task } from './events.ts';
import { LIST_START, type ScrollList } from './scroll-list.ts';

interface Listed {
  readonly list: ScrollList;
  /** Only items that hold this text are listed; '' for all. */
  readonly filter: string;
}

/** One level of the browser: what is listed, and where the user stands in it. */
export type Screen = Listed &
  (
    | { readonly kind: 'trajectories' }
    | { readonly kind: 'checkpoints'; readonly trajectory: string }
    | {
        readonly kind: 'checkpoint';
        readonly commit: string;
        readonly source: string;
        /** Undefined while it is read. */
        readonly shown: ShowResult | undefined;
      }
    | { readonly kind: 'identification'; readonly answer: IdentificationResult }
  );

/** A line that the user types on. */
export interface Prompt {
  readonly purpose: 'filter' | 'identify' | 'restore';
  readonly text: string;
  /** Names that the text could be completed to, after Tab. */
  readonly choices: readonly string[];
  /** The commit to restore. */
  readonly commit?: string;
}

export interface Status {
  readonly tone: 'info' | 'error';
  readonly text: string;
}

/** Everything that is drawn. */
export interface BrowserState {
  readonly columns: number;
  readonly rows: number;
  readonly hasColour: boolean;
  /** What leads from the user's folder to the work tree: '' or `../` and the like. */
  readonly pathToTree: string;
  /** Undefined until they are read. */
  readonly trajectories: readonly TrajectoryResult[] | undefined;
  readonly screen: Screen;
  /** The screens one came through, the nearest last. */
  readonly behind: readonly Screen[];
  readonly prompt: Prompt | undefined;
  readonly status: Status | undefined;
  /** Tasks that run, with what is to be said of them. */
  readonly running: Readonly<Partial<Record<Task, string>>>;
  readonly isHelpOpen: boolean;
}

/** How the browser opens. */
export function openingState(
  setting: Pick<BrowserState, 'columns' | 'rows' | 'hasColour' | 'pathToTree'>,
): BrowserState {
  return {
    ...setting,
    trajectories: undefined,
    screen: { kind: 'trajectories', list: LIST_START, filter: '' },
    behind: [],
    prompt: undefined,
    status: undefined,
    running: { 'load-trajectories': 'Reading the repository…' },
    isHelpOpen: false,
  };
}
