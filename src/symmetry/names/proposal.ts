import type { Link } from './chain.ts';

/** A link that a rule found, before it is held against the rest of the file. */
export interface Proposal {
  readonly rule: 'sequential' | 'numbered' | 'role';
  /** Path below which the rule looked. */
  readonly parent: string;
  readonly link: Link;
  /** Whether skip connections are possible: then all spaces of that size become one. */
  readonly isMerge: boolean;
  /** Whether the units pass a product of two branches, so that rescaling them changes the function. */
  readonly isGated: boolean;
}

/** What the rules report besides links: why they refused. */
export type Refuse = (path: string, reason: string) => void;

/** Names under which modules stand side by side and not one after the other. */
export const PARALLEL_NAME =
  /^(heads?|branch\w*|experts?|laterals?|inner_blocks|layer_blocks|module_list|convs|towers?|scales|levels|aux\w*|\w*pred\w*|cls\w*|reg\w*|ensemble|models|members|critics?|qs?|q_networks?|parallel\w*|paths?|lora\w*)$/i;
