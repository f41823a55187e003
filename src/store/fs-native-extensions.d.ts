/** The two functions that the store uses of the package, which ships no types. */
declare module 'fs-native-extensions' {
  /** Asks for a lock on an open file; false when another descriptor holds one. */
  export function tryLock(fd: number, offset?: number, length?: number, options?: { shared?: boolean }): boolean;
  export function unlock(fd: number): void;
}
