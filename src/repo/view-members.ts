import type { Member } from '../lineage/model.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import type { ViewMember, ViewOutline, ViewPlace, ViewTrajectory } from './view-outline.ts';

/** A member whose summary is opened when it is asked for: a question looks at few of thousands. */
class ViewedMember implements Member {
  readonly id: ManifestId;
  readonly source: string;
  readonly commit?: CommitId;
  readonly trajectory?: string;
  readonly position?: number;
  readonly #summaryOf: (id: ManifestId) => Summary;
  #summary: Summary | undefined;

  constructor(
    { id, source, commit }: ViewMember,
    place: ViewPlace | undefined,
    summaryOf: (id: ManifestId) => Summary,
  ) {
    this.id = id;
    this.source = source;
    this.#summaryOf = summaryOf;
    if (commit !== undefined) this.commit = commit;
    if (place === undefined) return;
    this.trajectory = place.trajectory;
    this.position = place.position;
  }

  get summary(): Summary {
    this.#summary ??= this.#summaryOf(this.id);
    return this.#summary;
  }
}

/** Where each member lies: on the first trajectory that has it. */
export function placesOf(
  members: readonly ViewMember[],
  trajectories: readonly ViewTrajectory[],
): readonly (ViewPlace | undefined)[] {
  const places = new Map<ManifestId, ViewPlace>();
  for (const { name, entries } of trajectories) {
    for (const { id, position } of entries) if (!places.has(id)) places.set(id, { trajectory: name, position });
  }
  return members.map(({ id }) => places.get(id));
}

/** The members with their summaries, each with its place on its trajectory where the outline has one. */
export function fillMembers(
  { members, places }: Pick<ViewOutline, 'members' | 'places'>,
  summaryOf: (id: ManifestId) => Summary,
): readonly Member[] {
  return members.map((member, i) => new ViewedMember(member, places[i], summaryOf));
}
