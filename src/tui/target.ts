/** A stored checkpoint that a line of a list stands for. */
export interface Target {
  readonly commit: string;
  /** The path it was added from. */
  readonly source: string;
}
