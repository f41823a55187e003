import type { AxisRef } from '../names/modules.ts';
import type { SpaceBuilder, Split } from '../names/space-builder.ts';

/** The units that flow along an edge of the graph. */
export interface Signal {
  readonly slot: number;
  /** Number of units: the last axis, before any flattening. */
  readonly size: number;
  /** Number of axes, the batch included, where known. */
  readonly rank: number | undefined;
  /** Whether pixels and channels were made one axis, the channels innermost (Keras' channels-last order). */
  readonly isFlattened: boolean;
}

/** What a layer does to units besides passing them on. */
export interface Effects {
  readonly keepsScale?: boolean;
  readonly keepsSign?: boolean;
}

interface Slot {
  readonly refs: { readonly ref: AxisRef; readonly split: Split | undefined }[];
  isAnchored: boolean;
  isRescalable: boolean;
  isFlippable: boolean;
  parent: number;
}

/** The hidden spaces of a graph while they are found: slots, joined by union-find. */
export interface Slots {
  create(): number;
  join(slots: readonly number[]): void;
  anchor(slot: number): void;
  touch(slot: number, ref: AxisRef, split?: Split): void;
  affect(slot: number, effects: Effects): void;
  report(builder: SpaceBuilder): void;
}

export function createSlots(): Slots {
  const slots: Slot[] = [];
  const find = (slot: number): number => {
    const parent = slots[slot]?.parent ?? slot;
    return parent === slot ? slot : find(parent);
  };
  const at = (slot: number): Slot | undefined => slots[find(slot)];
  return {
    create() {
      slots.push({ refs: [], isAnchored: false, isRescalable: true, isFlippable: true, parent: slots.length });
      return slots.length - 1;
    },
    join(joined) {
      const [first, ...others] = new Set(joined.map(find));
      const into = first === undefined ? undefined : slots[first];
      for (const other of others.flatMap((slot) => slots[slot] ?? [])) {
        if (into) merge(into, other, first ?? 0);
      }
    },
    anchor(slot) {
      const found = at(slot);
      if (found) found.isAnchored = true;
    },
    touch(slot, ref, split) {
      at(slot)?.refs.push({ ref, split });
    },
    affect(slot, { keepsScale = true, keepsSign = true }) {
      const found = at(slot);
      if (!found) return;
      found.isRescalable &&= keepsScale;
      found.isFlippable &&= keepsSign;
    },
    report(builder) {
      for (const [number, slot] of slots.entries()) if (find(number) === number) reportSlot(slot, builder);
    },
  };
}

function merge(into: Slot, other: Slot, parent: number): void {
  into.refs.push(...other.refs);
  into.isAnchored ||= other.isAnchored;
  into.isRescalable &&= other.isRescalable;
  into.isFlippable &&= other.isFlippable;
  other.parent = parent;
}

function reportSlot(slot: Slot, builder: SpaceBuilder): void {
  if (slot.isAnchored) {
    for (const { ref } of slot.refs)
      builder.refuse(ref.tensor, 'its units are outputs, or meet an operator that fixes their order');
    return;
  }
  const splits = new Map(slot.refs.flatMap(({ ref, split }) => (split ? [[ref, split]] : [])));
  if (slot.refs.length === 0) return;
  const { isRescalable, isFlippable } = slot;
  builder.join({ axes: slot.refs.map(({ ref }) => ref), isRescalable, isFlippable, splits });
}
