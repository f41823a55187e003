/** Union-find over 0..count-1. */
export class DisjointSets {
  private readonly parents: Int32Array;

  constructor(count: number) {
    this.parents = Int32Array.from({ length: count }, (_, i) => i);
  }

  find(member: number): number {
    let root = member;
    for (let up = this.parents[root] ?? root; up !== root; up = this.parents[root] ?? root) root = up;
    for (let at = member; at !== root; ) {
      const up = this.parents[at] ?? root;
      this.parents[at] = root;
      at = up;
    }
    return root;
  }

  /** Joins two sets under the smaller root; false when they were one already. */
  join(a: number, b: number): boolean {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA === rootB) return false;
    this.parents[Math.max(rootA, rootB)] = Math.min(rootA, rootB);
    return true;
  }

  /** The sets, each ascending, in the order of their smallest members. */
  groups(): readonly (readonly number[])[] {
    const groups = new Map<number, number[]>();
    for (let i = 0; i < this.parents.length; i++) {
      const root = this.find(i);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [i]);
      else group.push(i);
    }
    return [...groups.values()];
  }
}
