import type { Member } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import type { ViewMember, ViewOutline, ViewPlace, ViewTrajectory } from './view-outline.ts';

/** Property by property, which for thousands takes a fraction of what spreading takes. */
function placeMember({ id, source, commit }: ViewMember, summary: Summary, place: ViewPlace | undefined): Member {
  const member: { -readonly [Key in keyof Member]: Member[Key] } = { id, source, summary };
  if (commit !== undefined) member.commit = commit;
  if (place === undefined) return member;
  member.trajectory = place.trajectory;
  member.position = place.position;
  return member;
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
  return members.map((member, i) => placeMember(member, summaryOf(member.id), places[i]));
}
