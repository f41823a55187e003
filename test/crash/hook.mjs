// Loaded into the program (`node --import`): counts its changes of the disk, and at the one that is asked for kills the process, or
// makes that change fail.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const failAt = Number(process.env.CRASH_AT ?? 0);
const mode = process.env.CRASH_MODE ?? 'count';
const countFile = process.env.CRASH_COUNT;
const write = fs.writeFileSync;
let changes = 0;

function step() {
  changes += 1;
  if (countFile !== undefined) write(countFile, String(changes));
  if (changes !== failAt || mode === 'count') return;
  if (mode === 'kill') process.kill(process.pid, 'SIGKILL');
  const code = mode === 'full' ? 'ENOSPC' : 'EIO';
  throw Object.assign(new Error(`${code}: made up`), { code, syscall: 'write', errno: -5 });
}

function wrapSync(name) {
  const original = fs[name];
  fs[name] = (...args) => {
    step();
    return original(...args);
  };
}

function wrapPromise(owner, name) {
  const original = owner[name];
  owner[name] = async function changed(...args) {
    step();
    return original.apply(this, args);
  };
}

for (const name of ['rename', 'link', 'unlink', 'rm', 'rmdir', 'mkdir', 'appendFile', 'truncate', 'writeFile']) {
  wrapPromise(fs.promises, name);
}
for (const name of ['appendFileSync', 'writeFileSync', 'renameSync', 'mkdirSync', 'ftruncateSync']) wrapSync(name);

const { open } = fs.promises;
let isPatched = false;
fs.promises.open = async (file, flags, ...rest) => {
  if (typeof flags === 'string' && /[wax]/.test(flags)) step();
  const handle = await open(file, flags, ...rest);
  if (!isPatched) {
    isPatched = true;
    const prototype = Object.getPrototypeOf(handle);
    for (const name of ['write', 'writeFile', 'sync', 'truncate']) wrapPromise(prototype, name);
  }
  return handle;
};
syncBuiltinESMExports();
