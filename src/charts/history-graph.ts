/** A commit as the graph needs it: its id, and those of its parents. */
export interface GraphCommit {
  readonly commit: string;
  readonly parents: readonly string[];
}

/** What each lane waits for: the next commit drawn in it; `undefined` where a lane is free. */
type Lanes = (string | undefined)[];

function lanePrefix(lanes: Lanes, own: number, mark: string): string {
  return lanes.map((waited, lane) => (lane === own ? mark : waited === undefined ? ' ' : '│')).join(' ');
}

/** A line that leads lanes into (`╯`) or out of (`╮`) one lane; lanes between are crossed. */
function turnLine(lanes: Lanes, own: number, turned: readonly number[], corner: '╯' | '╮'): string {
  const last = Math.max(...turned);
  const cells = lanes.map((waited, lane) => {
    if (lane === own) return '├';
    if (turned.includes(lane)) return lane === last ? corner : corner === '╯' ? '┴' : '┬';
    if (lane > own && lane < last) return waited === undefined ? '─' : '┼';
    return waited === undefined ? ' ' : '│';
  });
  return cells.map((cell, lane) => `${cell}${lane >= own && lane < last ? '─' : ' '}`).join('');
}

/** Lanes that wait for a commit: the leftmost becomes its own, the others end there. */
function lanesFor(lanes: Lanes, commit: string): { readonly own: number; readonly ending: readonly number[] } {
  const waiting = lanes.flatMap((waited, lane) => (waited === commit ? [lane] : []));
  const [own = firstFree(lanes), ...ending] = waiting;
  return { own, ending };
}

function firstFree(lanes: Lanes): number {
  const free = lanes.indexOf(undefined);
  return free < 0 ? lanes.length : free;
}

/** Opens a lane right of `own` for each further parent; returns the new lanes. */
function openLanes(lanes: Lanes, own: number, parents: readonly string[]): readonly number[] {
  return parents.map((parent) => {
    const free = lanes.findIndex((waited, lane) => lane > own && waited === undefined);
    const lane = free < 0 ? lanes.length : free;
    lanes[lane] = parent;
    return lane;
  });
}

function trimFree(lanes: Lanes): void {
  while (lanes.length > 0 && lanes.at(-1) === undefined) lanes.pop();
}

/**
 * Draws a history beside its text: a star a commit, a line a branch, corners where branches part.
 *
 * @param commits - children before their parents.
 * @param texts - the lines of each.
 */
export function drawHistory(commits: readonly GraphCommit[], texts: readonly (readonly string[])[]): readonly string[] {
  const shown = new Set(commits.map(({ commit }) => commit));
  const lanes: Lanes = [];
  const lines: string[] = [];
  const put = (prefix: string, text: string): void => {
    lines.push(`${prefix} ${text}`.trimEnd());
  };
  for (const [index, { commit, parents }] of commits.entries()) {
    const { own, ending } = lanesFor(lanes, commit);
    if (ending.length > 0) {
      lines.push(turnLine(lanes, own, ending, '╯').trimEnd());
      for (const lane of ending) lanes[lane] = undefined;
      trimFree(lanes);
    }
    const [first, ...others] = parents.filter((parent) => shown.has(parent));
    lanes[own] = commit;
    const [head = '', ...rest] = texts[index] ?? [];
    put(lanePrefix(lanes, own, '*'), head);
    const opened = openLanes(lanes, own, others);
    if (opened.length > 0) lines.push(turnLine(lanes, own, opened, '╮').trimEnd());
    lanes[own] = first;
    for (const text of rest) put(lanePrefix(lanes, -1, ''), text);
    trimFree(lanes);
  }
  return lines;
}
