import type git from 'isomorphic-git';

/** Loads isomorphic-git where something is asked that cannot be read without it: most commands end before. */
export async function loadGit(): Promise<typeof git> {
  return (await import('isomorphic-git')).default;
}
