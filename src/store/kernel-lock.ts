/** Takes the kernel's lock on an open file, if nobody has it; the addon is loaded by commands that write. */
export async function tryLock(fd: number): Promise<boolean> {
  const addon = await import('fs-native-extensions');
  return addon.tryLock(fd);
}
